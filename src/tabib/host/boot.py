"""Which run of the machine this is."""

from __future__ import annotations

from pathlib import Path


def boot_id(proc: Path = Path("/proc")) -> str:
    """A UUID that the kernel draws at each boot; ``""`` where it cannot be read.

    Source: ``random(4)``, ``/proc/sys/kernel/random/boot_id``.
    """
    try:
        return (proc / "sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
