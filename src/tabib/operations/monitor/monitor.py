"""What the rest of the daemon sees of the flight recorder of one engine."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from tabib.model.kept_log import KeptLine, LogPattern
from tabib.model.process import Look, ProcessRecord
from tabib.model.sample import Batch, Known, Missing, Values
from tabib.ports import LogStore, Series


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """Two successive readings of a subject: what rates are made of. ``before`` None: only one."""

    known: Known
    at: datetime
    values: Values
    before_at: datetime | None = None
    before: Values | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecorderStatus:
    """How recording goes; for ``daemon status``."""

    interval_s: float
    why: str
    """Why this rhythm: ``usual``, ``watched``, ``incident``, ``release``."""
    containers: int
    tick_seconds: float
    """What the last tick took."""
    ticks: int
    processes: int
    """Processes that run in containers now."""
    processes_lost: int = 0
    """How often a stream of the kernel overflowed since the start."""
    missing: tuple[Missing, ...] = ()
    trouble: tuple[str, ...] = ()


class Monitor(Protocol):
    """One engine's recorder. All of it may be asked at any time; nothing blocks."""

    @property
    def series(self) -> Series: ...

    @property
    def logs(self) -> LogStore: ...

    def status(self) -> RecorderStatus: ...

    def live(self, kind: str) -> list[Live]:
        """The newest readings of what is there now (``container``, ``node``, ``disk``, …)."""
        ...

    def running(self, container_id: str) -> list[ProcessRecord]:
        """Records of the container's processes that run now."""
        ...

    async def looks(self, container_ids: Sequence[str]) -> list[Look]:
        """Its processes as ``/proc`` shows them now; empty where that is out of reach."""
        ...

    async def flush(self) -> None:
        """Write what waits in memory, and read what was logged since: evidence is wanted now."""
        ...

    def tail(self, container_id: str, lines: int) -> list[KeptLine]:
        """The newest lines of output that were kept, from memory."""
        ...

    async def patterns(self, container_id: str) -> list[LogPattern]: ...

    @contextmanager
    def watching(self) -> Iterator[asyncio.Queue[Batch]]:
        """Somebody watches: the rhythm is one second meanwhile. The queue gets each tick's batch;
        a reader that is too slow misses some."""
        ...

    def close(self) -> None:
        """Let go of the kernel. Idempotent."""
        ...


@dataclass(slots=True)
class Watchers:
    """Who watches now."""

    queues: list[asyncio.Queue[Batch]] = field(default_factory=list)

    @contextmanager
    def join(self) -> Iterator[asyncio.Queue[Batch]]:
        queue: asyncio.Queue[Batch] = asyncio.Queue(2)
        self.queues.append(queue)
        try:
            yield queue
        finally:
            self.queues.remove(queue)

    def tell(self, batch: Batch) -> None:
        for queue in self.queues:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(batch)
