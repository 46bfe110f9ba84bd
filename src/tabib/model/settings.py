"""Settings of the whole host: what ``tabib.toml`` may say (annotated in ``docs/tabib.toml``)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tabib.model.notice import USUAL_LIMIT
from tabib.model.notice_words import USUAL_KINDS, USUAL_SEVERITY
from tabib.model.sample import Retention


@dataclass(frozen=True, slots=True, kw_only=True)
class RecorderSettings(Retention):
    """The flight recorder, with how long it keeps what."""

    enabled: bool = True
    interval_s: float = 5.0
    """Between two readings, while nothing special happens."""
    processes: bool = True
    """Whether a record of every process is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsSettings:
    """Where figures go beside the store. ``remote_write``: a Prometheus remote-write URL."""

    remote_write: str = ""
    remote_write_interval_s: float = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifySettings:
    """Who is told about every project, and what rules that say less than that mean.

    ``urls``: URLs, or rules in the long form; they hold secrets.
    """

    urls: list[Any] = field(default_factory=list)
    min_severity: str = USUAL_SEVERITY
    on: list[str] = field(default_factory=lambda: list(USUAL_KINDS))
    quiet_hours: str = ""
    timezone: str = ""
    messages_per_10_minutes: int = USUAL_LIMIT
    """To one destination."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupSettings:
    """Copies of data: what holds for every project that does not say otherwise."""

    enabled: bool = True
    repositories: list[Any] = field(default_factory=list)
    """URLs, or tables ``{url, environment, name, append_only}``; they hold secrets. Empty: a folder
    in the state folder."""
    schedule: str = "0 3 * * *"
    drill_schedule: str = "0 5 * * 0"
    timezone: str = ""
    image: str = "restic/restic:0.18.1"
    """What restic runs in."""
    first_after_s: float = 300.0
    """How long after its first ``up`` a project with data and no snapshot gets one."""
    litestream: str = ""
    """The program; empty: the one that is found in ``PATH``, if any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostSettings:
    recorder: RecorderSettings = field(default_factory=RecorderSettings)
    metrics: MetricsSettings = field(default_factory=MetricsSettings)
    notify: NotifySettings = field(default_factory=NotifySettings)
    backup: BackupSettings = field(default_factory=BackupSettings)
