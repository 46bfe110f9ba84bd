"""Room on a file system."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskRoom:
    """What is there and what this process may still take (root: the reserved blocks too).

    File systems without a fixed number of inodes (btrfs) say 0 of 0.
    """

    total_bytes: int
    free_bytes: int
    total_inodes: int
    free_inodes: int


def room(path: Path) -> DiskRoom:
    """The room of the file system that holds ``path``. Source: ``statvfs(3)``.

    :raises OSError: ``path`` cannot be reached.
    """
    figures = os.statvfs(path)
    root = os.geteuid() == 0
    return DiskRoom(
        total_bytes=figures.f_blocks * figures.f_frsize,
        free_bytes=(figures.f_bfree if root else figures.f_bavail) * figures.f_frsize,
        total_inodes=figures.f_files,
        free_inodes=figures.f_ffree if root else figures.f_favail,
    )
