"""Plots as one SVG file, without scripts or fonts of its own (SVG 1.1)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from xml.sax.saxutils import escape

from tabib.cli.render.history.plots import Mark, Plot, Window
from tabib.cli.render.history.values import ceiling

_WIDTH, _CHART, _LEFT, _RIGHT, _GAP, _HEAD = 900, 110, 90, 20, 46, 50
_MARKS = {"o": ("#d33", "out of memory"), "x": ("#d33", "died"), "!": ("#c80", "unhealthy"),
          "^": ("#2a2", "started")}  # fmt: skip
_STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#333}.t{font-weight:600}.d{fill:#777}"
    ".a{fill:#2b7bb9;fill-opacity:.25}.l{fill:none;stroke:#2b7bb9;stroke-width:1.3}"
    ".p{fill:none;stroke:#2b7bb9;stroke-opacity:.4;stroke-dasharray:2 2}.g{stroke:#ddd}"
)


def svg(name: str, plots: Sequence[Plot], window: Window, marks: Sequence[Mark]) -> str:
    """The file's text. Gaps stay empty; peaks are dotted; marks are vertical lines."""
    height = _HEAD + len(plots) * (_CHART + _GAP) + 10
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" '
        f'viewBox="0 0 {_WIDTH} {height}">',
        f"<style>{_STYLE}</style>",
        f'<rect width="{_WIDTH}" height="{height}" fill="#fff"/>',
        f'<text x="10" y="20" class="t">{escape(name)}</text>',
        f'<text x="10" y="36" class="d">{_time(window.since)} – {_time(window.until)}</text>',
    ]
    for number, plot in enumerate(plots):
        parts += _chart(plot, _HEAD + number * (_CHART + _GAP) + 18, window, marks)
    return "\n".join([*parts, "</svg>", ""])


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S %z")


def _chart(plot: Plot, y: float, window: Window, marks: Sequence[Mark]) -> list[str]:
    highest = plot.highest or 0.0
    top = ceiling(plot.unit, plot.metric, highest)
    right, bottom = _WIDTH - _RIGHT, y + _CHART
    told = (
        f"mean {plot.text(plot.mean)}, peak {plot.text(highest)}" if plot.mean is not None else ""
    )
    parts = [
        f'<text x="{_LEFT}" y="{y - 6}"><tspan class="t">{escape(plot.title)}</tspan> '
        f'<tspan class="d" dx="8">{escape(told or "nothing recorded")}</tspan></text>'
    ]
    for value, at in ((top, y), (top / 2, y + _CHART / 2), (0.0, bottom)):
        parts.append(f'<line class="g" x1="{_LEFT}" x2="{right}" y1="{at}" y2="{at}"/>')
        parts.append(
            f'<text class="d" x="{_LEFT - 6}" y="{at + 4}" text-anchor="end">'
            f"{escape(plot.text(value))}</text>"
        )
    for mark in marks:
        place = window.place(mark.at.timestamp())
        if place is not None:
            color, meaning = _MARKS[mark.sign]
            x = _x(place + 0.5, window.count)
            parts.append(f'<line x1="{x}" x2="{x}" y1="{y}" y2="{bottom}" stroke="{color}" '
                         f'stroke-opacity=".6"><title>{meaning}</title></line>')  # fmt: skip
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
