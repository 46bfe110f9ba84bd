"""Process records, as rows of the JSON contract, in order: below what started them, runs folded."""

from __future__ import annotations

import signal
from collections.abc import Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]
_REPEATS = 3
"""More runs of one command than that, each ended with 0, are shown as one."""


def is_failure(row: Row) -> bool:
    return bool(row.get("signal") or row.get("exit_code") or row.get("killed_by"))


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


def signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
