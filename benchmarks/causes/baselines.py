"""Two scorers for comparison, as they are usually written; nothing of tabib uses them."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence

from benchmarks.causes.case import Labelled
from tabib.decide.causes.question import COUNTER, Line
from tabib.decide.causes.robust import cleaned, quantile

Ranked = list[tuple[str, str]]


def n_sigma(case: Labelled) -> Ranked:
    """The largest distance from the mean before, in standard deviations of before."""

    def scale(values: Sequence[float]) -> tuple[float, float]:
        return statistics.fmean(values), statistics.pstdev(values)

    return _ranked(case, scale)


def median_iqr(case: Labelled) -> Ranked:
    """The largest distance from the median before, in interquartile ranges of before."""

    def scale(values: Sequence[float]) -> tuple[float, float]:
        ordered = sorted(values)
        wide = quantile(ordered, 0.75) - quantile(ordered, 0.25)
        return statistics.median(ordered), wide

    return _ranked(case, scale)


def _ranked(case: Labelled, scale: Callable[[Sequence[float]], tuple[float, float]]) -> Ranked:
    found = []
    for line in case.question.series:
        score = _score(line, case.split, scale)
        found.append((-score, line.service, line.metric))
    return [(service, metric) for _, service, metric in sorted(found)]


def _score(
    line: Line, split: float, scale: Callable[[Sequence[float]], tuple[float, float]]
) -> float:
    times, values = cleaned(line.times, line.values, counter=line.kind == COUNTER)
    before = [value for time, value in zip(times, values, strict=True) if time < split]
    after = [value for time, value in zip(times, values, strict=True) if time >= split]
    if len(before) < 2 or not after:
        return 0.0
    center, wide = scale(before)
    return max(abs(value - center) for value in after) / (wide or 1.0)
