"""Data and its copies: data sets, snapshots, repositories, drills. Names are the JSON contract.

A **data set** is one volume (or written-to folder) of a project. A **snapshot** is one restorable
copy of a project's data: a **part** for each data set, all in one **repository**, in restic's
format. A **drill** is a restore into scratch that is booted and checked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tabib.model.release import CareRecord, Release

TRIGGERS = ("manual", "schedule", "before_change", "damage", "final")
KINDS = ("postgres", "mysql", "redis", "mongodb", "sqlite", "files")
"""What a data set holds, by how it must be copied. ``sqlite`` may hold other files as well."""

# How a part was copied, from the best consistency to the least.
DATABASE = "database"
"""By the database's own means: one point in time, everything acknowledged before it included."""
STOPPED = "stopped"
"""Whoever writes to it was stopped for the time of the copy."""
PAUSED = "paused"
"""Whoever writes to it was frozen: what a power cut would leave."""
LOCKED = "locked"
"""SQLite files were held by a read transaction while they were copied; other files were not."""
LIVE = "live"
"""Copied while it was written to: each file as it was met."""
CONSISTENCIES = (DATABASE, STOPPED, PAUSED, LOCKED, LIVE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where files lie on an engine: a volume by name, or a folder of its host by path."""

    type: str
    """``volume`` or ``bind``; ``tmpfs`` of a cache that is named and never copied."""
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """One volume or folder of a project that holds data."""

    name: str
    """What a person calls it: the Compose key of the volume, else the path."""
    place: Place
    kind: str
    """One of :data:`KINDS`; of what holds nothing worth keeping (a cache): ``cache``."""
    service: str
    """Whose data it is: the service that runs the database, else the first that writes to it."""
    services: tuple[str, ...] = ()
    """All that mount it and may write to it."""
    target: str = ""
    """Where ``service`` has it mounted."""
    inner: str = ""
    """Where in it the database's own files lie, relative to its root; ``""``: at the root."""
    files: tuple[str, ...] = ()
    """SQLite files in it, relative to its root."""
    covered: bool = True
    """Whether it is backed up."""
    method: str = ""
    """``pause``, ``stop`` or ``live`` where the user chose; ``""``: the best for its kind."""
    why: str = ""
    """Why it is (or is not) data, and why it is (or is not) backed up; one sentence."""
    hooks: Mapping[str, str] = field(default_factory=dict)
    """``before`` and ``after``: commands to run in the container of ``service``, by ``sh -c``."""
    excludes: tuple[str, ...] = ()
    """Patterns of files in it that are left out, as restic's ``--exclude`` reads them."""
    generation: int | None = None
    """Of a volume whose folder tabib holds."""
    volume_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The copy of one data set."""

    dataset: Dataset
    stored: str
    """Id of restic's own snapshot."""
    form: str
    """``files`` (a tree under ``path``), ``tar`` (one archive: a base backup), ``dump`` (SQL or an
    archive that the database's own tool loads) or ``rdb`` (Redis)."""
    path: str
    """The file or the root of the tree within ``stored``."""
    consistency: str
    taken_at: datetime
    """The point in time that it is a copy of: what was acknowledged before is in it."""
    ended_at: datetime
    version: str = ""
    """Of the database, as ``15.4``."""
    identity: str = ""
    """The database's own: PostgreSQL's system identifier, MySQL's server uuid."""
    image: str = ""
    image_id: str = ""
    size_bytes: int = 0
    added_bytes: int = 0
    """What it took in the repository, after deduplication and compression."""
    record: Mapping[str, Any] = field(default_factory=dict)
    """What was counted when it was made, for drills: see the kind's own module."""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """How long one part of a restore took: ``restore``, ``check``, ``swap``, ``start``, …"""

    name: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillResult:
    """What a drill of a snapshot found. ``outcome``: ``passed`` or ``failed``."""

    at: datetime
    outcome: str
    rto_seconds: float = 0.0
    """From the first byte restored until the last service was healthy and its data checked."""
    phases: tuple[Phase, ...] = ()
    checks: tuple[str, ...] = ()
    """What was found, one line each: what passed, and what did not and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One restorable copy of a project's data; written when all of its parts are stored."""

    id: str
    project: str
    engine_id: str
    cluster: str
    taken_at: datetime
    """The earliest of its parts' points in time: older than this nothing is lost by it."""
    ended_at: datetime
    trigger: str
    """One of :data:`TRIGGERS`."""
    reason: str = ""
    parts: tuple[Part, ...] = ()
    services: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    """Names of the data sets, as a person calls them."""
    consistency: str = DATABASE
    """The least of its parts'."""
    consistent: bool = True
    """No part was copied ``live``."""
    together: bool = False
    """All parts are of the same point in time."""
    size_bytes: int = 0
    added_bytes: int = 0
    release: int | None = None
    repository: str = ""
    """The repository's name; its secrets are not in it."""
    manifest: str = ""
    """Id of restic's own snapshot that holds this record, and what a bare machine needs."""
    verified_at: datetime | None = None
    drill: DrillResult | None = None
    """The last one."""
    hold: bool = False
    """Retention never lets it go (``tabib snapshot ID --hold``)."""
    complete: bool = True
    """Every data set that is covered has a part in it."""

    @property
    def damaged(self) -> bool:
        """It keeps what was damaged: never restored from by itself, never counted by retention."""
        return self.trigger == "damage"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptFile:
    """A small file of the host that the project needs beside its data: its Compose files, what
    secrets and configs are read from, mounted configuration."""

    path: str
    content: bytes
    mode: int = 0o644
    uid: int = 0
    gid: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a repository holds beside the parts of a snapshot: enough to rebuild the project on a
    bare machine. It is stored last, encrypted as everything in there: a snapshot without it is
    none."""

    snapshot: Snapshot
    release: Release | None = None
    """Its model names secret values by reference."""
    secrets: Mapping[str, str] = field(default_factory=dict)
    """Reference → value, of every reference in ``release`` and ``care``."""
    care: CareRecord | None = None
    installation: str = ""
    files: tuple[KeptFile, ...] = ()
    unkept: Mapping[str, str] = field(default_factory=dict)
    """Path on the host → why it is not in ``files`` although a service needs it."""
    version: int = 1
    """Of this form; one that is newer than known is refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """How many snapshots retention keeps: the last so many, and the newest of so many hours, days,
    weeks (ISO), months and years; and everything younger than ``within_days``."""

    last: int = 3
    hourly: int = 0
    daily: int = 7
    weekly: int = 4
    monthly: int = 12
    yearly: int = 0
    within_days: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryAddress:
    """Where a repository is. ``url`` as restic writes it: a path, ``s3:…``, ``sftp:…``,
    ``rest:…``, ``rclone:…``; ``""``: the default one of this installation."""

    url: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Credentials (``AWS_ACCESS_KEY_ID``, ``RESTIC_REST_PASSWORD``, …): vault references where it
    is stored."""
    name: str = ""
    """What it is called in lists; ``""``: the url without its secrets."""
    append_only: bool = False
    """Snapshots are never removed from it by tabib."""
    limit_upload_kib: int = 0
    """KiB/s; 0: no limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupPolicy:
    """How a project is backed up: ``x-tabib.backup``, over ``[backup]`` of ``tabib.toml``."""

    enabled: bool = True
    schedule: str = "0 3 * * *"
    """Cron, in ``timezone``; ``""``: never by itself."""
    timezone: str = ""
    """``""``: the host's."""
    drill_schedule: str = "0 5 * * 0"
    keep: Keep = field(default_factory=Keep)
    repositories: tuple[RepositoryAddress, ...] = (RepositoryAddress(),)
    """The first is the one that is restored from; each gets every snapshot."""
    together: bool = False
    """All data sets at one point in time: their services are paused for the second pass."""
    point_in_time: bool = False
    """Keep the databases' write-ahead logs as well."""
    auto_restore: bool = True
    """Whether lost or damaged data is restored without a person, where care is ``act``."""
    before_change: str = "require"
    """What a change that could lose data does without a snapshot before it: ``require`` one,
    ``try`` (say so and go on), or ``never`` take one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What is known of a data set while it is well: how a lost one that came back empty, and a
    replaced one, is recognised."""

    dataset: str
    place: Place
    seen_at: datetime
    volume_id: str = ""
    generation: int | None = None
    root: str = ""
    """``device:inode`` of its root folder, and its birth time where the file system has one."""
    kind: str = "files"
    service: str = ""
    inner: str = ""
    """As of its :class:`Dataset`: what a look at its folder needs to know."""
    database: str = ""
    """The database's own identity."""
    marks: tuple[str, ...] = ()
    """Files, relative to its root, without which it is not what it was."""
    size_bytes: int | None = None
    files: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Copies:
    """What tabib has of one project's data. ``places``: volumes and folders that the newest
    snapshot has; ``waived``: those that are caches, or that somebody said to leave out."""

    enabled: bool = False
    """Whether they are made by themselves."""
    since: datetime | None = None
    """When the project came into care."""
    newest: datetime | None = None
    verified: datetime | None = None
    """When the newest snapshot that a drill has verified was taken."""
    first: datetime | None = None
    """When the oldest that there is was taken."""
    places: frozenset[str] = frozenset()
    waived: frozenset[str] = frozenset()
    stale_after: timedelta | None = None
    drill_after: timedelta | None = None
    """How long a snapshot may wait for a drill; None: none are made by themselves."""
    failures: int = 0
    failed: str = ""
    """What the last failure since the newest snapshot said."""
    drill_failed: str = ""
    services: tuple[str, ...] = ()
    """Whose data the newest snapshot has."""
    no_log: str = ""
    """Why none is kept, though ``point_in_time`` asks for it."""


# ── what a repository answers ──────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """One of restic's own snapshots."""

    id: str
    at: datetime
    tags: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    parent: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """What saving did. ``files_unreadable``: could not be read, and are not in it."""

    id: str
    size_bytes: int
    added_bytes: int
    files: int = 0
    files_unreadable: tuple[str, ...] = ()
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEntry:
    """A file or folder within a stored snapshot. ``type``: ``file``, ``dir``, ``symlink`` …"""

    path: str
    type: str
    size_bytes: int = 0
    modified_at: datetime | None = None
    mode: int = 0
    uid: int = 0
    gid: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryFacts:
    """What a repository is. ``id`` is its own; two addresses with one id are the same."""

    id: str
    version: int = 0
    size_bytes: int | None = None
    snapshots: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BytesDone:
    """Progress of a copy. ``total`` None while unknown."""

    done: int
    total: int | None = None
    files_done: int = 0
    current: str = ""
