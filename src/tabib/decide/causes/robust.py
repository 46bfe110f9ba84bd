"""Statistics that a few wild values do not move, in plain Python."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

NORMAL = 1.4826
"""The standard deviation of a normal distribution over its median absolute deviation."""


def middle(ordered: Sequence[float]) -> float:
    """The median of ascending values, at least one."""
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def median(values: Iterable[float]) -> float:
    return middle(sorted(values))


def quantile(ordered: Sequence[float], share: float) -> float:
    """The value that ``share`` of the ascending values do not exceed, interpolated."""
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def stride(width: int) -> int:
    """How far apart running values of ``width`` values each begin."""
    return max(1, width // 2)


def smoothed(values: Sequence[float], width: int, step: int) -> list[float]:
    """Running medians of ``width`` values each, ``step`` values apart; at least one."""
    if width <= 1 or len(values) <= width:
        return list(values) if width <= 1 else [median(values)]
    half = width // 2
    odd = width % 2
    found = []
    for start in range(0, len(values) - width + 1, step):
        ordered = sorted(values[start : start + width])
        found.append(ordered[half] if odd else (ordered[half - 1] + ordered[half]) / 2)
    return found


def averaged(values: Sequence[float], width: int, step: int) -> list[float]:
    """As :func:`smoothed`, by means without the largest of each."""
    if width <= 1:
        return list(values)
    found = []
    for start in range(0, max(1, len(values) - width + 1), step):
        part = values[start : start + width]
        found.append((sum(part) - max(part)) / max(1, len(part) - 1))
    return found


def cleaned(
    times: Sequence[float], values: Sequence[float | None], *, counter: bool
) -> tuple[list[float], list[float]]:
    """Times and values without gaps, what is not a number left out. A counter becomes its rate a
    second since the value before; a reset gives none."""
    if not counter and None not in values and all(map(math.isfinite, values)):  # type: ignore[arg-type]
        size = min(len(times), len(values))
        return list(times[:size]), list(values[:size])  # type: ignore[arg-type]
    kept_times: list[float] = []
    kept: list[float] = []
    before: tuple[float, float] | None = None
    for time, value in zip(times, values, strict=False):
        if value is None or not math.isfinite(value):
            continue
        if not counter:
            kept_times.append(time)
            kept.append(value)
            continue
        if before is not None and time > before[0] and value >= before[1]:
            kept_times.append(time)
            kept.append((value - before[1]) / (time - before[0]))
        before = (time, value)
    return kept_times, kept
