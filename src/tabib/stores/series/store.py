"""The series: an adapter of :class:`tabib.ports.recorder.Series` on ``series.sqlite3``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import apsw

from tabib.model.event import Event
from tabib.model.process import ProcessRecord
from tabib.model.sample import (
    Batch,
    Chart,
    Known,
    Ranked,
    Retention,
    StoreStatus,
    Subject,
    Values,
)
from tabib.stores.rows import from_us, to_us
from tabib.stores.series import charting, events, processes, single
from tabib.stores.series.charting import Question
from tabib.stores.series.events import EventFilter
from tabib.stores.series.head import values_of
from tabib.stores.series.processes import ProcessFilter
from tabib.stores.series.recording import Item, Recording
from tabib.stores.series.room import FLOOR_BYTES, RESERVE_BYTES, Room
from tabib.stores.series.schema import FILE_NAME
from tabib.stores.series.upkeep import Upkeep

T = TypeVar("T")
_AT_US = 60_000_000
_ROW_BYTES = 400
"""About what a process record takes with its indexes."""


class SqliteSeries:
    """See the port for each method's contract. Build it with :meth:`open`.

    It never reads a clock: times are those of what it is given. Values are integers of up to 63
    bits and a sign; what lies beyond is kept as the nearest.
    """

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._upkeep = Upkeep(recording)

    @classmethod
    async def open(
        cls,
        folder: Path,
        *,
        floor_bytes: int = FLOOR_BYTES,
        reserve_bytes: int = RESERVE_BYTES,
    ) -> SqliteSeries:
        """Open or create the series in ``folder``. Never raises for trouble of the disk or of the
        file: then it records in memory, and ``status`` tells.

        ``floor_bytes``: what is left free on the file system for others; ``reserve_bytes``: 0 for
        no reserve.
        """
        room = Room(folder, floor_bytes, reserve_bytes)
        recording = Recording(folder / FILE_NAME, room)
        await recording.attach()
        series = cls(recording)
        await series._upkeep.begin()
        return series

    # ── samples ────────────────────────────────────────────────────────────────────────────────

    async def append(self, batch: Batch) -> None:
        await self._recording.append(batch)

    async def maintain(self) -> None:
        """Seal what is complete, write what waits, open a file that could not be opened before.

        Call it every few ticks, beside the appends: where nothing is due, or another call is at
        work, it costs nothing. May be cancelled at any time.
        """
        await self._upkeep.maintain()

    async def prune(self, now: datetime, retention: Retention) -> int:
        return await self._upkeep.prune(now, retention)

    async def known(self, engine_id: str | None = None) -> list[Known]:
        self._recording.readable()
        return [
            entry.known
            for entry in self._recording.head.subjects
            if engine_id in (None, entry.subject.engine_id)
        ]

    async def latest(self, engine_id: str, kind: str) -> list[tuple[Known, Values]]:
        """From memory: also where the file cannot be read."""
        found = self._recording.head.latest(engine_id, kind)
        return [(entry.known, values_of(entry.last)) for entry in found]

    async def at(self, engine_id: str, kind: str, moment: datetime) -> list[tuple[Known, Values]]:
        until_us = to_us(moment)
        question = self._all(engine_id, kind, (), until_us - _AT_US, until_us)
        found = await self._read(lambda base: single.at(base, question))
        return [
            (entry.known, found[entry.number][1])
            for entry in question.entries
            if entry.number in found
        ]

    async def samples(
        self, subject: Subject, since: datetime, until: datetime
    ) -> list[tuple[datetime, Values]]:
        question = self._some((subject,), (), to_us(since), to_us(until))
        if not question.entries:
            return []
        found = await self._read(lambda base: single.samples(base, question))
        return [(from_us(time), values) for time, values in found]

    async def charts(
        self,
        subjects: Sequence[Subject],
        metrics: Sequence[str],
        since: datetime,
        until: datetime,
        points: int,
    ) -> list[Chart]:
        question = self._some(subjects, metrics, to_us(since), to_us(until))
        return await self._read(lambda base: charting.charts(base, question, points))

    async def top(
        self, engine_id: str, kind: str, metric: str, since: datetime, until: datetime, limit: int
    ) -> list[Ranked]:
        question = self._all(engine_id, kind, (metric,), to_us(since), to_us(until))
        found = await self._read(lambda base: charting.top(base, question, kind))
        return charting.ranked(found, question, limit)

    def _all(
        self, engine_id: str, kind: str, metrics: Sequence[str], since_us: int, until_us: int
    ) -> Question:
        head = self._recording.head
        entries = [
            entry
            for entry in head.subjects
            if entry.subject.engine_id == engine_id and entry.subject.kind == kind
        ]
        return Question(entries, metrics, since_us, until_us, tuple(head.segments), head.layouts)

    def _some(
        self, subjects: Sequence[Subject], metrics: Sequence[str], since_us: int, until_us: int
    ) -> Question:
        head = self._recording.head
        found = (head.subjects.find(subject) for subject in subjects)
        entries = [entry for entry in found if entry is not None]
        return Question(entries, metrics, since_us, until_us, tuple(head.segments), head.layouts)

    # ── processes ──────────────────────────────────────────────────────────────────────────────

    async def put_processes(self, records: Sequence[ProcessRecord]) -> None:
        rows = [processes.to_row(record) for record in records]
        if rows:
            await self._write(lambda base: processes.insert(base, rows), len(rows) * _ROW_BYTES)

    async def processes(
        self,
        engine_id: str,
        *,
        containers: Sequence[str] | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 10_000,
    ) -> list[ProcessRecord]:
        wanted = ProcessFilter(
            engine_id=engine_id,
            containers=containers,
            since_us=None if since is None else to_us(since),
            until_us=None if until is None else to_us(until),
        )
        return await self._read(lambda base: processes.select(base, wanted, limit))

    # ── events and inspections ─────────────────────────────────────────────────────────────────

    async def put_events(self, engine_id: str, new: Sequence[Event]) -> None:
        rows = [events.to_row(engine_id, event) for event in new]
        if rows:
            await self._write(
                lambda base: events.insert(base, rows), sum(len(row[-1]) + 300 for row in rows)
            )

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
        wanted = EventFilter(
            engine_id=engine_id, ids=ids, project=project, since=since, until=until
        )
        return await self._read(lambda base: events.select(base, wanted, limit))

    async def put_inspection(
        self, engine_id: str, container_id: str, at: datetime, inspection: Mapping[str, Any]
    ) -> None:
        row = events.inspection_row(engine_id, container_id, at, inspection)
        await self._write(lambda base: events.put_inspection(base, row), len(row[-1]) + 300)

    async def inspection(
        self, engine_id: str, container_id: str, at: datetime | None = None
    ) -> Mapping[str, Any] | None:
        at_us = None if at is None else to_us(at)
        return await self._read(
            lambda base: events.inspection(base, engine_id, container_id, at_us)
        )

    # ── the whole ──────────────────────────────────────────────────────────────────────────────

    def status(self) -> StoreStatus:
        return self._upkeep.status()

    async def close(self) -> None:
        """Write what waits, and close. Idempotent."""
        await self._recording.close()

    async def _write(self, work: Callable[[apsw.Connection], None], size_bytes: int) -> None:
        await self._recording.write(Item(work, size_bytes))

    async def _read(self, work: Callable[[apsw.Connection], T]) -> T:
        return await self._recording.readable().read(work)
