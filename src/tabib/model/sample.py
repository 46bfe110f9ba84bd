"""Samples: what was read of containers and the node, and what is asked and answered about them.

All instants are aware UTC datetimes. Values stand in the order of ``metrics.METRICS[kind]``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

Values = tuple[int | None, ...]
"""One reading, whole base units; None where the figure is absent or could not be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What samples are of. Identity: ``(engine_id, kind, id)``; the rest may change (a rename).

    ``kind``: ``container`` (id: the engine's), ``interface`` (id: ``<container id>/eth0``),
    ``node`` (id: host name), ``disk`` (id: mount point), ``volume`` (id: the engine's name).
    """

    kind: str
    id: str
    engine_id: str
    name: str
    parent: str = ""
    """The id of the container that an interface belongs to."""
    project: str = ""
    service: str = ""
    slot: int = 0
    image: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A subject as the store knows it, also after it is gone."""

    subject: Subject
    first_seen: datetime
    last_seen: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One reading of one subject."""

    subject: Subject
    values: Values


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A running container to be read: its first process leads to its cgroup and network.

    ``known``: values of ``metrics.CONTAINER`` by name that the caller knows from the engine
    (``state``, ``health``, ``restarts``, ``writable_layer_bytes``, ``log_bytes``).
    """

    subject: Subject
    pid: int
    known: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """All readings of one tick, with the wall clock's time. Times of successive batches may repeat
    or go back (a clock that was set): the store orders by arrival then and shows no negative rates.
    """

    at: datetime
    readings: tuple[Reading, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """Something that cannot be recorded here, said once in ``daemon status``: what, why it cannot,
    and how to grant it."""

    what: str
    why: str
    how: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A stretch of a chart. ``mean``: of a gauge its mean, of a counter its increase per second;
    None where nothing was recorded: a gap, never zero. ``peak``: the highest within."""

    at: datetime
    mean: float | None
    peak: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """One metric of one subject over a time, at steps of ``step_s``; ``unit`` as of the metric,
    per second for counters (CPU: microseconds per second, a millionth of a core)."""

    subject: Subject
    metric: str
    unit: str
    step_s: float
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """One line of a ranking: mean and peak as of a :class:`Point`, over the whole time."""

    subject: Subject
    mean: float
    peak: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long detail is kept, and how much there may be of all; the oldest detail goes first."""

    raw_days: float = 2.0
    minute_days: float = 14.0
    quarter_days: float = 365.0
    """Quarters of an hour."""
    process_days: float = 14.0
    event_days: float = 90.0
    log_days: float = 14.0
    log_bytes_per_container: int = 4 * 1024 * 1024
    log_bytes: int = 512 * 1024 * 1024
    max_bytes: int = 4 * 1024 * 1024 * 1024
    """Of samples, processes and events together, on the disk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreStatus:
    """How the store of the recorder is. ``trouble``: why the newest writes did not reach the disk;
    empty where they did."""

    bytes: int
    oldest_raw: datetime | None = None
    oldest: datetime | None = None
    unwritten: int = 0
    """Batches that are kept in memory only, until the disk takes them."""
    dropped: int = 0
    """What was let go unwritten since the start."""
    trouble: str = ""
    details: Mapping[str, int] = field(default_factory=dict)
