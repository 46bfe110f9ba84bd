"""Releases, care records and leases: what the journal keeps about a project."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tabib.model.notice import RulesByService


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageIdentity:
    """Which image exactly. ``kind``: ``digest`` (repository digest) or ``id`` (platform + id)."""

    reference: str
    kind: str
    value: str
    platform: str = ""
    image_id: str = ""
    """The local image's id; its keep tag is made from it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """An immutable, numbered deployment of a project to an engine.

    ``model`` is the sealed project (values are vault references), as JSON values.
    ``verdict``: ``pending``, ``good``, ``failed`` or ``adopted``.
    """

    number: int
    project: str
    engine_id: str
    cluster: str
    created_at: datetime
    by: str
    reason: str
    config_hash: str
    """SHA-256 over the services' own configuration hashes, networks and volumes."""
    model: Mapping[str, Any] = field(default_factory=dict)
    images: Mapping[str, ImageIdentity] = field(default_factory=dict)
    parent: int | None = None
    verdict: str = "pending"
    backup: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CareRecord:
    """That, and how, a project is cared for. Keyed by (engine_id, project).

    ``halted`` maps a container name (or ``*`` for the whole project) to why it shall not run:
    ``stopped`` (by hand or by ``tabib stop``), ``removed``, ``finished`` or ``quarantined``.
    ``scale`` holds replica numbers set by ``tabib scale`` / ``up --scale`` over the model's.
    """

    engine_id: str
    project: str
    endpoint: Mapping[str, Any]
    mode: str = "act"
    """``act``, ``advise`` or ``observe``."""
    working_dir: str = ""
    files: tuple[str, ...] = ()
    release: int | None = None
    adopted: bool = False
    halted: Mapping[str, str] = field(default_factory=dict)
    halted_at: Mapping[str, datetime] = field(default_factory=dict)
    """Container name → when the engine was asked to end it (its clock); for those of ``halted``
    that were stopped by hand."""
    scale: Mapping[str, int] = field(default_factory=dict)
    reset_at: datetime | None = None
    """When a person last brought it up or started it: earlier treatments spend no budget."""
    updated_at: datetime | None = None
    notify: RulesByService = field(default_factory=dict)
    """Whom to tell about its incidents; URLs are vault references."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LastSeen:
    """The last full look at a container in care; what evidence falls back on once it is gone."""

    engine_id: str
    project: str
    container_id: str
    name: str
    service: str
    slot: int
    seen_at: datetime
    running: bool
    inspection: Mapping[str, Any]
    """The engine's own inspection, environment values sealed."""
    log_tail: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalEntry:
    """One line of the journal, append-only.

    ``kind``: ``operation_started``, ``intent``, ``outcome``, ``operation_ended``, ``event``,
    ``observed``, ``care``, ``note``. ``seq`` is 0 until the journal assigned it.
    """

    at: datetime
    kind: str
    engine_id: str = ""
    project: str = ""
    operation: str = ""
    subject: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    seq: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A lock on a project with a fencing token that only ever grows."""

    scope: str
    token: int
    holder: str
    expires_at: datetime
