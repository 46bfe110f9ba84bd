"""The newest readings, in memory: what is not sealed yet, by subject, and the last of each."""

from __future__ import annotations

import struct
from array import array
from dataclasses import dataclass, field

from tabib.decide.rollup import ABSENT, QUARTER_US, Run
from tabib.model.errors import Bug
from tabib.model.sample import Batch, Reading, Values
from tabib.stores.rows import to_us
from tabib.stores.series.layouts import Layout, Layouts
from tabib.stores.series.subjects import Entry, Row, Subjects

_WORD = struct.Struct("=q")
_HIGHEST = 2**63 - 1
_LATEST_US = 60_000_000
_SEGMENTS_KEPT = 4
"""Beyond these the oldest leaves memory: it is sealed from its ticks on the disk later."""


@dataclass(frozen=True, slots=True)
class Tick:
    """A tick as it is written: per layout its id, how many rows, and the rows (number, values)."""

    seq: int
    segment: int
    at_us: int
    body: bytes
    subjects: tuple[Row, ...] = ()
    """Rows of subjects that are new or renamed."""


@dataclass(frozen=True, slots=True)
class Part:
    """One subject's rows of one segment, copied. ``before``, ``after``: time and values of its
    reading before and after the segment, empty where there is none."""

    number: int
    layout: Layout
    times: array[int]
    index: array[int]
    """Which of the segment's ticks each row is of."""
    words: array[int]
    before: bytes = b""
    after: bytes = b""

    def column(self, place: int) -> array[int]:
        return self.words[1 + place :: 1 + len(self.layout.columns)]

    def columns(self) -> list[array[int]]:
        return [self.column(place) for place in range(len(self.layout.columns))]

    def run(self, place: int, *, before: bool = False, after: bool = False) -> Run:
        """One metric's readings, with the neighbours where asked for and known."""
        times, values = array("q", self.times), self.column(place)
        if before and self.before:
            row = array("q", self.before)
            times.insert(0, row[0])
            values.insert(0, row[1 + place])
        if after and self.after:
            row = array("q", self.after)
            times.append(row[0])
            values.append(row[1 + place])
        return Run(times, values)


@dataclass(slots=True)
class Segment:
    """A run of ticks within one quarter of an hour. Rows are packed (index of the tick, values)."""

    seq: int
    quarter_us: int
    times: array[int] = field(default_factory=lambda: array("q"))
    rows: dict[int, bytearray] = field(default_factory=dict)
    before: dict[int, bytes] = field(default_factory=dict)

    def part(self, number: int, layout: Layout, following: Segment | None = None) -> Part | None:
        """May be called on any thread: what grows meanwhile is copied at one moment."""
        rows = self.rows.get(number)
        if not rows:
            return None
        words = array("q", bytes(rows))
        width = 1 + len(layout.columns)
        index = words[::width]
        times = array("q", map(self.times.__getitem__, index))
        after = following.first(number, width) if following else b""
        return Part(number, layout, times, index, words, self.before.get(number, b""), after)

    def first(self, number: int, width: int) -> bytes:
        """Time and values of the first row."""
        row = bytes(self.rows.get(number, b"")[: 8 * width])
        return _WORD.pack(self.times[_WORD.unpack_from(row)[0]]) + row[8:] if row else b""


class Head:
    """See the module. Only the event loop's thread changes it."""

    def __init__(self, layouts: Layouts, subjects: Subjects, segment: int = 1, tick: int = 1):
        self.use(layouts)
        self.subjects = subjects
        self.segments: list[Segment] = []
        self.evicted: list[int] = []
        """Segments that left memory unsealed."""
        self._next_segment = segment
        self._next_tick = tick
        self._newest_us: int | None = None

    def use(self, layouts: Layouts) -> None:
        """Number layouts as a file does: today's columns are the same, whatever their numbers."""
        self.layouts = layouts
        self._packers = {
            layout.id: struct.Struct(f"={len(layout.columns)}q")
            for layout in layouts.current.values()
        }

    def add(self, batch: Batch) -> Tick:
        """Take a batch in.

        :raises Bug: a reading has not as many values as its kind has metrics.
        """
        at_us = to_us(batch.at)
        segment = self._segment(at_us)
        index = _WORD.pack(len(segment.times))
        segment.times.append(at_us)
        changed: list[Row] = []
        bodies: dict[int, list[bytes]] = {}
        for reading in batch.readings:
            layout = self.layouts.current[reading.subject.kind]
            packed = self._pack(layout, reading)
            entry, new = self.subjects.seen(reading.subject, at_us)
            self._keep(segment, entry, index + packed, at_us)
            if new:
                changed.append(entry.row)
            bodies.setdefault(layout.id, []).append(_WORD.pack(entry.number) + packed)
        tick = Tick(self._next_tick, segment.seq, at_us, _body(bodies), tuple(changed))
        self._next_tick += 1
        return tick

    def replay(self, segment_seq: int, at_us: int, body: bytes) -> None:
        """Take in a tick that was written before, in whatever layout."""
        if not self.segments or self.segments[-1].seq != segment_seq:
            self._open(segment_seq, at_us)
        segment = self.segments[-1]
        index = _WORD.pack(len(segment.times))
        segment.times.append(at_us)
        self._newest_us = at_us
        place = 0
        while place < len(body):
            layout_id, count = struct.unpack_from("=qq", body, place)
            place += 16
            old = self.layouts.by_id[layout_id]
            width = 8 * (1 + len(old.columns))
            for start in range(place, place + count * width, width):
                entry = self.subjects.by_number.get(_WORD.unpack_from(body, start)[0])
                if entry is not None:
                    packed = self.moved(body[start + 8 : start + width], old)
                    self._keep(segment, entry, index + packed, at_us)
            place += count * width

    def moved(self, packed: bytes, old: Layout) -> bytes:
        """Values of an earlier layout in the order of today's."""
        new = self.layouts.current.get(old.kind)
        if new is None or new.id == old.id:
            return packed
        words = array("q", packed)
        places = (old.places.get(column.name) for column in new.columns)
        return array("q", [ABSENT if one is None else words[one] for one in places]).tobytes()

    def latest(self, engine_id: str, kind: str) -> list[Entry]:
        """Those that were read within a minute of the newest tick."""
        newest = self._newest_us
        return [
            entry
            for entry in self.subjects
            if newest is not None
            and entry.last
            and entry.subject.engine_id == engine_id
            and entry.subject.kind == kind
            and abs(newest - entry.last_us) <= _LATEST_US
        ]

    def complete(self) -> list[tuple[Segment, Segment]]:
        """Segments that nothing comes to any more, each with the one after it."""
        return list(zip(self.segments, self.segments[1:], strict=False))

    def drop(self, segment: Segment) -> None:
        if segment in self.segments:
            self.segments.remove(segment)

    def size_bytes(self) -> int:
        return sum(len(rows) for segment in self.segments for rows in segment.rows.values())

    def _segment(self, at_us: int) -> Segment:
        quarter = at_us // QUARTER_US * QUARTER_US
        if not self.segments or self.segments[-1].quarter_us != quarter:
            self._open(self._next_segment, at_us)
        self._newest_us = at_us
        return self.segments[-1]

    def _open(self, seq: int, at_us: int) -> None:
        self.segments.append(Segment(seq, at_us // QUARTER_US * QUARTER_US))
        self._next_segment = seq + 1
        if len(self.segments) > _SEGMENTS_KEPT:
            self.evicted.append(self.segments.pop(0).seq)

    @staticmethod
    def _keep(segment: Segment, entry: Entry, row: bytes, at_us: int) -> None:
        rows = segment.rows.get(entry.number)
        if rows is None:
            if entry.last:
                segment.before[entry.number] = _WORD.pack(entry.last_us) + entry.last
            rows = segment.rows[entry.number] = bytearray()
        rows += row
        entry.last = row[8:]
        entry.last_us = at_us

    def _pack(self, layout: Layout, reading: Reading) -> bytes:
        if len(reading.values) != len(layout.columns):
            raise Bug(
                f"{len(reading.values)} values for {len(layout.columns)} metrics",
                attempted="record",
                target=f"{layout.kind} {reading.subject.name}",
            )
        words = [ABSENT if value is None else value for value in reading.values]
        try:
            return self._packers[layout.id].pack(*words)
        except struct.error:
            # Beyond 63 bits: "no limit" as some kernels write it.
            inside = [max(min(word, _HIGHEST), ABSENT) for word in words]
            return self._packers[layout.id].pack(*inside)


def values_of(packed: bytes) -> Values:
    return tuple(None if word == ABSENT else word for word in array("q", packed))


def _body(bodies: dict[int, list[bytes]]) -> bytes:
    parts: list[bytes] = []
    for layout_id, rows in bodies.items():
        parts.append(struct.pack("=qq", layout_id, len(rows)))
        parts.extend(rows)
    return b"".join(parts)
