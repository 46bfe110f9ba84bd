"""What the flight recorder's readings before a case tell: growth, rates, the last value."""

from __future__ import annotations

from tabib.model.incident import Case, Readings

WINDOW = 13
"""Readings at the end that are looked at: a minute at the usual rhythm."""

Points = tuple[tuple[float, int], ...]
"""(seconds before the last reading as a number ≤ 0, value), oldest first."""


def points(readings: Readings, metric: str) -> Points:
    """All readings of a metric that there are."""
    if metric not in readings.metrics:
        return ()
    place = readings.metrics.index(metric)
    told = [(at, row[place]) for at, row in zip(readings.times, readings.rows, strict=True)]
    known = [(at, value) for at, value in told if value is not None]
    if not known:
        return ()
    end = known[-1][0]
    return tuple(((at - end).total_seconds(), value) for at, value in known)


def grown(readings: Readings, metric: str) -> int | None:
    """How much a counter grew over the last readings; None where it cannot be told."""
    values = [value for _, value in points(readings, metric)[-WINDOW:]]
    if len(values) < 3 or values[-1] < values[0]:
        return None
    return values[-1] - values[0]


def per_second(readings: Readings, metric: str, seconds: float) -> float | None:
    """A counter's growth by the second over at least the last ``seconds``; None where there are
    not so many readings, or it began anew."""
    told = points(readings, metric)
    older = [one for one in told if one[0] <= -seconds]
    if not older:
        return None
    since = older[-1]
    if told[-1][1] < since[1]:
        return None
    return (told[-1][1] - since[1]) / -since[0]


def last(readings: Readings, metric: str) -> int | None:
    """The newest reading."""
    told = points(readings, metric)
    return told[-1][1] if told else None


def container(case: Case) -> Readings:
    """The container's own readings; empty where nothing was recorded."""
    return case.recorded.container if case.recorded else Readings()


def node(case: Case) -> Readings:
    """The machine's readings; empty where nothing was recorded."""
    return case.recorded.node if case.recorded else Readings()
