"""Process records as a table, or as a tree."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tabib.cli.console import Console, is_terminal
from tabib.cli.render.table import printable, table
from tabib.cli.render.units import duration, parse_time, size
from tabib.decide.process_tree import folded, in_tree, is_failure, signal_name

Row = Mapping[str, Any]
_INCOMPLETE = "* the kernel told of the file only: it had ended before its arguments could be read"
_ASSUMED = "? found gone by a look around: how it ended was not told"
_HEADINGS = ("STARTED", "CONTAINER", "PID", "ENDED", "TOOK", "CPU", "PEAK", "COMMAND")


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    tree: bool = False
    fold: bool = True
    no_trunc: bool = False


def select(rows: Iterable[Row], *, running: bool = False, failed: bool = False) -> list[Row]:
    """Those that run, or that ended badly; neither: all."""
    return [
        row
        for row in rows
        if not ((running and row.get("ended_at")) or (failed and not is_failure(row)))
    ]


def process_lines(rows: Sequence[Row], console: Console, style: Style, now: datetime) -> list[str]:
    """The table, and below it what its marks mean."""
    shown = [(row, 1) for row in rows]
    indents: dict[int, int] = {}
    if style.tree:
        ordered = in_tree(rows)
        indents = {id(row): depth for row, depth in ordered}
        shown = [(row, 1) for row, _ in ordered]
    elif style.fold:
        shown = folded(rows)
    cells = [_cells(row, times, indents.get(id(row), 0), console, now) for row, times in shown]
    wide = None if style.no_trunc or not is_terminal(sys.stdout) else _width()
    lines = table(_HEADINGS, cells, wide)
    notes = []
    hidden = sum(times - 1 for _, times in shown)
    if hidden:
        notes.append(f"{hidden} more runs of commands that repeat (×) are shown with --all")
    if any(not row.get("command_complete", True) for row, _ in shown):
        notes.append(_INCOMPLETE)
    if any(row.get("assumed") for row, _ in shown):
        notes.append(_ASSUMED)
    return [*lines, *([""] if notes else []), *(console.paint(note, "dim") for note in notes)]


def _width() -> int:
    return shutil.get_terminal_size().columns


def _cells(row: Row, times: int, depth: int, console: Console, now: datetime) -> tuple[str, ...]:
    started, ended = parse_time(row.get("started_at")), parse_time(row.get("ended_at"))
    took = duration(((ended or now) - started).total_seconds()) if started else ""
    cpu, peak = row.get("cpu_seconds"), row.get("peak_memory_bytes")
    command = str(row.get("command") or row.get("name") or "")
    star = "" if row.get("command_complete", True) else "*"
    return (
        _clock(started, now),
        str(row.get("container") or ""),
        str(row.get("pid") or ""),
        ending(row, console) + (f" ×{times}" if times > 1 else ""),
        took,
        f"{float(cpu):.2f} s" if cpu is not None else "",
        size(int(peak)) if peak else "",
        "  " * depth + printable(command) + star,
    )


def _clock(at: datetime | None, now: datetime) -> str:
    if at is None:
        return ""
    local, today = at.astimezone(), now.astimezone()
    return local.strftime("%H:%M:%S" if local.date() == today.date() else "%Y-%m-%d %H:%M:%S")


def ending(row: Row, console: Console) -> str:
    """``running``, ``0``, ``exit 3``, ``SIGKILL by oom``, ``?``."""
    if not row.get("ended_at"):
        return console.paint("running", "green")
    if row.get("assumed"):
        return console.paint("?", "dim")
    killer = f" by {row['killed_by']}" if row.get("killed_by") else ""
    if row.get("signal"):
        return console.paint(signal_name(int(row["signal"])) + killer, "red")
    code = row.get("exit_code")
    if code == 0 and not killer:
        return "0"
    return console.paint("?" if code is None else f"exit {code}{killer}", "red" if code else "dim")
