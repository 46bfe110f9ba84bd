"""From the daemon's answer to what is drawn: one plot a metric, on a common grid of times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tabib.decide.charts.values import is_counter, shown, title
from tabib.model.units import parse_time

Row = Mapping[str, Any]
TOTALS = ("restarts", "oom_kills")
"""Told as a number below the charts, not drawn, unless asked for."""
_LEGEND = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """``count`` equal steps from ``since`` to ``until`` (seconds since the epoch)."""

    since: float
    until: float
    count: int

    def place(self, at: float) -> int | None:
        """The step that holds ``at``; None outside."""
        if not self.since <= at < self.until:
            return None
        return min(int((at - self.since) / (self.until - self.since) * self.count), self.count - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """One metric of everything that is meant, summed. None: nothing was recorded, a gap."""

    metric: str
    kind: str
    unit: str
    means: tuple[float | None, ...]
    peaks: tuple[float | None, ...]
    limit: float | None = None
    """What it may reach at most, in its own unit; None where there is none."""
    legend: tuple[tuple[str, float, float], ...] = ()
    """Of several subjects those with the most: name, mean, peak."""

    @property
    def title(self) -> str:
        return title(self.metric)

    @property
    def highest(self) -> float | None:
        return max((p for p in (*self.peaks, *self.means) if p is not None), default=None)

    @property
    def mean(self) -> float | None:
        known = [one for one in self.means if one is not None]
        return sum(known) / len(known) if known else None

    def text(self, value: float) -> str:
        return shown(self.kind, self.metric, self.unit, value)


def window_of(answer: Row, count: int) -> Window:
    since, until = parse_time(answer.get("since")), parse_time(answer.get("until"))
    if since is None or until is None or until <= since or count < 1:
        return Window(since=0.0, until=1.0, count=max(count, 1))
    return Window(since=since.timestamp(), until=until.timestamp(), count=count)


def plots(answer: Row, window: Window, *, drawn_totals: bool = False) -> list[Plot]:
    """A plot for each metric, in the order of the answer. Metrics without a single value are left
    out where others have some; :data:`TOTALS` too unless ``drawn_totals``."""
    groups: dict[str, list[Row]] = {}
    for chart in answer.get("charts") or ():
        if drawn_totals or chart["metric"] not in TOTALS:
            groups.setdefault(str(chart["metric"]), []).append(chart)
    found = [_plot(metric, charts, window) for metric, charts in groups.items()]
    return [one for one in found if one.mean is not None] or found


def _plot(metric: str, charts: Sequence[Row], window: Window) -> Plot:
    grids = [resample(chart, window) for chart in charts]
    means: list[float | None] = []
    peaks: list[float | None] = []
    for step in range(window.count):
        there = [(m[step], p[step]) for m, p in grids if m[step] is not None]
        means.append(sum(m for m, _ in there if m is not None) if there else None)
        # Peaks of several at different moments do not add up to one of all.
        peaks.append(there[0][1] if len(there) == 1 else None)
    subject = charts[0].get("subject") or {}
    return Plot(
        metric=metric,
        kind=str(subject.get("kind") or "container"),
        unit=str(charts[0].get("unit") or ""),
        means=tuple(means),
        peaks=tuple(peaks),
        legend=_legend(charts, grids),
    )


Grid = tuple[list[float | None], list[float | None]]


def resample(chart: Row, window: Window) -> Grid:
    """Mean and peak of each step: of the points that cover it."""
    means: list[list[float]] = [[] for _ in range(window.count)]
    peaks: list[float | None] = [None] * window.count
    length = (window.until - window.since) / window.count
    for point in chart.get("points") or ():
        at, mean = parse_time(point.get("at")), point.get("mean")
        if at is None or mean is None:
            continue
        begin = at.timestamp()
        end = begin + max(float(chart.get("step_s") or 0), 1e-9)
        first = int((max(begin, window.since) - window.since) / length)
        for step in range(first, window.count):
            if window.since + step * length >= min(end, window.until):
                break
            means[step].append(float(mean))
            peak = float(mean if point.get("peak") is None else point["peak"])
            peaks[step] = max(peak, peaks[step] if peaks[step] is not None else peak)  # type: ignore[type-var]
    return [sum(one) / len(one) if one else None for one in means], peaks


def _legend(charts: Sequence[Row], grids: Sequence[Grid]) -> tuple[tuple[str, float, float], ...]:
    """Names with mean and peak; containers that bore one name after the other count as one."""
    known: dict[str, tuple[list[float], float]] = {}
    for chart, (means, peaks) in zip(charts, grids, strict=True):
        values = [one for one in means if one is not None]
        if not values:
            continue
        name = str((chart.get("subject") or {}).get("name") or "")
        before, peak = known.get(name, ([], 0.0))
        known[name] = ([*before, *values], max(peak, *(p for p in peaks if p is not None)))
    if len(known) < 2:
        return ()
    ranked = [(name, sum(v) / len(v), peak) for name, (v, peak) in known.items()]
    return tuple(sorted(ranked, key=lambda one: -one[1])[:_LEGEND])


def totals(answer: Row) -> dict[str, int]:
    """How often containers were restarted by the engine and hit by the out-of-memory killer."""
    found = dict.fromkeys(TOTALS, 0)
    for chart in answer.get("charts") or ():
        metric = str(chart["metric"])
        if metric not in TOTALS:
            continue
        known = [p for p in chart.get("points") or () if p.get("mean") is not None]
        if is_counter("container", metric):
            step = float(chart.get("step_s") or 0)
            found[metric] += round(sum(float(p["mean"]) * step for p in known))
        elif known:
            peaks = [float(p["mean"] if p.get("peak") is None else p["peak"]) for p in known]
            found[metric] += max(0, round(max(peaks) - float(known[0]["mean"])))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Something that happened. ``sign``: one of ``o`` (out of memory), ``x`` (a death, or the
    trouble itself), ``!`` (unhealthy), ``t`` (a treatment began), ``r`` (recovered), ``^`` (a
    start)."""

    at: datetime
    sign: str


RANK = "ox!tr^"
"""Where several fall on one place, the first of these is shown."""


def marks(events: Sequence[Row]) -> list[Mark]:
    found = []
    for row in events:
        at, action = parse_time(row.get("at")), row.get("action")
        attributes = row.get("attributes") or {}
        sign = {"oom": "o", "die": "x", "start": "^"}.get(str(action), "")
        if action == "health_status" and attributes.get("health") == "unhealthy":
            sign = "!"
        if at is not None and sign and row.get("kind") == "container":
            found.append(Mark(at=at, sign=sign))
    return found


def mark_row(found: Sequence[Mark], window: Window) -> str:
    """One character a step."""
    row = [" "] * window.count
    for mark in found:
        place = window.place(mark.at.timestamp())
        if place is None:
            continue
        if row[place] == " " or RANK.index(mark.sign) < RANK.index(row[place]):
            row[place] = mark.sign
    return "".join(row)
