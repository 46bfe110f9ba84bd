"""A bounded look at a folder of this machine: which files tell what it holds."""

from __future__ import annotations

import os
import stat
import time
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field
from itertools import islice

ENTRIES = 20_000
"""At most, of one folder with all below it."""
LOOK_S = 1.0
DEPTH = 8
_MARK_DEPTH = 3
_ROOTS = 500
_HEADS = 2_000
_MAGIC = b"SQLite format 3\x00"
_PAGE = 512
"""SQLite's files are whole pages long, of at least so many bytes."""


@dataclass(slots=True)
class FolderLook:
    marks: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Folder, relative to the root → names in it that are among those asked for."""
    roots: tuple[str, ...] = ()
    """Names in the root."""
    sqlite: list[str] = field(default_factory=list)
    newest: float | None = None
    """When a file was last written to, in seconds since 1970."""
    size_bytes: int = 0
    entries: int = 0
    whole: bool = True
    file: bool = False


def look_at(path: str, marks: Collection[str]) -> FolderLook | None:
    """What lies below ``path``, breadth first, within bounds of number, depth and time; links are
    not followed, nor are other file systems entered. None: it is not there, or not ours to read."""
    look = FolderLook()
    try:
        root = os.stat(path)
        if not stat.S_ISDIR(root.st_mode):
            look.file = True
            return look
        os.scandir(path).close()
    except OSError:
        return None
    until = time.monotonic() + LOOK_S
    heads = 0
    todo: deque[tuple[str, int]] = deque([("", 0)])
    while todo and look.whole:
        folder, depth = todo.popleft()
        names: list[str] = []
        for entry in _entries(os.path.join(path, folder)):
            look.entries += 1
            if look.entries > ENTRIES or heads > _HEADS or time.monotonic() > until:
                look.whole = False
                break
            inside = f"{folder}/{entry.name}" if folder else entry.name
            if entry.name in marks:
                names.append(entry.name)
            if not folder and len(look.roots) < _ROOTS:
                look.roots += (entry.name,)
            try:
                state = entry.stat(follow_symlinks=False)
            except OSError:
                continue
            if stat.S_ISDIR(state.st_mode) and depth < DEPTH and state.st_dev == root.st_dev:
                todo.append((inside, depth + 1))
            if not stat.S_ISREG(state.st_mode):
                continue
            look.size_bytes += state.st_size
            look.newest = max(look.newest or 0.0, state.st_mtime)
            if state.st_size and state.st_size % _PAGE == 0 and not look.marks:
                heads += 1
                if _is_sqlite(entry.path):
                    look.sqlite.append(inside)
        if names and depth <= _MARK_DEPTH:
            look.marks[folder] = tuple(sorted(names))
    look.sqlite.sort()
    return look


def _entries(path: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(path) as entries:
            return list(islice(entries, ENTRIES))
    except OSError:
        return []


def _is_sqlite(path: str) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        return os.read(descriptor, len(_MAGIC)) == _MAGIC
    except OSError:
        return False
    finally:
        os.close(descriptor)
