"""Files of the kernel that are read again and again: opened once, read in place.

Opening costs ten times what a read of a kept descriptor does.
"""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

T = TypeVar("T")

PAGE = 4096
_ROOM = 512
"""For the longest record that a file of records may leave over at the end of a page."""
_LEFT_TO_OTHERS = 0.5
_WANTED_LIMIT = 65_536
_LONGEST = 1024 * 1024
_FORBIDDEN = (errno.EACCES, errno.EPERM)
_ABSENT = (errno.ENOENT, errno.ENOTDIR, errno.ENODEV, errno.ESRCH, errno.EOPNOTSUPP)
"""Not there, its group removed, its process gone, not measured by this kernel. Anything else (no
descriptor, no memory) passes."""


class Descriptors:
    """How many descriptors may be kept: half of the process's limit, which is raised as far as it
    may be. What finds no room is opened for each read."""

    def __init__(self) -> None:
        self._left = -1

    def take(self) -> bool:
        """Whether one more may be kept; give it back with :meth:`give`."""
        if self._left < 0:
            self._left = int(_raised_limit() * _LEFT_TO_OTHERS)
        if self._left == 0:
            return False
        self._left -= 1
        return True

    def give(self) -> None:
        self._left += 1


def _raised_limit() -> int:
    """The soft limit of open files, after raising it towards the hard one (setrlimit(2))."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _WANTED_LIMIT if hard == resource.RLIM_INFINITY else min(hard, _WANTED_LIMIT)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return _WANTED_LIMIT if soft == resource.RLIM_INFINITY else soft
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError):
        return soft
    return wanted


class KeptFile:
    """One file. ``forbidden``: it is there, and this process may not read it."""

    __slots__ = ("_absent", "_budget", "_fd", "_path", "_size", "forbidden")

    def __init__(self, path: str, budget: Descriptors, size: int = PAGE) -> None:
        self._path = path
        self._budget = budget
        self._size = size
        self._fd = -1
        self._absent = False
        self.forbidden = False

    def read(self) -> bytes | None:
        """What stands in it now, at most ``size`` bytes; None where it is not there (any more), or
        the kernel does not tell. An absent file is not asked for again."""
        if self._absent:
            return None
        try:
            if self._fd >= 0:
                return os.pread(self._fd, self._size, 0)
            return self._open()
        except OSError as error:
            self.forbidden = error.errno in _FORBIDDEN
            if error.errno in _FORBIDDEN or error.errno in _ABSENT:
                self.close()
                self._absent = True
            return None

    def records(self) -> bytes | None:
        """All of a file of records, of which one read gives no more than a page."""
        data = self.read()
        if data is None or len(data) < self._size - _ROOM:
            return data
        if self._fd < 0:
            return _whole(self._path)
        parts, length = [data], len(data)
        try:
            while data and length < _LONGEST:
                data = os.pread(self._fd, self._size, length)
                parts.append(data)
                length += len(data)
        except OSError:
            return None
        return b"".join(parts)

    def _open(self) -> bytes:
        fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            data = os.pread(fd, self._size, 0)
        except OSError:
            os.close(fd)
            raise
        if self._budget.take():
            self._fd = fd
        else:
            os.close(fd)
        return data

    def close(self) -> None:
        """Idempotent; a later read opens it again."""
        if self._fd >= 0:
            os.close(self._fd)
            self._budget.give()
            self._fd = -1


class Parsed(Generic[T]):
    """A file and what its text means, made out anew only when the text is another one.

    ``records``: read all of it, however long.
    """

    __slots__ = ("_before", "_parse", "_read", "_value", "file")

    def __init__(
        self, file: KeptFile, parse: Callable[[bytes | None], T], *, records: bool = False
    ) -> None:
        self.file = file
        self._parse = parse
        self._read = file.records if records else file.read
        self._before: bytes | None = None
        self._value = parse(None)

    def read(self) -> T:
        text = self._read()
        if text != self._before:
            self._value = self._parse(text)
            self._before = text
        return self._value


def short_read(fd: int) -> bytes:
    """All of a file of records, from its start; a read that fills no page was the last."""
    data = os.read(fd, PAGE)
    if len(data) < PAGE - _ROOM:
        return data
    parts = [data]
    while data:
        data = os.read(fd, PAGE)
        parts.append(data)
    return b"".join(parts)


def close_all(files: Iterable[KeptFile]) -> None:
    for file in files:
        file.close()


def _whole(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read(_LONGEST)
    except OSError:
        return None


def read_bytes(path: str, dir_fd: int | None = None) -> bytes:
    """A file of short records, once.

    :raises OSError: it cannot be read.
    """
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC, dir_fd=dir_fd)
    try:
        return short_read(fd)
    finally:
        os.close(fd)


def read_text(path: str, dir_fd: int | None = None) -> str:
    """A file of any records, to its end: a line of ``mountinfo`` can be longer than half a page.

    :raises OSError: it cannot be read.
    """
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC, dir_fd=dir_fd)
    try:
        parts = []
        while part := os.read(fd, _LONGEST):
            parts.append(part)
    finally:
        os.close(fd)
    return b"".join(parts).decode(errors="replace")
