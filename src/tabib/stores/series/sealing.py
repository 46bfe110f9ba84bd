"""Sealing: a segment's rows become chunks, minutes and a quarter.

In slices of a few subjects, each a transaction; the last one writes the segment's row and removes
its ticks. Until then readers use the ticks' copy in memory, and what an interrupted sealing left
is written over by the next.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass

import apsw

from tabib.decide.rollup import (
    ABSENT,
    MINUTE_US,
    QUARTER_US,
    Fold,
    Grid,
    fold,
    pieces,
    usual_interval,
)
from tabib.stores.series.codec import pack
from tabib.stores.series.head import Part, Segment
from tabib.stores.series.keys import chunk_key, quarter_key
from tabib.stores.series.layouts import Column

_LIMIT = 2**63 - 1
_PER_METRIC = 3
"""Columns of a metric in a chunk of minutes: covered microseconds, mean, peak."""


@dataclass(frozen=True, slots=True)
class Quarterly:
    """One subject's point of one metric; mean and peak times the column's scale."""

    number: int
    layout: int
    place: int
    covered_us: int
    mean: int
    peak: int


@dataclass(frozen=True, slots=True)
class Summary:
    """What a slice of sealing leaves for the end: points, and how often each subject is read."""

    points: list[Quarterly]
    seen: dict[int, tuple[int, int]]
    """Number → when it was read last, and how often it is."""


def seal_some(
    base: apsw.Connection, segment: Segment, parts: Sequence[tuple[Part, int]]
) -> Summary:
    """Write chunks and minutes of some subjects; each with how often it was read before."""
    raw, minute = [], []
    summary = Summary([], {})
    grid = Grid(segment.quarter_us, MINUTE_US, QUARTER_US // MINUTE_US)
    for part, usual_us in parts:
        key = chunk_key(segment.seq, part.number)
        raw.append((key, part.layout.id, pack((part.index, *part.columns()))))
        usual_us = usual_interval(part.run(0, before=True).times, usual_us)
        summary.seen[part.number] = part.times[-1], usual_us
        columns: list[array[int]] = []
        minutes = _Minutes(part, grid, usual_us)
        for place, column in enumerate(part.layout.columns):
            found = minutes.fold(place, column)
            columns += _columns(found, column.scale, grid.count)
            if found is not None and (point := _point(part, place, column, found)):
                summary.points.append(point)
        minute.append((key, part.layout.id, pack(columns)))
    base.executemany("INSERT OR REPLACE INTO raw (key, layout, body) VALUES (?, ?, ?)", raw)
    base.executemany("INSERT OR REPLACE INTO minute (key, layout, body) VALUES (?, ?, ?)", minute)
    return summary


def finish(base: apsw.Connection, segment: Segment, summary: Summary) -> None:
    """Write the quarter and the segment's row; its ticks go."""
    rows: dict[int, list[Quarterly]] = {}
    for point in summary.points:
        key = quarter_key(segment.seq, point.layout, point.place)
        rows.setdefault(key, []).append(point)
    base.executemany(
        "INSERT OR REPLACE INTO quarter (key, body) VALUES (?, ?)",
        [(key, _across(points)) for key, points in rows.items()],
    )
    base.execute(
        "INSERT OR REPLACE INTO segment VALUES (?, ?, ?, ?, 1, 1, ?)",
        (
            segment.seq,
            segment.quarter_us,
            min(segment.times),
            max(segment.times),
            pack((segment.times,)),
        ),
    )
    base.executemany(
        "UPDATE subject SET last_us = ?, interval_us = ? WHERE number = ?",
        [(last, usual, number) for number, (last, usual) in summary.seen.items()],
    )
    base.execute("DELETE FROM tick WHERE segment = ?", (segment.seq,))


def minute_places(place: int) -> tuple[int, int, int]:
    """Columns of a chunk of minutes that hold a metric: covered, mean, peak."""
    return _PER_METRIC * place, _PER_METRIC * place + 1, _PER_METRIC * place + 2


class _Minutes:
    """The minutes of one subject. How a metric that does not change covers them is found once."""

    def __init__(self, part: Part, grid: Grid, usual_us: int) -> None:
        self._part = part
        self._grid = grid
        self._usual_us = usual_us
        self._covers: dict[bool, list[float]] = {}

    def fold(self, place: int, column: Column) -> Fold | None:
        """None where the metric is absent."""
        values = self._part.column(place)
        if values.count(ABSENT) == len(values):
            return None
        run = self._part.run(place, before=True, after=True)
        value = run.values[0]
        if run.values.count(value) < len(run.values):
            return fold(pieces(run, column.counter, self._usual_us), self._grid)
        level = 0 if column.counter else value
        weights = self._covers.get(column.counter)
        if weights is None:
            weights = fold(pieces(run, column.counter, self._usual_us), self._grid).weights
            self._covers[column.counter] = weights
        return Fold(weights, [weight * level for weight in weights], [level] * len(weights))


def _columns(found: Fold | None, scale: int, count: int) -> list[array[int]]:
    if found is None:
        return [array("q", [0]) * count, *[array("q", [ABSENT]) * count] * 2]
    return [
        array("q", map(round, found.weights)),
        array("q", [ABSENT if one is None else _scaled(one, scale) for one in found.means()]),
        array(
            "q",
            [
                _scaled(peak, scale) if weight else ABSENT
                for peak, weight in zip(found.peaks, found.weights, strict=True)
            ],
        ),
    ]


def _point(part: Part, place: int, column: Column, found: Fold) -> Quarterly | None:
    covered = sum(found.weights)
    if not covered:
        return None
    return Quarterly(
        part.number,
        part.layout.id,
        place,
        round(covered),
        _scaled(sum(found.sums) / covered, column.scale),
        _scaled(max(found.peaks), column.scale),
    )


def _scaled(value: float, scale: int) -> int:
    return max(min(round(value * scale), _LIMIT), -_LIMIT)


def _across(points: Sequence[Quarterly]) -> bytes:
    ordered = sorted(points, key=lambda point: point.number)
    return pack(
        (
            array("q", [point.number for point in ordered]),
            array("q", [point.covered_us for point in ordered]),
            array("q", [point.mean for point in ordered]),
            array("q", [point.peak for point in ordered]),
        )
    )
