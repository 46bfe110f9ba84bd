"""Findings, cases and incidents. Field names are the JSON contract."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tabib.model.kept_log import LogPattern
from tabib.model.process import ProcessRecord

SEVERITIES = ("info", "warning", "error", "critical")


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One piece of evidence. ``source``: ``engine``, ``event``, ``log``, ``health``, ``config``,
    ``history``, ``host`` (the machine), ``registry``, ``tls`` (what a port showed), ``dump`` (a
    copy of its data that failed), ``absent`` (what could not be had, and why)."""

    source: str
    text: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    code: str
    severity: str
    summary: str
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """One ranked cause; ``confidence`` 0…1; ``cites`` names finding codes."""

    code: str
    summary: str
    confidence: float
    cites: tuple[str, ...] = ()
    service: str = ""
    """The service that the trouble comes from, where that is not the incident's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Treatment:
    """One thing tabib did. ``outcome``: ``started``, ``done``, ``failed``, ``verified``,
    ``not_verified``, ``offered``, ``refused`` or ``undone``."""

    action: str
    reason: str
    started_at: datetime
    ended_at: datetime | None = None
    outcome: str = "started"
    by: str = ""
    """Who asked for it: ``""`` (tabib itself) or ``user``."""
    before: Mapping[str, str] = field(default_factory=dict)
    """What was so before it, as far as an undo needs that (``release``, ``networks``, …);
    ``service``: it was done to that one, which is not the incident's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One line of an incident's timeline. ``kind``: ``trouble``, ``sealed``, ``diagnosed``,
    ``treatment``, ``health``, ``grouped``, ``reopened``, ``closed`` or ``note``."""

    at: datetime
    kind: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Something that was changed shortly before a trouble. ``kind``: ``image``,
    ``configuration``, ``network``, ``restart`` or ``host``; ``service``: of which service, ``""``
    where it concerns all."""

    at: datetime
    kind: str
    text: str
    service: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthProbe:
    at: datetime
    exit_code: int
    output: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """Readings of one subject: ``rows[i]`` was read at ``times[i]``, its values in the order of
    ``metrics`` (names of :mod:`tabib.model.metrics`), whole base units, None where absent."""

    metrics: tuple[str, ...] = ()
    times: tuple[datetime, ...] = ()
    rows: tuple[tuple[int | None, ...], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What the flight recorder had of the minutes before a case was sealed. Redacted."""

    since: datetime
    until: datetime
    container: Readings = field(default_factory=Readings)
    node: Readings = field(default_factory=Readings)
    processes: tuple[ProcessRecord, ...] = ()
    """The container's, oldest first: those that run and those that have ended."""
    processes_left_out: int = 0
    """Older ones that did not fit."""
    living_threads: int | None = None
    """Threads of those of its processes that lived when the case was sealed; None: not known."""
    patterns: tuple[LogPattern, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DataState:
    """A data set of the service as it was found, beside what was known of it while it was well."""

    dataset: str
    kind: str
    """As of its data set: ``postgres``, ``files``, …"""
    verdict: str
    """``same``, ``full`` (the same, on a disk without room), ``lost``, ``emptied``, ``replaced``,
    ``shrunk``, ``unknown`` (not looked at), or ``unreadable`` (a copy of it failed in a way that
    means damage)."""
    text: str
    """What tells it, one sentence."""
    engine: str = ""
    """The engine's own evidence of it, beside the record: an event, or that the folder is gone or
    another one."""
    since: datetime | None = None
    """When what is there now began, where it tells (a database knows when it was made)."""
    well_at: datetime | None = None
    """When it was last known to be well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restoration:
    """What a restore within an incident brought back, and what was lost."""

    snapshot: str
    datasets: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    """What of the data is not back, one line each; empty: nothing."""
    whole: tuple[str, ...] = ()
    """How it is known that nothing is lost, one line for each data set of which it is."""
    kept: tuple[str, ...] = ()
    """Where the data as it was found is kept, one line each."""
    damage_snapshot: str = ""
    """The snapshot of what was found; ``""``: none could be taken, ``kept`` says where it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """The sealed evidence at the time of trouble. JSON; replays as a golden test.

    ``trigger``: ``died``, ``removed``, ``unhealthy``, ``oom``, ``loop``, ``start_failed``,
    ``detached`` (from a network), ``engine_restarted`` (not brought back), ``missing`` (found
    gone on observation) or ``data`` (what it holds is not what it was). Everything is redacted
    already.
    """

    id: str
    sealed_at: datetime
    trigger: str
    engine_id: str
    cluster: str
    project: str
    service: str
    slot: int
    container: str
    """The container's name."""
    container_id: str
    image: str = ""
    exit_code: int | None = None
    oom_killed: bool = False
    oom_event: bool = False
    status: str = ""
    health: str = ""
    engine_error: str = ""
    restarts: int = 0
    restart_policy: str = ""
    """As the engine applies it; ``""`` where none is set."""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    release: int | None = None
    log_tail: tuple[str, ...] = ()
    health_log: tuple[HealthProbe, ...] = ()
    events: tuple[str, ...] = ()
    """Recent events of the container and its project, oldest first, one line each."""
    kill_signals: tuple[int, ...] = ()
    """Signals that the engine was told to send shortly before the death."""
    dependencies: Mapping[str, str] = field(default_factory=dict)
    """Service it depends on, directly or through others → ``healthy``, ``failing`` (its latest
    checks fail, and it is not yet called unhealthy), ``running``, ``unhealthy``, ``down`` or
    ``unknown``."""
    config_changes: tuple[str, ...] = ()
    """Differences of the service's configuration to the last good release, one line each."""
    recent_deaths: tuple[datetime, ...] = ()
    """Earlier deaths of the same slot within the last hour."""
    inspection: Mapping[str, Any] = field(default_factory=dict)
    absent: tuple[str, ...] = ()
    """What could not be had, and why."""
    recent_changes: tuple[Change, ...] = ()
    """What was changed shortly before, the newest first."""
    missing_networks: tuple[str, ...] = ()
    """Networks that the release gives it and that it is not attached to, though it runs."""
    data: tuple[DataState, ...] = ()
    """Its data sets that were known while they were well."""
    overwritten: bool = False
    """The engine's own restart came first; state is from the continuous record."""
    recorded: Recorded | None = None
    """None where nothing was recorded: ``absent`` says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    id: str
    opened_at: datetime
    engine_id: str
    cluster: str
    project: str
    service: str
    container: str
    severity: str
    cause: Cause
    causes: tuple[Cause, ...] = ()
    findings: tuple[Finding, ...] = ()
    treatments: tuple[Treatment, ...] = ()
    outcome: str = "open"
    """``recovered``, ``mitigated``, ``needs_human``, ``open`` or ``false_alarm``."""
    closed_at: datetime | None = None
    rpo_seconds: float | None = None
    rto_seconds: float | None = None
    advice: str = ""
    reopened_at: datetime | None = None
    """When the same trouble came back after the incident was closed; ``rto_seconds`` counts from
    here then."""
    seen_at: datetime | None = None
    """When tabib saw the trouble; ``opened_at`` is when it happened by the engine's clock."""
    case_ids: tuple[str, ...] = ()
    parent: str = ""
    """The incident whose cause explains this one: that one is told of, and treated first."""
    reopened: int = 0
    """How often it came back; from three times within an hour on it is called flapping."""
    well_at: datetime | None = None
    """When its own service was well again, while others that it explains were not yet: an incident
    is closed after those that it is the parent of."""
    timeline: tuple[Moment, ...] = ()
    """Oldest first."""
    closed_by: str = ""
    """``user`` where a person closed it."""
    restored: Restoration | None = None
    """The last restore that was done about it."""
