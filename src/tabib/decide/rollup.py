"""From readings to charts: counter resets, gaps, rates, means and peaks over time.

A reading stands for the time since the one before it: of a gauge with its own value, of a counter
with the increase per second since then. Where too long passed in between, or the clock did not go
forward, nothing is known of that time: a gap, never zero. All instants and durations are integer
microseconds; readings come in order of arrival, whatever their times say.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import mul, sub, truediv

ABSENT = -(2**63)
"""Stands for None among values."""
SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
QUARTER_US = 15 * MINUTE_US
USUAL_US = 10 * SECOND_US
"""Between two readings, where nothing better is known."""
_GAP = 3.5
"""So many usual intervals without a reading are a gap: three, and the unpunctuality of a tick."""
_SHORT_STEPS_S = (1, 2, 5, 10, 15, 20, 30, 60)

Piece = tuple[int, int, float, float, float]
"""What is known of a stretch of time: its start, its end, how much of it is covered, mean, peak."""


@dataclass(frozen=True, slots=True)
class Run:
    """Readings of one metric, in order of arrival. A value may be :data:`ABSENT`."""

    times: Sequence[int]
    values: Sequence[int]


@dataclass(slots=True)
class Fold:
    """Pieces gathered into steps of equal length; parallel lists. ``weights``: covered time."""

    weights: list[float]
    sums: list[float]
    peaks: list[float]

    def means(self) -> list[float | None]:
        """None where nothing is covered."""
        return [
            round(total / weight, 6) if weight else None
            for weight, total in zip(self.weights, self.sums, strict=True)
        ]


@dataclass(frozen=True, slots=True)
class Grid:
    """``count`` steps of ``step_us`` from ``start_us`` on."""

    start_us: int
    step_us: int
    count: int

    @property
    def end_us(self) -> int:
        return self.start_us + self.step_us * self.count


def grid(since_us: int, until_us: int, points: int) -> Grid:
    """Steps over the time, at most ``points``, each a round number of seconds that starts at a
    multiple of itself: a chart that moves on does not flicker."""
    span_us = max(until_us - since_us, SECOND_US)
    points = max(points, 1)
    step_us = _round_step(-(-span_us // points))
    while True:
        start = since_us // step_us * step_us
        count = -(-(since_us + span_us - start) // step_us)
        if count <= points or points == 1:
            return Grid(start, step_us, min(count, points))
        step_us = _round_step(step_us + 1)


def _round_step(least_us: int) -> int:
    for step_s in _SHORT_STEPS_S:
        if least_us <= step_s * SECOND_US:
            return step_s * SECOND_US
    unit = MINUTE_US if least_us <= QUARTER_US else QUARTER_US
    return -(-least_us // unit) * unit


def usual_interval(times: Sequence[int], otherwise_us: int = USUAL_US) -> int:
    """The median time between readings; ``otherwise_us`` where there are too few."""
    steps = sorted(step for step in map(sub, times[1:], times) if step > 0)
    return steps[len(steps) // 2] if steps else otherwise_us


def increase(before: int, after: int) -> int | None:
    """What a counter grew by. One that fell began anew, and counts from zero; None where it fell by
    less than half: then a part of a sum went away (an interface), and the rest is no increase."""
    if after >= before:
        return after - before
    return after if after >= 0 and after * 2 <= before else None


def pieces(run: Run, counter: bool, usual_us: int) -> list[Piece]:
    """What the readings tell of the time before each of them.

    ``usual_us``: where the readings are too few to tell how often they come.
    """
    if ABSENT in run.values:
        kept = [pair for pair in zip(run.times, run.values, strict=True) if pair[1] != ABSENT]
        run = Run([time for time, _ in kept], [value for _, value in kept])
    usual_us = usual_interval(run.times, usual_us)
    return list(_rates(run, usual_us) if counter else _levels(run, usual_us))


def _rates(run: Run, usual_us: int) -> Iterator[Piece]:
    times, values = run.times, run.values
    limit = _GAP * usual_us
    for index, (start, end) in enumerate(pairwise(times)):
        length = end - start
        if length <= 0 or (length > limit and _is_gap(times, index, length)):
            continue
        grown = values[index + 1] - values[index]
        if grown < 0:
            since_reset = increase(values[index], values[index + 1])
            if since_reset is None:
                continue
            grown = since_reset
        rate = grown * SECOND_US / length
        yield start, end, length, rate, rate


def _levels(run: Run, usual_us: int) -> Iterator[Piece]:
    times = run.times
    limit = _GAP * usual_us
    before: int | None = None
    for index, (time, value) in enumerate(zip(times, run.values, strict=True)):
        start = time - usual_us
        if before is not None:
            length = time - before
            if length > 0 and (length <= limit or not _is_gap(times, index - 1, length)):
                start = before
        before = time
        yield start, time, time - start, value, value


def _is_gap(times: Sequence[int], index: int, length: int) -> bool:
    """Whether the long interval after ``times[index]`` is one: not where both neighbours are as
    long, because readings are made less often there."""
    if index == 0 or index + 2 >= len(times):
        return True
    nearby = min(times[index] - times[index - 1], times[index + 2] - times[index + 1])
    return length > _GAP * nearby


def fold(parts: Iterable[Piece], over: Grid) -> Fold:
    """Gather pieces into steps. One that spans several gives each its share, and its peak."""
    origin, step, count = over.start_us, over.step_us, over.count
    weights, sums, peaks = [0.0] * count, [0.0] * count, [float("-inf")] * count
    for start, end, covered, mean, peak in parts:
        first, last = (start - origin) // step, (end - 1 - origin) // step
        if first == last:
            if 0 <= first < count:
                weights[first] += covered
                sums[first] += mean * covered
                if peak > peaks[first]:
                    peaks[first] = peak
            continue
        for index in range(max(first, 0), min(last, count - 1) + 1):
            left = origin + index * step
            share = min(end, left + step) - max(start, left)
            weight = covered * share / (end - start)
            weights[index] += weight
            sums[index] += mean * weight
            if peak > peaks[index]:
                peaks[index] = peak
    return Fold(weights, sums, peaks)


def joined(parts: Sequence[Piece], usual_us: int) -> list[Piece]:
    """Pieces of a gauge that is read more rarely than they are long: each reaches back to the end
    of the one before it, where the time between is no gap."""
    found: list[Piece] = []
    limit = _GAP * usual_us
    end_before: int | None = None
    for start, end, covered, mean, peak in parts:
        begin = start
        if end_before is not None and 0 < start - end_before <= limit:
            begin = end_before
        end_before = end
        found.append((begin, end, covered + start - begin, mean, peak))
    return found


def whole(run: Run, counter: bool, usual_us: int) -> Piece | None:
    """The same as :func:`pieces` folded into one, quickly; None where that cannot be done: a gap, a
    reset, an absent value, a clock that did not go forward."""
    times, values = run.times, run.values
    if len(times) < 2 or ABSENT in values:
        return None
    steps = list(map(sub, times[1:], times))
    usual_us = sorted(steps)[len(steps) // 2]
    if min(steps) <= 0 or max(steps) > _GAP * usual_us:
        return None
    start, end = times[0], times[-1]
    if not counter:
        start -= usual_us
        total = sum(map(mul, steps, values[1:])) + usual_us * values[0]
        return start, end, end - start, total / (end - start), max(values)
    grown = list(map(sub, values[1:], values))
    if min(grown) < 0:
        return None
    mean = (values[-1] - values[0]) * SECOND_US / (end - start)
    return start, end, end - start, mean, max(map(truediv, grown, steps)) * SECOND_US
