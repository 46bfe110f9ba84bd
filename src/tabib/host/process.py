"""What this process itself takes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnFigures:
    memory_bytes: int
    """Resident memory; 0 where ``/proc`` is not mounted."""
    cpu_seconds: float
    """User and system time since the process started, all threads."""


def own_figures(proc: Path = Path("/proc")) -> OwnFigures:
    """The figures now. Source: ``proc(5)``, ``/proc/self/statm``, second field, in pages."""
    times = os.times()
    try:
        resident_pages = int((proc / "self/statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        resident_pages = 0
    return OwnFigures(
        memory_bytes=resident_pages * os.sysconf("SC_PAGE_SIZE"),
        cpu_seconds=times.user + times.system,
    )
