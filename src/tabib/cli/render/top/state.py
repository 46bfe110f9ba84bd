"""What a person typed, and what the screen shows because of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tabib.cli.render.top.columns import CONTAINERS, PROCESSES, Column, by_name

Row = Mapping[str, Any]
_KEYS = {
    b"\x1b[A": "up", b"\x1b[B": "down", b"\x1b[C": "right", b"\x1b[D": "left",
    b"\x1bOA": "up", b"\x1bOB": "down", b"\x1bOC": "right", b"\x1bOD": "left",
    b"\x1b[5~": "page-up", b"\x1b[6~": "page-down", b"\x1b[H": "home", b"\x1b[F": "end",
    b"\x1b[1~": "home", b"\x1b[4~": "end", b"\x1bOH": "home", b"\x1bOF": "end",
}  # fmt: skip
"""What terminals send (xterm, ctlseqs)."""
_SINGLE = {"\r": "enter", "\n": "enter", "\x7f": "backspace", "\x08": "backspace", "\x1b": "escape"}


def keys(data: bytes) -> list[str]:
    """Keys by name (``up``, ``enter``) or as the character that they type; unknown sequences are
    left out."""
    found: list[str] = []
    rest = data
    while rest:
        known = next((one for one in _KEYS if rest.startswith(one)), None)
        if known:
            found.append(_KEYS[known])
            rest = rest[len(known) :]
        elif rest[:2] in (b"\x1b[", b"\x1bO"):
            end = next((n for n in range(2, len(rest)) if 0x40 <= rest[n] <= 0x7E), len(rest) - 1)
            rest = rest[end + 1 :]
        else:
            text = rest.decode("utf-8", "ignore")[:1]
            size = len(text.encode()) or 1
            found += [_SINGLE.get(text, text)] if text else []
            rest = rest[size:]
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """``sort``: a column's name; ``selected``: the key of a row; ``open``: the container whose
    processes are shown; ``first``: the first row on the screen."""

    sort: str = "cpu"
    reverse: bool = False
    filter: str = ""
    typing: bool = False
    selected: str = ""
    first: int = 0
    open: str = ""
    process_sort: str = "cpu"
    over: bool = False

    @property
    def columns(self) -> tuple[Column, ...]:
        return PROCESSES if self.open else CONTAINERS

    @property
    def column(self) -> Column:
        name = self.process_sort if self.open else self.sort
        return by_name(self.columns, name) or self.columns[0]

    def sorted_by(self, column: Column) -> View:
        """By ``column``; the other way round where it is that already."""
        if column.name == self.column.name:
            return replace(self, reverse=not self.reverse)
        if self.open:
            return replace(self, reverse=False, process_sort=column.name)
        return replace(self, reverse=False, sort=column.name)


def key_of(row: Row) -> str:
    return str(row.get("id") or row.get("pid") or "")


def prepared(row: Row) -> dict[str, Any]:
    """A container's row with what the columns show beside its figures."""
    state, health = str(row.get("state") or ""), str(row.get("health") or "")
    condition = health if health and state == "running" else state
    return {**row, "condition": condition, "short_id": str(row.get("id") or "")[:12]}


def arranged(rows: Sequence[Row], view: View) -> list[Row]:
    """Filtered and sorted; what has no value comes last, equals by name."""
    needle = view.filter.lower()
    names = ("name", "project", "service", "image", "command", "condition", "id")
    kept = [row for row in rows if any(needle in str(row.get(n) or "").lower() for n in names)]
    column = view.column
    down = column.up == view.reverse
    kept.sort(key=lambda row: (str(row.get("name") or ""), key_of(row)))
    known = [row for row in kept if column.value(row) not in (None, "")]
    known.sort(key=lambda row: _comparable(column.value(row)), reverse=down)
    return [*known, *(row for row in kept if column.value(row) in (None, ""))]


def _comparable(value: Any) -> tuple[float, str]:
    return (float(value), "") if isinstance(value, int | float) else (0.0, str(value))


def press(view: View, key: str, rows: Sequence[Row], page: int) -> View:
    """The view after a key. ``rows``: as they stand on the screen; ``page``: how many fit."""
    if view.typing:
        return _type(view, key)
    if key == "q":
        return replace(view, over=True)
    if key == "/":
        return replace(view, typing=True)
    if key == "r":
        return replace(view, reverse=not view.reverse)
    if key == "escape":
        return _back(view)
    if key == "enter":
        chosen = selected_row(view, rows)
        if view.open or chosen is None:
            return _back(view) if view.open else view
        return replace(view, open=key_of(chosen), filter="", first=0, reverse=False)
    if key in ("left", "right"):
        place = view.columns.index(view.column) + (1 if key == "right" else -1)
        return replace(view, reverse=False).sorted_by(view.columns[place % len(view.columns)])
    moves = {"up": -1, "down": 1, "page-up": -page, "page-down": page,
             "home": -len(rows), "end": len(rows)}  # fmt: skip
    if key in moves:
        return _move(view, moves[key], rows)
    column = next((one for one in view.columns if one.letter == key.lower()), None)
    return view.sorted_by(column) if column else view


def _back(view: View) -> View:
    if view.open:
        return replace(view, open="", selected=view.open, filter="", first=0, reverse=False)
    return replace(view, filter="")


def _type(view: View, key: str) -> View:
    if key == "enter":
        return replace(view, typing=False)
    if key == "escape":
        return replace(view, typing=False, filter="")
    if key == "backspace":
        return replace(view, filter=view.filter[:-1])
    return replace(view, filter=view.filter + key, first=0) if len(key) == 1 else view


def selected_row(view: View, rows: Sequence[Row]) -> Row | None:
    """The row that is selected; the first where it is not there (any more)."""
    return next((row for row in rows if key_of(row) == view.selected), rows[0] if rows else None)


def _move(view: View, by: int, rows: Sequence[Row]) -> View:
    if not rows:
        return view
    chosen = selected_row(view, rows)
    place = next(n for n, row in enumerate(rows) if row is chosen)
    place = min(max(place + by, 0), len(rows) - 1)
    return replace(view, selected=key_of(rows[place]))


def scrolled(view: View, rows: Sequence[Row], page: int) -> View:
    """With the selected row on the screen, and no empty lines while there are rows."""
    chosen = selected_row(view, rows)
    place = next((n for n, row in enumerate(rows) if row is chosen), 0)
    first = min(max(view.first, place - page + 1), place)
    return replace(view, first=max(0, min(first, len(rows) - page)))
