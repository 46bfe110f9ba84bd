"""A recorder that is filled by hand, on real stores: what it read, tests say."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tabib.model.kept_log import KeptLine, LogPattern
from tabib.model.metrics import METRICS
from tabib.model.process import Look, ProcessRecord
from tabib.model.sample import Batch, Known, Reading, Subject, Values
from tabib.operations.monitor.monitor import Live, RecorderStatus, Watchers
from tabib.ports import LogStore, Series


def values(kind: str, **named: int) -> Values:
    """A reading that has these figures and no others."""
    assert set(named) <= {metric.name for metric in METRICS[kind]}, named
    return tuple(named.get(metric.name) for metric in METRICS[kind])


def container(
    engine: str, id: str, service: str = "web", slot: int = 1, *, project: str = "tale"
) -> Subject:
    return Subject(
        kind="container", id=id, engine_id=engine, name=f"{project}-{service}-{slot}",
        project=project, service=service, slot=slot, image="busybox:1.36",
    )  # fmt: skip


def record(engine: str, container_id: str, pid: int, at: datetime, **more: Any) -> ProcessRecord:
    known: dict[str, Any] = {
        "engine_id": engine, "container_id": container_id, "pid": pid, "ppid": 1,
        "started_ns": pid * 1000, "started_at": at, "name": "sh", "command": "sh -c work",
    }  # fmt: skip
    return ProcessRecord(**(known | more))


@dataclass
class Shelf:
    """See :class:`tabib.operations.monitor.monitor.Monitor`."""

    series: Series
    logs: LogStore
    readings: dict[tuple[str, str], list[tuple[datetime, Reading]]] = field(default_factory=dict)
    processes: list[ProcessRecord] = field(default_factory=list)
    seen: list[list[Look]] = field(default_factory=list)
    watchers: Watchers = field(default_factory=Watchers)
    recorded: RecorderStatus = field(
        default_factory=lambda: RecorderStatus(
            interval_s=5.0, why="usual", containers=1, tick_seconds=0.01, ticks=7, processes=2
        )
    )

    async def read(self, at: datetime, *readings: tuple[Subject, Values]) -> None:
        """A tick: kept by the store, and the newest there is."""
        made = tuple(Reading(subject=subject, values=found) for subject, found in readings)
        for one in made:
            self.readings.setdefault((one.subject.kind, one.subject.id), []).append((at, one))
        batch = Batch(at=at, readings=made)
        await self.series.append(batch)
        self.watchers.tell(batch)

    def status(self) -> RecorderStatus:
        return self.recorded

    def live(self, kind: str) -> list[Live]:
        found = []
        for (each, _), made in self.readings.items():
            if each == kind:
                at, newest = made[-1]
                before = made[-2] if len(made) > 1 else None
                known = Known(subject=newest.subject, first_seen=made[0][0], last_seen=at)
                found.append(
                    Live(
                        known=known,
                        at=at,
                        values=newest.values,
                        before_at=before[0] if before else None,
                        before=before[1].values if before else None,
                    )
                )
        return found

    def running(self, container_id: str) -> list[ProcessRecord]:
        return [one for one in self.processes if one.container_id == container_id]

    async def flush(self) -> None:
        """Nothing waits: what a test puts in is there."""

    async def looks(self, container_ids: Sequence[str]) -> list[Look]:
        return self.seen.pop(0) if self.seen else []

    def tail(self, container_id: str, lines: int) -> list[KeptLine]:
        return []

    async def patterns(self, container_id: str) -> list[LogPattern]:
        return []

    @contextmanager
    def watching(self) -> Iterator[asyncio.Queue[Batch]]:
        with self.watchers.join() as queue:
            yield queue
