"""Which process is which: a pid alone may have been given to somebody else since."""

import os
import signal
import time
from pathlib import Path


def identity(pid: int) -> str | None:
    """Boot and start time of a process: the same answer later means the same process."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else f"{boot}/{fields[19]}"


def program(pid: int) -> str | None:
    """The name of a running program, or None when there is no such process."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip() if identity(pid) else None
    except OSError:
        return None


def pid_in(file: Path) -> int | None:
    """The pid that a pid file names."""
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return None


def end(pid: int, who: str, patience: float) -> bool:
    """Ask a process to stop, only if it still is the one called `who`; True when it is gone."""
    if identity(pid) != who:
        return True
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + patience
    while identity(pid) == who:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True
