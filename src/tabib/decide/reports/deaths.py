"""The process tree of a container with its dead, as rows to be shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tabib.decide.process_tree import folded, in_tree, is_failure, signal_name
from tabib.decide.reports.text import clean
from tabib.model.codec import builtins
from tabib.model.process import ProcessRecord
from tabib.model.units import duration, parse_time, size

MOST = 120
_COMMAND = 160


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessRow:
    """``look``: ``bad`` (ended badly), ``dim`` (ended with 0), or empty (it ran)."""

    depth: int
    pid: int
    command: str
    started: str
    took: str
    ended: str
    look: str
    cpu: str
    peak: str
    times: int = 1


def rows(records: Sequence[ProcessRecord]) -> list[ProcessRow]:
    """Each below the one that started it; repeated runs of one command that ended well as one."""
    plain = [builtins(one) for one in records]
    found = folded(plain)
    times = {id(row): count for row, count in found}
    return [
        _row(row, depth, times.get(id(row), 1)) for row, depth in in_tree([r for r, _ in found])
    ][:MOST]


def _row(row: Mapping[str, Any], depth: int, times: int) -> ProcessRow:
    begun, over = (parse_time(str(row.get(key) or "")) for key in ("started_at", "ended_at"))
    cpu, peak = row.get("cpu_seconds"), row.get("peak_memory_bytes")
    bad = is_failure(row)
    return ProcessRow(
        depth=min(depth, 12),
        pid=int(str(row.get("pid") or 0)),
        command=clean(str(row.get("command") or row.get("name") or ""), _COMMAND),
        started=begun.strftime("%H:%M:%S") if begun else "",
        took=duration((over - begun).total_seconds()) if begun and over else "",
        ended=ended(row),
        look="bad" if bad else "dim" if over else "",
        cpu=duration(float(str(cpu))) if cpu is not None else "",
        peak=size(float(str(peak))) if peak is not None else "",
        times=times,
    )


def ended(row: Mapping[str, Any]) -> str:
    """``running``, ``exit 0``, ``SIGKILL by the out-of-memory killer``, ``ended, not told how``."""
    if not row.get("ended_at"):
        return "running"
    killer = str(row.get("killed_by") or "")
    by = f" by {KILLERS.get(killer, clean(killer, 80))}" if killer else ""
    if row.get("signal"):
        return signal_name(int(str(row["signal"]))) + by
    code = row.get("exit_code")
    return "ended, not told how" if code is None else f"exit {code}{by}"


KILLERS = {
    "oom": "the out-of-memory killer",
    "engine": "the engine",
    "itself": "itself",
    "unknown": "somebody unknown",
}
