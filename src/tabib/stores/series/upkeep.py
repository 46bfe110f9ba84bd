"""Sealing and letting go, in slices beside the appends; and how the store is."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime
from functools import partial

import apsw

from tabib.model.sample import Retention, StoreStatus
from tabib.stores.rows import from_us
from tabib.stores.rows import one as first_row
from tabib.stores.series import pruning, sealing, ticks
from tabib.stores.series.head import Head, Part, Segment
from tabib.stores.series.pruning import Pruned
from tabib.stores.series.recording import Recording
from tabib.stores.series.sealing import Summary
from tabib.stores.series.subjects import Subjects

_SLICE = 20
"""Subjects sealed in one transaction: some 50 ms of the writer's thread."""
_CHUNK_BYTES = 4_000
"""About what a subject's chunks take, at most."""
_POINT_BYTES = 16
_SIDES = ("", "-wal")


class Upkeep:
    """Of one recording. Only the event loop's thread uses it."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._oldest_raw: datetime | None = None
        self._oldest: datetime | None = None
        self._at_work = False

    async def begin(self) -> None:
        """Once, after the file was opened or could not be."""
        await asyncio.to_thread(self._recording.room.restore)
        await self.measure()

    async def maintain(self) -> None:
        """Nothing where it is done already: the recorders of several engines share the file."""
        if self._at_work:
            return
        self._at_work = True
        try:
            await self._maintain()
        finally:
            self._at_work = False

    async def _maintain(self) -> None:
        recording = self._recording
        await recording.attach()
        if recording.unwritten:
            await recording.flush()
        await asyncio.to_thread(recording.room.restore)
        head = recording.head
        due = bool(head.complete() or head.evicted)
        for segment, following in head.complete():
            if not await self._seal(head, segment, following):
                return
            head.drop(segment)
        while head.evicted and await self._seal_evicted(head, head.evicted[0]):
            del head.evicted[0]
        if due:
            await self.measure()

    async def prune(self, now: datetime, retention: Retention) -> int:
        """In small transactions; may be cancelled at any time."""
        recording = self._recording
        total = 0
        while True:
            alive = frozenset(
                number for segment in recording.head.segments for number in segment.rows
            )
            some: Pruned | None = await recording.change(
                partial(pruning.prune_some, now=now, retention=retention, alive=alive), 0
            )
            if some is None or not some.rows:
                await self.measure()
                return total
            recording.head.subjects.forget(some.subjects)
            total += some.rows

    async def measure(self) -> None:
        """Find out how far back the file goes, for :meth:`status`."""
        found = await self._recording.change(_oldest, 0)
        if found is not None:
            raw, oldest = (None if us is None else from_us(us) for us in found)
            self._oldest_raw, self._oldest = raw, oldest

    def status(self) -> StoreStatus:
        recording = self._recording
        sides = (recording.path.with_name(recording.path.name + side) for side in _SIDES)
        return StoreStatus(
            bytes=sum(side.stat().st_size for side in sides if side.exists()),
            oldest_raw=self._oldest_raw,
            oldest=self._oldest,
            unwritten=recording.unwritten,
            dropped=recording.dropped,
            trouble=recording.trouble or recording.notice,
            details={
                "subjects": len(recording.head.subjects),
                "unsealed_bytes": recording.head.size_bytes(),
            },
        )

    async def _seal(self, head: Head, segment: Segment, following: Segment) -> bool:
        """Whether the segment is sealed as a whole."""
        summary = Summary([], {})
        numbers = list(segment.rows)
        for first in range(0, len(numbers), _SLICE):
            parts = _parts(head, segment, following, numbers[first : first + _SLICE])
            some: Summary | None = await self._recording.change(
                partial(sealing.seal_some, segment=segment, parts=parts),
                len(parts) * _CHUNK_BYTES,
            )
            if some is None:
                return False
            summary.points.extend(some.points)
            summary.seen.update(some.seen)
        done = await self._recording.change(
            partial(_finish, segment=segment, summary=summary), len(summary.points) * _POINT_BYTES
        )
        for number, (_, usual_us) in summary.seen.items() if done else ():
            entry = head.subjects.by_number.get(number)
            if entry is not None:
                entry.interval_us = usual_us
        return bool(done)

    async def _seal_evicted(self, head: Head, seq: int) -> bool:
        """A segment that left memory while the disk took nothing: from its ticks."""
        fresh = Head(head.layouts, Subjects(replace(one, last=b"") for one in head.subjects))

        def reload(base: apsw.Connection) -> bool:
            query = "SELECT segment, at_us, body FROM tick WHERE segment = ? ORDER BY seq"
            ticks.replay(base, fresh, query, (seq,))
            return True

        if not await self._recording.change(reload, 0):
            return False
        if not fresh.segments:
            return True
        return await self._seal(fresh, fresh.segments[0], Segment(seq + 1, 0))


def _parts(
    head: Head, segment: Segment, following: Segment, numbers: list[int]
) -> list[tuple[Part, int]]:
    found = []
    for number in numbers:
        entry = head.subjects.by_number.get(number)
        if entry is None:
            continue
        part = segment.part(number, head.layouts.current[entry.subject.kind], following)
        if part is not None:
            found.append((part, entry.interval_us))
    return found


def _finish(base: apsw.Connection, segment: Segment, summary: Summary) -> bool:
    sealing.finish(base, segment, summary)
    return True


def _oldest(base: apsw.Connection) -> tuple[int | None, int | None]:
    ticks_from = first_row(base, "SELECT min(at_us) FROM tick")[0]
    found = []
    for condition in ("has_raw", "1"):
        sealed = first_row(base, f"SELECT min(first_us) FROM segment WHERE {condition}")[0]
        times = [time for time in (sealed, ticks_from) if time is not None]
        found.append(min(times, default=None))
    return found[0], found[1]
