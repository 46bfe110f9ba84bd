"""The flight recorder: what reads the kernel, and what keeps it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from tabib.model.event import Event
from tabib.model.kept_log import KeptLine, LogPattern
from tabib.model.process import KernelEvent, Look, ProcessRecord
from tabib.model.sample import (
    Batch,
    Chart,
    Known,
    Missing,
    Ranked,
    Reading,
    Retention,
    StoreStatus,
    Subject,
    Target,
    Values,
)


class Series(Protocol):
    """What the flight recorder keeps, beyond the containers' own life. ``stores/series`` keeps it.

    No call blocks the event loop. Writing never fails for trouble of the disk: what cannot be
    written is kept in memory (bounded), the oldest detail goes first, and ``status`` tells.
    Reading raises :class:`~tabib.model.errors.StateUnusable` where the file cannot be read.
    """

    async def append(self, batch: Batch) -> None:
        """Keep the readings of one tick. When it returns they outlive a ``kill -9``."""
        ...

    async def maintain(self) -> None:
        """Bring older readings into their lasting form, and try again what did not succeed. Call
        it every few ticks, beside the appends; a call beside another one does nothing."""
        ...

    async def known(self, engine_id: str | None = None) -> list[Known]:
        """Every subject that something is kept of."""
        ...

    async def latest(self, engine_id: str, kind: str) -> list[tuple[Known, Values]]:
        """The newest reading of each subject that was read within the last minute."""
        ...

    async def at(self, engine_id: str, kind: str, moment: datetime) -> list[tuple[Known, Values]]:
        """The last reading of each subject within the minute before ``moment``."""
        ...

    async def charts(
        self,
        subjects: Sequence[Subject],
        metrics: Sequence[str],
        since: datetime,
        until: datetime,
        points: int,
    ) -> list[Chart]:
        """A chart for each subject and metric (of its kind), of at most ``points`` points, from the
        finest detail that is kept of the time. Subjects that are not known are left out."""
        ...

    async def samples(
        self, subject: Subject, since: datetime, until: datetime
    ) -> list[tuple[datetime, Values]]:
        """Single readings as they were made, oldest first, as far as they are kept raw."""
        ...

    async def top(
        self, engine_id: str, kind: str, metric: str, since: datetime, until: datetime, limit: int
    ) -> list[Ranked]:
        """The subjects with the highest mean of ``metric``, highest first."""
        ...

    async def put_processes(self, records: Sequence[ProcessRecord]) -> None:
        """Insert, or replace those of the same identity."""
        ...

    async def processes(
        self,
        engine_id: str,
        *,
        containers: Sequence[str] | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 10_000,
    ) -> list[ProcessRecord]:
        """Records of processes that ran at some time in between, the newest ``limit``, oldest
        first; None: of every container."""
        ...

    async def put_events(self, engine_id: str, events: Sequence[Event]) -> None: ...

    async def events(
        self,
        engine_id: str,
        *,
        ids: Sequence[str] | None = None,
        project: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 1000,
    ) -> list[Event]:
        """The newest ``limit`` that match, oldest first."""
        ...

    async def put_inspection(
        self, engine_id: str, container_id: str, at: datetime, inspection: Mapping[str, Any]
    ) -> None:
        """Keep how a container was set up (redacted) from ``at`` on; the newest few are kept."""
        ...

    async def inspection(
        self, engine_id: str, container_id: str, at: datetime | None = None
    ) -> Mapping[str, Any] | None:
        """As it stood at ``at``: the last one put before, else the first."""
        ...

    async def prune(self, now: datetime, retention: Retention) -> int:
        """Let go of what ``retention`` no longer keeps; how many rows went. In small steps."""
        ...

    def status(self) -> StoreStatus: ...

    async def close(self) -> None: ...


class LogStore(Protocol):
    """The end of each container's output, kept beyond its removal; redacted before it comes in.

    Writing keeps the same promises as :class:`Series`.
    """

    async def append(self, lines: Sequence[KeptLine]) -> None:
        """Keep lines; of each container and of all, the oldest go beyond what retention allows."""
        ...

    async def tail(
        self,
        engine_id: str,
        containers: Sequence[str],
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int | None = None,
    ) -> list[KeptLine]:
        """Lines by time; ``limit``: the newest so many of each container."""
        ...

    async def search(
        self,
        engine_id: str,
        text: str,
        *,
        containers: Sequence[str] | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 200,
    ) -> list[KeptLine]:
        """Lines that hold all words of ``text`` (``"…"``: as a phrase), newest ``limit``, oldest
        first. Any text is a valid search."""
        ...

    async def put_patterns(self, patterns: Sequence[LogPattern]) -> None:
        """Add their counts to those of the same (engine, container, template)."""
        ...

    async def patterns(
        self,
        engine_id: str,
        containers: Sequence[str] | None = None,
        since: datetime | None = None,
        limit: int = 100,
    ) -> list[LogPattern]:
        """Seen since then, most frequent first."""
        ...

    async def last(self, engine_id: str) -> Mapping[str, datetime]:
        """Container id → time of its newest line: what comes after it is new."""
        ...

    async def prune(self, now: datetime, retention: Retention) -> int: ...

    def status(self) -> StoreStatus: ...

    async def close(self) -> None: ...


class Sampler(Protocol):
    """Reads the kernel's figures of this machine. Blocks for milliseconds: call it in a thread,
    never twice at once."""

    def sample(self, targets: Sequence[Target]) -> list[Reading]:
        """A reading of each target (and its interfaces) that can be read, and of the node and its
        disks. Descriptors are kept between calls; those of containers that are no target any more
        are closed. Never raises for what vanishes meanwhile."""
        ...

    @property
    def missing(self) -> tuple[Missing, ...]:
        """What cannot be read here, and how to grant it."""
        ...

    def close(self) -> None: ...


class KernelStreams(Protocol):
    """The kernel's event streams about processes, as far as they can be opened."""

    def start(self, on_events: Callable[[Sequence[KernelEvent]], None]) -> None:
        """Hand events over in batches, in order of arrival, on the running event loop. A stream
        that overflowed says so by an event ``lost``."""
        ...

    def scan(self) -> list[Look]:
        """All processes that are in containers now, by ``/proc``. Blocks: call it in a thread."""
        ...

    def look(self, pid: int) -> Look | None:
        """One process, in a container or not; None where it is gone or cannot be read. Takes
        microseconds."""
        ...

    @property
    def missing(self) -> tuple[Missing, ...]: ...

    def close(self) -> None: ...


class Receiver(Protocol):
    """Whoever takes figures over a network."""

    async def send(self, body: bytes) -> None:
        """Deliver a Prometheus ``WriteRequest`` (protobuf).

        :raises TabibError: it was not taken.
        """
        ...
