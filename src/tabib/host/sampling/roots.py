"""Where the kernel's file systems are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

LOOK_AGAIN_TICKS = 12
"""How often is looked anew for what seldom changes: devices, mounts, what rests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Roots:
    """The host's ``/proc``, ``/sys`` and control groups, as this process sees them.

    ``cgroup`` stands for ``/sys/fs/cgroup`` in what ``proc/self/mountinfo`` says.
    """

    proc: Path = Path("/proc")
    sys: Path = Path("/sys")
    cgroup: Path = Path("/sys/fs/cgroup")
