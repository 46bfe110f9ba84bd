"""Plots as lines of text: dots (braille) where the terminal can, else plain ASCII."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from tabib.cli.console import Console
from tabib.cli.render.table import visible
from tabib.decide.charts.plots import Plot, Window
from tabib.decide.charts.values import ceiling

ROWS = 4
_LABELS = 11
"""Columns of the axis on the left, its line included."""
_LEAST = 10
_LEFT = (0x40, 0x04, 0x02, 0x01)
_RIGHT = (0x80, 0x20, 0x10, 0x08)
"""Dots of a braille cell from the bottom up (Unicode, U+2800)."""
_ASCII = " .:#"


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How it is drawn: ``width`` columns for one chart, axis included; ``unicode``: dots."""

    width: int
    unicode: bool = True

    @property
    def columns(self) -> int:
        return max(self.width - _LABELS, _LEAST)

    @property
    def steps(self) -> int:
        """How many values stand side by side."""
        return self.columns * (2 if self.unicode else 1)


def chart_lines(plot: Plot, look: Look, console: Console) -> list[str]:
    """Heading, :data:`ROWS` lines with an axis, and where there are several the most of them."""
    highest = plot.highest
    if highest is None or plot.mean is None:
        return [console.paint(plot.title, "bold") + console.paint("  nothing recorded", "dim")]
    if highest == 0:
        return [_fit(plot.title, f"{plot.text(0)} throughout", look, console)]
    top = ceiling(plot.unit, plot.metric, highest)
    heading = f"mean {plot.text(plot.mean)}, peak {plot.text(highest)}"
    lines = [_fit(plot.title, heading, look, console)]
    draw = _braille if look.unicode else _ascii
    body = draw(plot, top)
    bar = "┤" if look.unicode else "|"
    for number, row in enumerate(body):
        label = plot.text(top) if number == 0 else plot.text(0) if number == ROWS - 1 else ""
        label = label.removesuffix(" cores")
        if len(label) > _LABELS - 2:
            label = f"{top:.0e}"
        lines.append(f"{label:>{_LABELS - 2}} {bar}" + console.paint(row.rstrip(), "cyan"))
    if plot.legend:
        lines.append(" " * _LABELS + console.paint(_legend(plot, look), "dim"))
    return lines


def _legend(plot: Plot, look: Look) -> str:
    """As many subjects as fit."""
    between = " · " if look.unicode else ", "
    text = ""
    for name, mean, peak in plot.legend:
        more = f"{between if text else ''}{name} {plot.text(mean)} (peak {plot.text(peak)})"
        if text and len(text) + len(more) > look.columns:
            break
        text += more
    return text[: look.columns]


def _fit(title: str, rest: str, look: Look, console: Console) -> str:
    rest = rest[: max(look.width - len(title) - 2, 0)]
    return f"{console.paint(title, 'bold')}  {console.paint(rest, 'dim')}"


def _level(value: float | None, top: float, levels: int) -> int | None:
    """How many of ``levels`` are filled; a value above zero fills at least one. None: a gap."""
    if value is None:
        return None
    filled = round(min(max(value / top, 0.0), 1.0) * levels)
    return max(filled, 1)


def _braille(plot: Plot, top: float) -> list[str]:
    levels = 4 * ROWS
    fills = [_level(mean, top, levels) for mean in plot.means]
    peaks = [_level(peak, top, levels) for peak in plot.peaks]
    cells = [[0] * ((len(fills) + 1) // 2) for _ in range(ROWS)]
    for step, fill in enumerate(fills):
        dots = _RIGHT if step % 2 else _LEFT
        filled = set(range(fill or 0))
        peak = peaks[step]
        if peak:
            filled.add(peak - 1)
        for level in filled:
            cells[ROWS - 1 - level // 4][step // 2] |= dots[level % 4]
    return ["".join(chr(0x2800 + cell) if cell else " " for cell in row) for row in cells]


def _ascii(plot: Plot, top: float) -> list[str]:
    parts = len(_ASCII) - 1
    rows = []
    fills = [_level(mean, top, parts * ROWS) or 0 for mean in plot.means]
    for row in range(ROWS):
        below = (ROWS - 1 - row) * parts
        rows.append("".join(_ASCII[min(max(fill - below, 0), parts)] for fill in fills))
    return rows


def time_axis(window: Window, look: Look, console: Console) -> str:
    """Times of the user's zone below the charts: the first, the middle, the last."""
    long = window.until - window.since > 86_000
    style = "%m-%d %H:%M" if long else "%H:%M" if window.until - window.since > 600 else "%H:%M:%S"
    row = [" "] * look.columns
    for share in (0.0, 0.5, 1.0):
        at = window.since + share * (window.until - window.since)
        text = datetime.fromtimestamp(at, UTC).astimezone().strftime(style)
        start = round(share * look.columns - (0, len(text) / 2, len(text))[round(share * 2)])
        row[max(start, 0) : start + len(text)] = text
    return " " * _LABELS + console.paint("".join(row[: look.columns]).rstrip(), "dim")


_SIGNS = {"o": ("◆", "red"), "x": ("✖", "red"), "!": ("!", "yellow"), "^": ("▲", "green")}
_MEANINGS = {"o": "out of memory", "x": "died", "!": "unhealthy", "^": "started"}


def mark_lines(row: str, look: Look, console: Console) -> list[str]:
    """The row of marks and what they mean; nothing where there are none."""
    if not row.strip():
        return []

    def sign(char: str) -> str:
        text, color = _SIGNS[char]
        return console.paint(text if look.unicode else char, color)

    line = "".join(char if char == " " else sign(char) for char in row.rstrip())
    used = [char for char in _MEANINGS if char in row]
    legend = "  ".join(f"{sign(char)} {_MEANINGS[char]}" for char in used)
    return [f"{'events':>{_LABELS - 2}}  {line}", " " * _LABELS + legend]


def side_by_side(blocks: Sequence[Sequence[str]], width: int, gap: int = 2) -> list[str]:
    """Two blocks of lines in each row, each padded to ``width``."""
    lines: list[str] = []
    for left, right in zip(blocks[::2], [*blocks[1::2], []], strict=False):
        for number in range(max(len(left), len(right))):
            one = left[number] if number < len(left) else ""
            two = right[number] if number < len(right) else ""
            lines.append((one + " " * (width + gap - visible(one)) + two).rstrip())
        lines.append("")
    return lines
