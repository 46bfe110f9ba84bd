"""Plots as SVG (1.1), without scripts, fonts or resources of others.

:func:`svg` is a file of its own with its own look; :func:`figure` one chart for a page that holds
:data:`STYLE`. Both are drawn alike. Gaps stay empty; peaks are dotted; what happened is marked by
vertical lines with a sign at their head, so that no meaning rests on a colour alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from tabib.decide.charts.plots import Mark, Plot, Window
from tabib.decide.charts.values import ceiling

_WIDTH, _CHART, _LEFT, _RIGHT, _GAP, _HEAD = 900, 110, 90, 20, 46, 50
MARKS = {
    "o": ("◆", "bad", "out of memory"),
    "x": ("✖", "bad", "died or failed"),
    "!": ("!", "odd", "unhealthy"),
    "t": ("●", "act", "treated"),
    "r": ("✔", "good", "recovered"),
    "^": ("▲", "good", "started"),
}
"""Sign → what is drawn, its class, what it means."""
STYLE = (
    "text{font:12px system-ui,sans-serif;fill:var(--ink,#333)}.t{font-weight:600}"
    ".d{fill:var(--dim,#666)}.a{fill:var(--line,#2b7bb9);fill-opacity:.25}"
    ".l{fill:none;stroke:var(--line,#2b7bb9);stroke-width:1.3}"
    ".p{fill:none;stroke:var(--line,#2b7bb9);stroke-opacity:.5;stroke-dasharray:2 2}"
    ".g{stroke:var(--grid,#ddd)}.limit{stroke:var(--bad,#c22);stroke-dasharray:6 3}"
    "line.bad{stroke:var(--bad,#c22)}line.odd{stroke:var(--odd,#a60)}"
    "line.act{stroke:var(--act,#46c)}line.good{stroke:var(--good,#282)}"
    "text.bad{fill:var(--bad,#c22)}text.odd{fill:var(--odd,#a60)}"
    "text.act{fill:var(--act,#46c)}text.good{fill:var(--good,#282)}"
)
_SIGN = 13.0
"""Width of a sign."""
_LIMIT_SHARE = 0.2
"""A limit is drawn to scale where the highest value is this much of it; else only told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """Words of the time axis: where it begins and where it ends, in the reader's zone."""

    since: str
    until: str


def svg(name: str, plots: Sequence[Plot], window: Window, marks: Sequence[Mark], axis: Axis) -> str:
    """The text of a file: all ``plots`` below one another."""
    height = _HEAD + len(plots) * (_CHART + _GAP) + 10
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" '
        f'viewBox="0 0 {_WIDTH} {height}">',
        f"<style>{STYLE}</style>",
        f'<rect width="{_WIDTH}" height="{height}" fill="#fff"/>',
        f'<text x="10" y="20" class="t">{escape(name)}</text>',
        f'<text x="10" y="36" class="d">{escape(axis.since)} – {escape(axis.until)}</text>',
    ]
    for number, plot in enumerate(plots):
        y = _HEAD + number * (_CHART + _GAP) + 18
        parts.append(
            f'<text x="{_LEFT}" y="{y - 6}"><tspan class="t">{escape(plot.title)}</tspan> '
            f'<tspan class="d" dx="8">{escape(told(plot))}</tspan></text>'
        )
        parts += _chart(plot, y, window, marks)
    return "\n".join([*parts, "</svg>", ""])


def figure(plot: Plot, window: Window, marks: Sequence[Mark], axis: Axis, id: str) -> str:
    """One chart as an element of a page; ``id`` names it there. Read aloud, it is :func:`told`."""
    height = _CHART + 36
    bottom = _CHART + 18
    text = f"{told(plot)}. {axis.since} to {axis.until}."
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" '
        f'aria-labelledby="{id}-t {id}-d">',
        f'<title id="{id}-t">{escape(plot.title)}</title><desc id="{id}-d">{escape(text)}</desc>',
        *_chart(plot, 14, window, marks),
        f'<text class="d" x="{_LEFT}" y="{bottom + 12}">{escape(axis.since)}</text>',
        f'<text class="d" x="{_WIDTH - _RIGHT}" y="{bottom + 12}" text-anchor="end">'
        f"{escape(axis.until)}</text>",
    ]
    return "\n".join([*parts, "</svg>"])


def told(plot: Plot) -> str:
    """A plot in words: ``mean 12 MB, peak 63 MB, limit 64 MB``."""
    if plot.mean is None or plot.highest is None:
        return "nothing recorded"
    text = f"mean {plot.text(plot.mean)}, peak {plot.text(plot.highest)}"
    return text + (f", limit {plot.text(plot.limit)}" if plot.limit else "")


def _chart(plot: Plot, y: float, window: Window, marks: Sequence[Mark]) -> list[str]:
    highest = plot.highest or 0.0
    limit = plot.limit if plot.limit and highest >= plot.limit * _LIMIT_SHARE else None
    top = ceiling(plot.unit, plot.metric, max(highest, limit or 0.0))
    right, bottom = _WIDTH - _RIGHT, y + _CHART
    parts = []
    for value, at in ((top, y), (top / 2, y + _CHART / 2), (0.0, bottom)):
        parts.append(f'<line class="g" x1="{_LEFT}" x2="{right}" y1="{at}" y2="{at}"/>')
        parts.append(
            f'<text class="d" x="{_LEFT - 6}" y="{at + 4}" text-anchor="end">'
            f"{escape(plot.text(value))}</text>"
        )
    if limit:
        at = round(y + (1 - limit / top) * _CHART, 1)
        parts.append(f'<line class="limit" x1="{_LEFT}" x2="{right}" y1="{at}" y2="{at}"/>')
    free = 0.0
    for mark in sorted(marks, key=lambda one: one.at):
        place = window.place(mark.at.timestamp())
        if place is not None:
            sign, look, meaning = MARKS[mark.sign]
            x = _x(place + 0.5, window.count)
            # Signs of what happened at almost the same time stand side by side.
            beside, free = max(x, free), max(x, free) + _SIGN
            parts.append(
                f'<g><title>{meaning}</title><line class="{look}" x1="{x}" x2="{x}" y1="{y}" '
                f'y2="{bottom}" stroke-opacity=".6"/><text class="{look}" x="{round(beside, 1)}" '
                f'y="{y - 2}" text-anchor="middle">{sign}</text></g>'
            )
    for run in _runs(plot.means):
        line = " ".join(_point(i, v, top, y, window.count) for i, v in run)
        first, last = _x(run[0][0] + 0.5, window.count), _x(run[-1][0] + 0.5, window.count)
        parts.append(f'<polygon class="a" points="{first},{bottom} {line} {last},{bottom}"/>')
        parts.append(f'<polyline class="l" points="{line}"/>')
    for run in _runs(plot.peaks):
        line = " ".join(_point(i, v, top, y, window.count) for i, v in run)
        parts.append(f'<polyline class="p" points="{line}"/>')
    return parts


def _runs(values: Sequence[float | None]) -> list[list[tuple[int, float]]]:
    """Stretches without a gap."""
    runs: list[list[tuple[int, float]]] = [[]]
    for number, value in enumerate(values):
        if value is not None:
            runs[-1].append((number, value))
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def _x(step: float, count: int) -> float:
    return round(_LEFT + step / count * (_WIDTH - _RIGHT - _LEFT), 1)


def _point(step: int, value: float, top: float, y: float, count: int) -> str:
    share = min(max(value / top, 0.0), 1.0)
    return f"{_x(step + 0.5, count)},{round(y + (1 - share) * _CHART, 1)}"
