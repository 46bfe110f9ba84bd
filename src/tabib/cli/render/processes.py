"""Process records as a table, or as a tree."""

from __future__ import annotations

import shutil
import signal
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tabib.cli.console import Console, is_terminal
from tabib.cli.render.table import printable, table
from tabib.cli.render.units import duration, parse_time, size

Row = Mapping[str, Any]
_INCOMPLETE = "* the kernel told of the file only: it had ended before its arguments could be read"
_ASSUMED = "? found gone by a look around: how it ended was not told"
_HEADINGS = ("STARTED", "CONTAINER", "PID", "ENDED", "TOOK", "CPU", "PEAK", "COMMAND")
_REPEATS = 3
"""More runs of one command than that, each ended with 0, are shown as one."""


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


def is_failure(row: Row) -> bool:
    return bool(row.get("signal") or row.get("exit_code") or row.get("killed_by"))


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


def folded(rows: Sequence[Row]) -> list[tuple[Row, int]]:
    """Rows and how many runs each stands for: of a command that ran often and always ended with 0
    (a health check) only the newest is kept, with the CPU of all and the highest peak."""
    groups: dict[tuple[Any, Any], list[Row]] = {}
    for row in rows:
        if row.get("ended_at") and not is_failure(row) and row.get("exit_code") == 0:
            groups.setdefault((row.get("container_id"), row.get("command")), []).append(row)
    many = {key: group for key, group in groups.items() if len(group) > _REPEATS}
    last = {id(group[-1]): group for group in many.values()}
    inner = {id(row) for group in many.values() for row in group[:-1]}
    found: list[tuple[Row, int]] = []
    for row in rows:
        group = last.get(id(row))
        if group:
            found.append((_united(group), len(group)))
        elif id(row) not in inner:
            found.append((row, 1))
    return found


def _united(group: Sequence[Row]) -> Row:
    cpu = [float(row["cpu_seconds"]) for row in group if row.get("cpu_seconds") is not None]
    peaks = [row["peak_memory_bytes"] for row in group if row.get("peak_memory_bytes") is not None]
    return {
        **group[-1],
        "cpu_seconds": sum(cpu) if cpu else None,
        "peak_memory_bytes": max(peaks, default=None),
    }


def in_tree(rows: Sequence[Row]) -> list[tuple[Row, int]]:
    """Each row below the one that started it, with its depth; those whose parent is not among them
    (or lived before them under the same number) are roots. Every row comes exactly once."""
    by_pid: dict[tuple[Any, Any], list[Row]] = {}
    for row in rows:
        by_pid.setdefault((row.get("container_id"), row.get("pid")), []).append(row)
    children: dict[int, list[Row]] = {}
    roots: list[Row] = []
    for row in rows:
        parent = _parent(row, by_pid.get((row.get("container_id"), row.get("ppid")), ()))
        if parent is None:
            roots.append(row)
        else:
            children.setdefault(id(parent), []).append(row)
    found: list[tuple[Row, int]] = []
    ahead = [(row, 0) for row in reversed(roots)]
    while ahead:
        row, depth = ahead.pop()
        found.append((row, depth))
        ahead += [(child, depth + 1) for child in reversed(children.get(id(row), ()))]
    return found


def _parent(row: Row, candidates: Sequence[Row]) -> Row | None:
    """The newest of those that bore the number before ``row`` began."""
    begun = _start(row)
    older = [one for one in candidates if one is not row and _start(one) < begun]
    return max(older, key=_start, default=None)


def _start(row: Row) -> tuple[str, int]:
    return str(row.get("started_at") or ""), int(row.get("started_ns") or 0)


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


def signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
