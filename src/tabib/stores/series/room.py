"""Room on the disk: a floor that the series leaves free to others, and a reserve of its own.

The journal's reserve is freed when the disk is full, for the journal alone. So the series stops
growing before that: below the floor it only writes into pages that it let go of itself. Where the
disk is full all the same, its own small reserve pays for the first of these transactions.
"""

from __future__ import annotations

import os
from pathlib import Path

FLOOR_BYTES = 96 * 1024 * 1024
RESERVE_BYTES = 8 * 1024 * 1024
RESERVE_NAME = "series.reserve"


class Room:
    """Of the file system that holds ``folder``. Any thread may ask; never raises."""

    def __init__(self, folder: Path, floor_bytes: int, reserve_bytes: int) -> None:
        self.floor_bytes = floor_bytes
        self._folder = folder
        self._reserve = folder / RESERVE_NAME
        self._reserve_bytes = reserve_bytes

    def tight(self) -> bool:
        """Whether the series may not grow."""
        return self._free() < self.floor_bytes

    def give_up(self) -> bool:
        """Free the reserve; False where there was none. Called when a write met a full disk."""
        try:
            self._reserve.unlink()
        except OSError:
            return False
        return True

    def restore(self) -> bool:
        """Make the reserve where it is missing and there is room for it above the floor."""
        if not self._reserve_bytes or self._size() >= self._reserve_bytes:
            return True
        if self._free() < self.floor_bytes + 2 * self._reserve_bytes:
            return False
        try:
            descriptor = os.open(self._reserve, os.O_WRONLY | os.O_CREAT, 0o600)
            try:
                os.posix_fallocate(descriptor, 0, self._reserve_bytes)
            finally:
                os.close(descriptor)
        except OSError:
            # No room or no right after all: writes then tell what is wrong.
            self.give_up()
            return False
        return True

    def _size(self) -> int:
        try:
            return self._reserve.stat().st_size
        except OSError:
            return 0

    def _free(self) -> int:
        try:
            figures = os.statvfs(self._folder)
        except OSError:
            return 0
        blocks = figures.f_bavail if os.geteuid() else figures.f_bfree
        return blocks * figures.f_frsize
