"""Progress as plain lines: one for each change, never a flood."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tabib.cli.console import Console
from tabib.cli.render.board import Board, Change, Row
from tabib.cli.render.units import duration, size

_PROGRESS_EVERY_S = 5.0
_COLORS = {"done": "green", "failed": "red", "active": "cyan", "waiting": "dim"}


class PlainProgress:
    """Writes lines through ``write`` as messages come in; ``quiet``: only warnings and failures."""

    def __init__(
        self, console: Console, write: Callable[[str], None], *, quiet: bool = False
    ) -> None:
        self.board = Board()
        self._console = console
        self._write = write
        self._quiet = quiet
        self._last_progress: dict[str, float] = {}

    def handle(self, message: Mapping[str, Any], now: float) -> None:
        """Take one message of the stream; ``now`` in seconds of a monotonic clock."""
        for change in self.board.apply(message, now):
            if line := self._line(change, now):
                self._write(line)

    def note(self, text: str) -> None:
        """A line of the command's own."""
        self._write(text)

    def close(self) -> None:
        """Nothing is held back."""

    def _line(self, change: Change, now: float) -> str:
        paint = self._console.paint_err
        if change.kind == "warning":
            return f"{paint('warning', 'yellow')}: {change.text}"
        if self._quiet and change.kind != "failed":
            return ""
        if change.kind == "note":
            return f"{paint('note', 'cyan')}: {change.text}"
        row = change.row
        if row is None:
            return change.text
        text = change.text
        if change.kind == "progress":
            last = self._last_progress.get(row.subject)
            if last is not None and now - last < _PROGRESS_EVERY_S:
                return ""
            self._last_progress[row.subject] = now
            text += amount(row.current_bytes, row.total_bytes) + pace(row, now)
        spent = row.seconds(now)
        took = f"  {duration(spent)}" if row.state in ("done", "failed") and spent else ""
        return f"{row.group:<9} {row.subject}  {paint(text, _COLORS[row.state])}{took}"


def amount(current: int | None, total: int | None) -> str:
    """`` 12.3 MB of 45.6 MB`` as far as it is known."""
    if current is None:
        return ""
    return f" {size(current)} of {size(total)}" if total else f" {size(current)}"


def pace(row: Row, now: float) -> str:
    """``, 85 MB/s, 12 s left`` as far as it is known."""
    rate, left = row.rate(now), row.seconds_left(now)
    text = f", {size(rate)}/s" if rate else ""
    return f"{text}, {duration(left)} left" if left is not None else text


class JsonProgress:
    """Every message as one line of JSON, for other programs."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self.board = Board()
        self._write = write

    def handle(self, message: Mapping[str, Any], now: float) -> None:
        import json

        self.board.apply(message, now)
        self._write(json.dumps(message, ensure_ascii=False))

    def note(self, text: str) -> None:
        self.handle({"type": "note", "level": "info", "text": text}, 0.0)

    def close(self) -> None:
        """Nothing is held back."""
