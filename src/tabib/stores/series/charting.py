"""Charts and rankings of what was gathered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import apsw

from tabib.decide.rollup import (
    MINUTE_US,
    QUARTER_US,
    Fold,
    Grid,
    Piece,
    Run,
    fold,
    grid,
    joined,
    pieces,
    whole,
)
from tabib.model.metrics import COUNTER, METRICS, Metric
from tabib.model.sample import Chart, Point, Ranked
from tabib.stores.rows import every, from_us
from tabib.stores.series.codec import Chunk
from tabib.stores.series.head import Segment
from tabib.stores.series.keys import first_key, subject_of
from tabib.stores.series.layouts import Layouts
from tabib.stores.series.reading import (
    MINUTE,
    QUARTER,
    RAW,
    Line,
    Sealed,
    Wanted,
    across,
    gather,
    minute_pieces,
    points_across,
    sealed_among,
    segments,
    snapshot,
)
from tabib.stores.series.subjects import Entry


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of which time; ``unsealed`` as in :class:`Wanted`."""

    entries: Sequence[Entry]
    metrics: Sequence[str]
    since_us: int
    until_us: int
    unsealed: Sequence[Segment]
    layouts: Layouts


def charts(base: apsw.Connection, question: Question, points: int) -> list[Chart]:
    """A chart of each metric that the subject's kind has."""
    over = grid(question.since_us, question.until_us, points)
    wanted = Wanted(
        numbers={entry.number: entry.subject.kind for entry in question.entries},
        metrics=question.metrics,
        since_us=over.start_us,
        until_us=question.until_us,
        tier=_tier(over.step_us),
        unsealed=question.unsealed,
        layouts=question.layouts,
    )
    lines = gather(base, wanted)
    return [
        _chart(entry, metric, lines[entry.number, metric.name], over)
        for entry in question.entries
        for metric in _metrics(entry.subject.kind, question.metrics)
    ]


def _tier(step_us: int) -> str:
    if step_us < MINUTE_US:
        return RAW
    return MINUTE if step_us < QUARTER_US else QUARTER


def _metrics(kind: str, names: Sequence[str]) -> list[Metric]:
    by_name = {metric.name: metric for metric in METRICS[kind]}
    return [by_name[name] for name in names if name in by_name]


def _chart(entry: Entry, metric: Metric, line: Line, over: Grid) -> Chart:
    found = fold(_pieces(line, metric.kind == COUNTER, entry.interval_us), over)
    return Chart(
        subject=entry.subject,
        metric=metric.name,
        unit=metric.unit,
        step_s=over.step_us / 1_000_000,
        points=_points(found, over),
    )


def _points(found: Fold, over: Grid) -> tuple[Point, ...]:
    return tuple(
        Point(
            at=from_us(over.start_us + index * over.step_us),
            mean=mean,
            peak=None if mean is None else round(found.peaks[index], 6),
        )
        for index, mean in enumerate(found.means())
    )


def _pieces(line: Line, counter: bool, usual_us: int) -> list[Piece]:
    found: list[Piece] = []
    rolled = False
    for part in line.parts:
        if isinstance(part, Run):
            found += pieces(part, counter, usual_us)
        else:
            rolled = True
            found += part
    return joined(found, usual_us) if rolled and not counter else found


# ── rankings ───────────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class _Sum:
    weight: float = 0.0
    total: float = 0.0
    peak: float = float("-inf")


def top(base: apsw.Connection, question: Question, kind: str) -> dict[int, tuple[float, float]]:
    """Mean and peak of the one metric over the time, of every subject that has any."""
    (metric,) = question.metrics
    sums: dict[int, _Sum] = {}
    with snapshot(base):
        for sealed in segments(base, question.since_us, question.until_us):
            end_us = sealed.quarter_us + QUARTER_US
            inside = question.since_us <= sealed.quarter_us and end_us <= question.until_us
            if inside:
                _add_quarter(base, sealed, kind, question, sums)
            elif not sealed.has_minute:
                for number, piece in across(base, sealed, kind, metric, question.layouts):
                    _add(sums, number, [piece], question)
            else:
                _edge(base, sealed, metric, question, sums)
        gone = sealed_among(base, question.unsealed)
    counter = any(one.kind == COUNTER for one in _metrics(kind, (metric,)))
    unsealed = [segment for segment in question.unsealed if segment.seq not in gone]
    for segment in unsealed:
        # What lies before the first of them is in the sealed one's points already.
        first = max(question.since_us, segment.quarter_us if segment is unsealed[0] else 0)
        _head(segment, metric, counter, replace(question, since_us=first), sums)
    return {number: (sum_.total / sum_.weight, sum_.peak) for number, sum_ in sums.items()}


def ranked(found: dict[int, tuple[float, float]], question: Question, limit: int) -> list[Ranked]:
    """The highest means of the asked subjects, highest first."""
    lines = [
        Ranked(subject=entry.subject, mean=mean, peak=peak)
        for entry in question.entries
        if entry.number in found
        for mean, peak in (found[entry.number],)
    ]
    lines.sort(key=lambda line: (-line.mean, line.subject.name, line.subject.id))
    return lines[:limit]


def _add_quarter(
    base: apsw.Connection, sealed: Sealed, kind: str, question: Question, sums: dict[int, _Sum]
) -> None:
    """A quarter that lies within the time: as a day has a hundred, without further ado."""
    for points in points_across(base, sealed, kind, question.metrics[0], question.layouts):
        scale = points.scale
        for number, covered, mean, peak in points.rows:
            mine = sums.get(number)
            if mine is None:
                mine = sums[number] = _Sum()
            mine.weight += covered
            mine.total += mean * covered / scale
            if peak > mine.peak * scale:
                mine.peak = peak / scale


def _edge(
    base: apsw.Connection,
    sealed: Sealed,
    metric: str,
    question: Question,
    sums: dict[int, _Sum],
) -> None:
    """A quarter that the time holds a part of: by its minutes."""
    rows = every(
        base,
        "SELECT key, layout, body FROM minute WHERE key >= ? AND key < ?",
        (first_key(sealed.seq), first_key(sealed.seq + 1)),
    )
    asked = {entry.number for entry in question.entries}
    for key, layout_id, body in rows:
        if subject_of(key) in asked:
            layout = question.layouts.by_id[layout_id]
            found = minute_pieces(Chunk(body), layout, metric, sealed.quarter_us)
            _add(sums, subject_of(key), list(found), question)


def _head(
    segment: Segment, metric: str, counter: bool, question: Question, sums: dict[int, _Sum]
) -> None:
    for entry in question.entries:
        layout = question.layouts.current[entry.subject.kind]
        part = segment.part(entry.number, layout)
        if part is None or metric not in layout.places:
            continue
        run = part.run(layout.places[metric], before=True)
        quick = None
        usual_us = entry.interval_us
        if question.since_us <= min(run.times) + usual_us and max(run.times) <= question.until_us:
            quick = whole(run, counter, entry.interval_us)
        found = [quick] if quick else pieces(run, counter, entry.interval_us)
        _add(sums, entry.number, found, question)


def _add(sums: dict[int, _Sum], number: int, found: list[Piece], question: Question) -> None:
    """Add what lies within the time: of a piece that reaches beyond, its share."""
    since, until = question.since_us, question.until_us
    for start, end, covered, mean, peak in found:
        weight = covered
        if start < since or end > until:
            share = min(end, until) - max(start, since)
            if share <= 0:
                continue
            weight = covered * share / (end - start)
        mine = sums.get(number)
        if mine is None:
            mine = sums[number] = _Sum()
        mine.weight += weight
        mine.total += mean * weight
        mine.peak = max(mine.peak, peak)
