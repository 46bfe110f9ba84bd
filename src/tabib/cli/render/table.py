"""Plain tables as ``docker`` prints them: headings, left-aligned columns, nothing else."""

from __future__ import annotations

import re
from collections.abc import Sequence

_SGR = re.compile(r"\x1b\[[0-9;]*m")
_GAP = "   "


def visible(text: str) -> int:
    """Characters of ``text`` that take a place on the screen."""
    return len(_SGR.sub("", text))


def printable(text: str) -> str:
    """One line without control characters: what a stranger wrote must not steer the terminal."""
    return "".join(char if char.isprintable() else "·" for char in " ".join(text.split()))


def table(
    headings: Sequence[str], rows: Sequence[Sequence[str]], width: int | None = None
) -> list[str]:
    """Lines of the table. ``width``: the last column is cut to fit a screen of so many columns.

    Columns that are empty in every row are left out.
    """
    kept = [i for i in range(len(headings)) if not rows or any(row[i] for row in rows)]
    grid = [[headings[i] for i in kept], *([row[i] for i in kept] for row in rows)]
    widths = [max(visible(line[i]) for line in grid) for i in range(len(kept))]
    lines = []
    for row in grid:
        cells = [
            cell + " " * (columns - visible(cell))
            for cell, columns in zip(row, widths, strict=True)
        ]
        lines.append(_cut(_GAP.join(cells).rstrip(), width))
    return lines


def _cut(line: str, width: int | None) -> str:
    if width is None or visible(line) <= width:
        return line
    shown, out, at = 0, "", 0
    while at < len(line) and shown < width - 1:
        match = _SGR.match(line, at)
        if match:
            out += match.group()
            at = match.end()
            continue
        out += line[at]
        shown += 1
        at += 1
    return f"{out}…" + ("\x1b[0m" if "\x1b[" in out else "")
