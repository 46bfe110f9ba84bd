"""Reading the sealed and the unsealed together, as if there were but one series."""

from __future__ import annotations

import contextlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import apsw

from tabib.decide.rollup import MINUTE_US, QUARTER_US, Piece, Run
from tabib.stores.rows import every, one
from tabib.stores.series.codec import Chunk
from tabib.stores.series.head import Segment
from tabib.stores.series.keys import chunk_key, quarter_key
from tabib.stores.series.layouts import Layout, Layouts
from tabib.stores.series.sealing import minute_places

RAW, MINUTE, QUARTER = "raw", "minute", "quarter"


@dataclass(frozen=True, slots=True)
class Sealed:
    """A sealed segment, as its row tells."""

    seq: int
    quarter_us: int
    has_raw: bool
    has_minute: bool

    def tier(self, wanted: str) -> str:
        """The wanted detail, or the next coarser that is kept."""
        if wanted == RAW and self.has_raw:
            return RAW
        return MINUTE if wanted != QUARTER and self.has_minute else QUARTER


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which metrics of which subjects, of which time, in which detail. ``unsealed``: the segments
    in memory when it was asked; those that were sealed since are read from the file."""

    numbers: dict[int, str]
    """Number → kind."""
    metrics: Sequence[str]
    since_us: int
    until_us: int
    tier: str
    unsealed: Sequence[Segment]
    layouts: Layouts


@dataclass(slots=True)
class Line:
    """What was found of one metric of one subject, in order of arrival."""

    parts: list[Run | list[Piece]] = field(default_factory=list)

    def add_run(self, run: Run) -> None:
        last = self.parts[-1] if self.parts else None
        if isinstance(last, Run):
            self.parts[-1] = Run([*last.times, *run.times], [*last.values, *run.values])
        else:
            self.parts.append(run)

    def add_piece(self, piece: Piece) -> None:
        if not self.parts or isinstance(self.parts[-1], Run):
            self.parts.append([])
        last = self.parts[-1]
        if not isinstance(last, Run):
            last.append(piece)

    @property
    def ends_in_run(self) -> bool:
        return bool(self.parts) and isinstance(self.parts[-1], Run)


Lines = dict[tuple[int, str], Line]


@contextlib.contextmanager
def snapshot(base: apsw.Connection) -> Iterator[None]:
    """All that is read within sees the same state of the file."""
    base.execute("BEGIN")
    try:
        yield
    finally:
        base.execute("COMMIT")


def gather(base: apsw.Connection, wanted: Wanted) -> Lines:
    """Everything of the time, and of raw detail also the segment before it."""
    lines: Lines = {
        (number, metric): Line() for number in wanted.numbers for metric in wanted.metrics
    }
    margin_us = QUARTER_US if wanted.tier == RAW else 0
    with snapshot(base):
        for sealed in segments(base, wanted.since_us - margin_us, wanted.until_us):
            tier = sealed.tier(wanted.tier)
            if tier == RAW:
                _raw(base, sealed, wanted, lines)
            elif tier == MINUTE:
                _minutes(base, sealed, wanted, lines)
            else:
                _quarter(base, sealed, wanted, lines)
        gone = sealed_among(base, wanted.unsealed)
    for segment in wanted.unsealed:
        if segment.seq not in gone:
            _unsealed(segment, wanted, lines)
    return lines


def segments(base: apsw.Connection, since_us: int, until_us: int) -> list[Sealed]:
    """Sealed segments that hold something of the time, in order of arrival."""
    rows = every(
        base,
        "SELECT seq, quarter_us, has_raw, has_minute FROM segment "
        "WHERE quarter_us > ? AND quarter_us <= ? ORDER BY seq",
        (since_us - QUARTER_US, until_us),
    )
    return [Sealed(seq, quarter, bool(raw), bool(minute)) for seq, quarter, raw, minute in rows]


def sealed_among(base: apsw.Connection, unsealed: Sequence[Segment]) -> set[int]:
    """Which of the segments in memory were sealed meanwhile."""
    return {
        segment.seq
        for segment in unsealed
        if one(base, "SELECT 1 FROM segment WHERE seq = ?", (segment.seq,))
    }


def times_of(base: apsw.Connection, segment: int) -> array[int]:
    found = one(base, "SELECT times FROM segment WHERE seq = ?", (segment,))
    return Chunk(found[0]).column(0)


def _raw(base: apsw.Connection, sealed: Sealed, wanted: Wanted, lines: Lines) -> None:
    ticks = times_of(base, sealed.seq)
    for number in wanted.numbers:
        found = _chunk(base, RAW, sealed.seq, number, wanted.layouts)
        if found is None:
            continue
        chunk, layout = found
        times = array("q", map(ticks.__getitem__, chunk.column(0)))
        for metric in wanted.metrics:
            place = layout.places.get(metric)
            if place is not None:
                lines[number, metric].add_run(Run(times, chunk.column(1 + place)))


def _minutes(base: apsw.Connection, sealed: Sealed, wanted: Wanted, lines: Lines) -> None:
    for number in wanted.numbers:
        found = _chunk(base, MINUTE, sealed.seq, number, wanted.layouts)
        if found is None:
            continue
        chunk, layout = found
        for metric in wanted.metrics:
            for piece in minute_pieces(chunk, layout, metric, sealed.quarter_us):
                lines[number, metric].add_piece(piece)


def minute_pieces(chunk: Chunk, layout: Layout, metric: str, quarter_us: int) -> Iterator[Piece]:
    """What a chunk of minutes tells of a metric."""
    place = layout.places.get(metric)
    if place is None:
        return
    scale = layout.columns[place].scale
    covered, means, peaks = (chunk.column(at) for at in minute_places(place))
    for index, length in enumerate(covered):
        if length:
            start = quarter_us + index * MINUTE_US
            yield start, start + MINUTE_US, length, means[index] / scale, peaks[index] / scale


def _quarter(base: apsw.Connection, sealed: Sealed, wanted: Wanted, lines: Lines) -> None:
    for kind in set(wanted.numbers.values()):
        for metric in wanted.metrics:
            for number, piece in across(base, sealed, kind, metric, wanted.layouts):
                line = lines.get((number, metric))
                if line is not None and wanted.numbers[number] == kind:
                    line.add_piece(piece)


@dataclass(frozen=True, slots=True)
class Across:
    """Points of a quarter: number, covered microseconds, mean and peak times ``scale``."""

    scale: int
    rows: Iterable[tuple[int, ...]]


def points_across(
    base: apsw.Connection, sealed: Sealed, kind: str, metric: str, layouts: Layouts
) -> Iterator[Across]:
    """The points of a quarter of every subject of a kind, by the layouts they were written in."""
    for layout in layouts.of(kind):
        place = layout.places.get(metric)
        if place is None:
            continue
        key = quarter_key(sealed.seq, layout.id, place)
        found = one(base, "SELECT body FROM quarter WHERE key = ?", (key,))
        if found is not None:
            chunk = Chunk(found[0])
            columns = [chunk.column(index) for index in range(4)]
            yield Across(layout.columns[place].scale, zip(*columns, strict=True))


def across(
    base: apsw.Connection, sealed: Sealed, kind: str, metric: str, layouts: Layouts
) -> Iterator[tuple[int, Piece]]:
    """The same as pieces of the quarter's whole time."""
    start, end = sealed.quarter_us, sealed.quarter_us + QUARTER_US
    for points in points_across(base, sealed, kind, metric, layouts):
        for number, covered, mean, peak in points.rows:
            yield number, (start, end, covered, mean / points.scale, peak / points.scale)


def _unsealed(segment: Segment, wanted: Wanted, lines: Lines) -> None:
    if not segment.quarter_us - QUARTER_US <= wanted.until_us:
        return
    for number, kind in wanted.numbers.items():
        layout = wanted.layouts.current[kind]
        part = segment.part(number, layout)
        if part is None:
            continue
        for metric in wanted.metrics:
            place = layout.places.get(metric)
            if place is not None:
                line = lines[number, metric]
                line.add_run(part.run(place, before=not line.ends_in_run))


def _chunk(
    base: apsw.Connection, table: str, segment: int, number: int, layouts: Layouts
) -> tuple[Chunk, Layout] | None:
    key = chunk_key(segment, number)
    found = one(base, f"SELECT layout, body FROM {table} WHERE key = ?", (key,))
    return (Chunk(found[1]), layouts.by_id[found[0]]) if found else None
