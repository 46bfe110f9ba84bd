"""Columns of containers and of processes: what they show, and in which order they give way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tabib.cli.render.table import printable
from tabib.cli.render.units import local_time

Row = Mapping[str, Any]
_GAP = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """``letter`` sorts by it; ``width`` 0: takes what is left, at least ``least``. ``rank``: the
    highest gives way first where the screen is narrow."""

    name: str
    letter: str
    heading: str
    width: int
    rank: int
    field: str
    text: Callable[[Any], str]
    least: int = 0
    left: bool = False
    up: bool = False
    """Sorted from low to high at first."""

    def value(self, row: Row) -> Any:
        return row.get(self.field)


def short(value: Any) -> str:
    """``0``, ``950``, ``1.2k``, ``34M``: bytes in five columns."""
    if value is None:
        return ""
    number = float(value)
    for unit in ("", "k", "M", "G", "T"):
        if number < 999.5:
            return f"{number:.0f}{unit}" if not unit or number >= 9.95 else f"{number:.1f}{unit}"
        number /= 1000
    return f"{number:.0f}P"


def percent(value: Any) -> str:
    return "" if value is None else f"{float(value) * 100:.1f}"


def share(value: Any) -> str:
    return "" if value is None else f"{float(value) * 100:.0f}%"


def count(value: Any) -> str:
    return "" if value is None else str(value)


def text(value: Any) -> str:
    return "" if value is None else printable(str(value))


def seconds(value: Any) -> str:
    """CPU time as ``top`` shows it: ``1:02.34``."""
    if value is None:
        return ""
    minutes, rest = divmod(float(value), 60)
    return f"{int(minutes)}:{rest:05.2f}"


def _c(name: str, letter: str, heading: str, width: int, rank: int, field: str,
       shown: Callable[[Any], str], **more: Any) -> Column:  # fmt: skip
    return Column(name=name, letter=letter, heading=heading, width=width, rank=rank, field=field,
                  text=shown, **more)  # fmt: skip


_RATE = "_bytes_per_second"
CONTAINERS = (
    _c("name", "n", "NAME", 0, 0, "name", text, least=20, left=True, up=True),
    _c("state", "s", "STATE", 9, 3, "condition", text, left=True, up=True),
    _c("cpu", "c", "CPU%", 6, 1, "cpu_cores", percent),
    _c("throttled", "t", "THROT", 5, 10, "cpu_throttled", share),
    _c("memory", "m", "MEM", 5, 2, "memory_working_set_bytes", short),
    _c("share", "l", "MEM%", 5, 4, "memory_share", share),
    _c("in", "i", "NET-IN", 6, 5, f"network_received{_RATE}", short),
    _c("out", "o", "NET-OUT", 7, 6, f"network_sent{_RATE}", short),
    _c("read", "d", "READ", 5, 8, f"block_read{_RATE}", short),
    _c("written", "w", "WRITE", 5, 9, f"block_written{_RATE}", short),
    _c("processes", "p", "PROCS", 5, 7, "processes", count),
    _c("threads", "h", "THRDS", 5, 12, "threads", count),
    _c("files", "f", "FILES", 5, 13, "open_files", count),
    _c("restarts", "x", "RESTARTS", 8, 11, "restarts", count),
    _c("oom", "k", "OOM", 4, 14, "oom_kills", count),
    _c("layer", "y", "LAYER", 5, 16, "writable_layer_bytes", short),
    _c("log", "g", "LOG/s", 5, 15, f"log{_RATE}", short),
    _c("id", "e", "ID", 12, 17, "short_id", text, left=True, up=True),
    _c("image", "a", "IMAGE", 28, 18, "image", text, left=True, up=True),
)
PROCESSES = (
    _c("pid", "p", "PID", 8, 0, "pid", count, up=True),
    _c("user", "u", "USER", 6, 5, "user", count, up=True),
    _c("state", "s", "S", 1, 4, "state", text, left=True, up=True),
    _c("threads", "h", "THRDS", 5, 6, "threads", count),
    _c("cpu", "c", "CPU%", 6, 1, "cpu_cores", percent),
    _c("memory", "m", "MEM", 5, 2, "memory_bytes", short),
    _c("time", "t", "TIME", 9, 3, "cpu_seconds", seconds),
    _c("started", "b", "STARTED", 19, 8, "started_at", local_time, left=True, up=True),
    _c("ppid", "i", "PARENT", 8, 9, "ppid", count, up=True),
    _c("command", "n", "COMMAND", 0, 0, "command", text, least=20, left=True, up=True),
)


def by_name(columns: Sequence[Column], name: str) -> Column | None:
    return next((one for one in columns if name in (one.name, one.letter)), None)


def fitting(columns: Sequence[Column], width: int, needed: str) -> list[Column]:
    """The columns that fit into ``width``, in their order; the one sorted by is always there."""
    kept: list[Column] = []
    used = 0
    for column in sorted(columns, key=lambda one: (one.name != needed, one.rank)):
        takes = (column.width or column.least) + (_GAP if kept else 0)
        if used + takes <= width or column.name == needed or column.width == 0:
            kept.append(column)
            used += takes
    return [column for column in columns if column in kept]


def widths(columns: Sequence[Column], width: int, rows: Sequence[Row] = ()) -> list[int]:
    """Their widths; those that are flexible take what is left, as far as they have a use for it."""
    fixed = sum(one.width for one in columns) + _GAP * (len(columns) - 1)
    flexible = [one for one in columns if not one.width]
    rest = max(width - fixed, 0) // max(len(flexible), 1)
    return [one.width or min(max(rest, 4), max(one.least, _longest(one, rows))) for one in columns]


def _longest(column: Column, rows: Sequence[Row]) -> int:
    return max((len(column.text(column.value(row))) for row in rows), default=0)


def cells(columns: Sequence[Column], sizes: Sequence[int], texts: Sequence[str]) -> str:
    """One line of the table; what is too long is cut."""
    parts = []
    for column, size, cell in zip(columns, sizes, texts, strict=True):
        cut = cell if len(cell) <= size else cell[: max(size - 1, 0)] + "…"
        parts.append(cut.ljust(size) if column.left else cut.rjust(size))
    return (" " * _GAP).join(parts)
