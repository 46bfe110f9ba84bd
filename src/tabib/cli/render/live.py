"""Progress as a live display on a terminal, by rich."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import Any

from rich.console import Console as RichConsole
from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from tabib.cli.render.board import Board, Row
from tabib.cli.render.plain import amount, pace
from tabib.cli.render.units import duration

_MARKS = {"done": ("✔", "green"), "failed": ("✘", "red"), "waiting": ("·", "dim")}
_STYLES = {"done": "green", "failed": "red", "active": "cyan", "waiting": "dim"}
_BAR_COLUMNS = 20


class LiveProgress:
    """The board, redrawn ten times a second until :meth:`close`."""

    def __init__(self, *, color: bool) -> None:
        self.board = Board()
        self._console = RichConsole(file=sys.stderr, no_color=not color, highlight=False)
        self._spinner = Spinner("dots", style="cyan")
        self._live = Live(
            get_renderable=self._draw,
            console=self._console,
            refresh_per_second=10,
            transient=False,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._live.start()

    def handle(self, message: Mapping[str, Any], now: float) -> None:
        for change in self.board.apply(message, now):
            if change.kind in ("note", "warning"):
                style = "yellow" if change.kind == "warning" else "cyan"
                self._console.print(Text.assemble((change.kind, style), f": {change.text}"))

    def note(self, text: str) -> None:
        self._console.print(Text(text))

    def close(self) -> None:
        """Leave the last picture on the screen."""
        self._live.stop()

    def _draw(self) -> RenderableType:
        rows = self.board.ordered()
        if not rows:
            return Text("")
        now = time.monotonic()
        room = max(self._console.height - 2, 4)
        shown = rows if len(rows) <= room else _most_telling(rows, room - 1)
        grid = Table.grid(padding=(0, 1))
        for _ in range(3):
            grid.add_column(no_wrap=True)
        grid.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
        grid.add_column(no_wrap=True, justify="right")
        for row in shown:
            grid.add_row(*self._cells(row, now))
        if len(shown) == len(rows):
            return grid
        return Group(grid, Text(f"  … and {len(rows) - len(shown)} more", style="dim"))

    def _cells(self, row: Row, now: float) -> tuple[RenderableType, ...]:
        mark: RenderableType
        if row.state == "active":
            mark = self._spinner
        else:
            mark = Text(*_MARKS[row.state])
        spent = row.seconds(now)
        return (
            mark,
            Text(row.group, style="dim"),
            Text(row.subject),
            _state(row, now),
            Text(duration(spent) if spent is not None else "", style="dim"),
        )


def _state(row: Row, now: float) -> RenderableType:
    text = Text(row.text, style=_STYLES[row.state])
    if row.current_bytes is None:
        return text
    text.append(amount(row.current_bytes, row.total_bytes), style="default")
    text.append(pace(row, now), style="default")
    if not row.total_bytes:
        return text
    bar = ProgressBar(total=row.total_bytes, completed=row.current_bytes, width=_BAR_COLUMNS)
    grid = Table.grid(padding=(0, 1))
    grid.add_row(bar, text)
    return grid


def _most_telling(rows: list[Row], room: int) -> list[Row]:
    """Failures and what is at work first, when not everything fits on the screen."""
    rank = {"failed": 0, "active": 1, "waiting": 2, "done": 3}
    chosen = sorted(rows, key=lambda row: rank[row.state])[:room]
    return [row for row in rows if any(row is other for other in chosen)]
