"""How a figure changed around a trouble: by how much, which way, and since when."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from tabib.decide.causes.kinds import kind_of
from tabib.decide.causes.question import COUNTER, Line
from tabib.decide.causes.robust import (
    NORMAL,
    averaged,
    cleaned,
    median,
    middle,
    quantile,
    smoothed,
    stride,
)

FEWEST = 6
"""So many values at least, or nothing is said of a figure."""
_BEFORE = 3
"""So many values stand before a change at least."""
_BLOCKS = 15
_SMALL = 0.01
"""A change of less than this share of the level is none."""


@dataclass(frozen=True, slots=True)
class Clean:
    """A figure without gaps, a counter as its rate."""

    service: str
    metric: str
    kind: str
    times: list[float]
    values: list[float]


@dataclass(frozen=True, slots=True)
class Shift:
    """``before`` and ``after``: levels; ``z``: the change in robust deviations of before;
    ``ratio``: the change over the level before; ``onset``: when it began; ``lasting``: 0…1, the
    share of the time after it in which it stood."""

    service: str
    metric: str
    kind: str
    before: float
    after: float
    z: float
    ratio: float
    onset: float
    lasting: float
    until: float
    """The time of its last value."""
    rhythm: float
    """Seconds between two values: onsets that lie closer are the same."""
    gradual: float
    """0…1: the share of the time after ``onset`` that it took from a quarter of the change to three
    quarters."""

    @property
    def rises(self) -> bool:
        return self.after > self.before


def clean(line: Line) -> Clean | None:
    """None: too few values to say anything."""
    times, values = cleaned(line.times, line.values, counter=line.kind == COUNTER)
    if len(values) < FEWEST:
        return None
    return Clean(line.service, line.metric, kind_of(line.metric), times, values)


def level(line: Clean) -> float:
    """What is large for it."""
    ordered = sorted(map(abs, line.values))
    return quantile(ordered, 0.95)


def shift(line: Clean, at: float, floor: float) -> Shift:
    """``floor``: a deviation that is small for such figures, where its own is none."""
    split = bisect_left(line.times, at)
    count = len(line.values)
    if split >= count or split < _BEFORE:
        split = _split(line.values)
    before, after = line.values[:split], line.values[split:]
    width = 1 if len(after) < 5 else min(15, max(3, len(after) // 20))
    center = median(before)
    single = sorted([abs(value - center) for value in before])
    usual_spread = NORMAL * middle(single)
    # Of what is nearly always the same, medians would hide how often it was not.
    smooth = smoothed if usual_spread > 0 else averaged
    calm = smooth(before, width, (width + 1) // 2)
    deviations = sorted([abs(value - center) for value in calm])
    scale = max(
        0.6 * usual_spread,
        quantile(deviations, 0.95) / 2.0,
        quantile(single, 0.98) / 4.0,
        _SMALL * abs(center),
        floor,
        1e-12,
    )
    step = stride(width)
    troubled = smooth(after, width, step)
    high, low = max(troubled), min(troubled)
    peak = high if high - center >= center - low else low
    usual = median(troubled)
    sign = 1.0 if peak >= center else -1.0
    size = 0.5 * abs(peak - center) + 0.5 * max(0.0, sign * (usual - center))
    reached = center + sign * size
    half = 0.5 * size
    beyond = [sign * (value - center) >= half for value in troubled]
    first = beyond.index(True)
    onset = _refined(after, first * step, width, center, sign * half)
    gaps = (line.times[-1] - line.times[0]) / (count - 1)
    return Shift(
        service=line.service,
        metric=line.metric,
        kind=line.kind,
        before=center,
        after=reached,
        z=size / scale,
        ratio=size / max(abs(center), scale),
        onset=line.times[min(split + onset, count - 1)],
        lasting=sum(beyond[first:]) / len(beyond[first:]),
        until=line.times[-1],
        rhythm=gaps,
        gradual=_gradual([sign * (value - center) / size for value in troubled] if size else []),
    )


def _gradual(shares: Sequence[float]) -> float:
    """How long the way from a quarter of the change to three quarters of it was."""
    if not shares:
        return 0.0
    quarter = next((place for place, share in enumerate(shares) if share >= 0.25), 0)
    most = next((place for place, share in enumerate(shares) if share >= 0.75), len(shares))
    return (most - quarter) / len(shares)


def _refined(after: Sequence[float], start: int, width: int, center: float, half: float) -> int:
    """The first single value from ``start`` on that goes more than half of the way."""
    for place in range(start, min(start + width, len(after))):
        if (after[place] - center) * math.copysign(1.0, half) >= abs(half):
            return place
    return start


def _split(values: Sequence[float]) -> int:
    """Where the values change most, by the medians of blocks; at least three stand before it."""
    count = len(values)
    size = max(1, -(-count // _BLOCKS))
    blocks = [median(values[start : start + size]) for start in range(0, count, size)]
    least = max(1, -(-_BEFORE // size))
    best, place = -1.0, least
    for split in range(least, len(blocks)):
        left, right = sorted(blocks[:split]), sorted(blocks[split:])
        a, b = middle(left), middle(right)
        inner = sum(abs(v - a) for v in left) + sum(abs(v - b) for v in right)
        gain = abs(b - a) / (inner / len(blocks) + 1e-9 + 0.002 * (abs(a) + abs(b)))
        # A change is told by several values on each side, not by one.
        gain *= math.sqrt(min(split, len(blocks) - split, 4))
        if gain > best:
            best, place = gain, split
    half = (median(blocks[:place]) + median(blocks[place:])) / 2
    rises = median(blocks[place:]) > half
    return _to_single(values, max(_BEFORE, min(place * size, count - 1)), size, half, rises)


def _to_single(values: Sequence[float], place: int, size: int, half: float, rises: bool) -> int:
    """The split moved, by a block at most, to the first of two values beyond the middle."""

    def beyond(one: int) -> bool:
        return (values[one] > half) == rises

    for split in range(max(_BEFORE, place - size), min(place + size, len(values) - 1)):
        if beyond(split) and beyond(split + 1):
            return split
    return place
