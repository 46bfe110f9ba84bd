"""From readings of a case file (and what came after it) to plots, by the rules of all charts."""

from __future__ import annotations

from collections.abc import Sequence

from tabib.decide import rollup
from tabib.decide.charts.plots import Plot, Window
from tabib.model.incident import Readings
from tabib.model.metrics import COUNTER, METRICS

_US = 1_000_000


def plot(kind: str, metric: str, readings: Sequence[Readings], window: Window) -> Plot:
    """One metric over ``window``; readings that several tables have count once. Where nothing was
    read there are gaps."""
    unit, counter = next(
        (one.unit, one.kind == COUNTER) for one in METRICS[kind] if one.name == metric
    )
    values = _values(metric, readings)
    run = rollup.Run(list(values), list(values.values()))
    start, end = round(window.since * _US), round(window.until * _US)
    grid = rollup.Grid(start, max((end - start) // window.count, 1), window.count)
    found = rollup.fold(rollup.pieces(run, counter, rollup.USUAL_US), grid)
    return Plot(
        metric=metric,
        kind=kind,
        unit=unit,
        means=tuple(found.means()),
        peaks=tuple(
            peak if weight else None
            for peak, weight in zip(found.peaks, found.weights, strict=True)
        ),
    )


def last(metric: str, readings: Sequence[Readings]) -> int | None:
    """The newest value; None where there is none."""
    values = _values(metric, readings)
    return values[max(values)] if values else None


def _values(metric: str, readings: Sequence[Readings]) -> dict[int, int]:
    """Time (microseconds since the epoch) → value, by time."""
    found: dict[int, int] = {}
    for table in readings:
        if metric not in table.metrics:
            continue
        place = table.metrics.index(metric)
        for at, row in zip(table.times, table.rows, strict=True):
            value = row[place]
            if value is not None:
                found[round(at.timestamp() * _US)] = value
    return dict(sorted(found.items()))
