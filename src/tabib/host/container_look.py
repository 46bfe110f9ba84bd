"""What this machine shows of a container beside the engine: its process, log and files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from tabib.host.sampling.disks import REMOTE, holder, mount_types

NAMES = 200
"""Of one folder, at most."""


def uid_of(pid: int, proc: Path = Path("/proc")) -> int | None:
    """The effective user id of a process, as this machine counts them; None where it is gone or
    out of reach. Source: ``proc(5)``, ``Uid:`` of ``/proc/PID/status``."""
    with suppress(OSError, ValueError, IndexError):
        for line in (proc / str(pid) / "status").read_text("ascii", "replace").splitlines():
            if line.startswith("Uid:"):
                return int(line.split()[2])
    return None


def log_bytes(path: str) -> int | None:
    """What a log takes on the disk with its rotated parts (``….log.1``, …); None where it cannot be
    seen."""
    file = Path(path)
    try:
        total = file.stat().st_size
        for other in file.parent.glob(f"{file.name}.*"):
            total += other.stat().st_size
    except OSError:
        return None
    return total


def names_in(folders: Iterable[str]) -> Mapping[str, tuple[str, ...]]:
    """Some names of files in each folder and in the folders in it; nothing of what stands on a
    server that may hang, or cannot be read."""
    kinds = mount_types()
    found = {}
    for folder in folders:
        if kinds.get(holder(folder, kinds)) in REMOTE:
            continue
        names = _names(folder, deeper=True)
        if names:
            found[folder] = tuple(names[:NAMES])
    return found


def _names(folder: str, *, deeper: bool) -> list[str]:
    names: list[str] = []
    below: list[str] = []
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            names.append(entry.name)
            if deeper and entry.is_dir(follow_symlinks=False):
                below.append(entry.path)
            if len(names) >= NAMES:
                break
    for path in sorted(below)[:8]:
        names += _names(path, deeper=False)
    return names
