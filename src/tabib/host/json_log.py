"""A container's log as the engine's driver ``json-file`` writes it: found, followed, read.

Source: moby, ``daemon/logger/loggerutils/logfile.go``. The file is appended to; at ``max-size`` it
is renamed to ``….1`` (and that to ``….2``, up to ``max-file``) and a new one begun, or, with one
file only, cut to nothing. It is removed with the container. An open descriptor outlives all that.
"""

from __future__ import annotations

import os
from collections import deque
from dataclasses import dataclass

_ROTATED = 20
"""So many older files are looked at: a flood that outruns this is not read whole anyway."""

_LONGEST_RECORD = 256 * 1024
"""16 KB of output, each byte written as ``\\u0001``, and room to spare."""


@dataclass(slots=True)
class _File:
    descriptor: int
    identity: tuple[int, int]
    offset: int = 0
    size: int = 0


class JsonLog:
    """One container's log. Blocks as files do: use it in a thread. :meth:`close` it."""

    def __init__(self, path: str) -> None:
        """:raises OSError: it is not there (yet), or may not be read."""
        self.path = path
        self._files = deque([_open(path)])
        self._within_line = False
        self._passed_bytes = 0

    @property
    def total_bytes(self) -> int:
        """All that was written since the file that was found first was begun; never shrinks."""
        return self._passed_bytes + sum(file.size for file in self._files)

    def unread_bytes(self) -> int:
        """Look at the file: how much of it, and of those that came after it, was not read."""
        current = self._files[-1]
        try:
            there = os.stat(self.path)
        except OSError:
            # Removed, or just being renamed.
            current.size = os.fstat(current.descriptor).st_size
        else:
            if (there.st_dev, there.st_ino) == current.identity:
                self._grown(current, there.st_size)
            else:
                self._grown(current, os.fstat(current.descriptor).st_size)
                self._rotated(current.identity)
        return sum(file.size - file.offset for file in self._files)

    def start_before_end(self, keep_bytes: int) -> int:
        """Leave out all but the newest; how many bytes were left out."""
        skipped = 0
        while len(self._files) > 1 and self._newer_bytes() >= keep_bytes:
            skipped += self._files[0].size - self._files[0].offset
            self._drop_first()
        first = self._files[0]
        target = first.size - max(0, keep_bytes - self._newer_bytes())
        if target > first.offset:
            skipped += target - first.offset
            first.offset, self._within_line = target, True
        return skipped

    def read(self, limit_bytes: int, *, final: bool = False) -> bytes:
        """The next whole records, about ``limit_bytes`` at most; empty: there are none now.

        ``final``: nothing more will be written; a half line at the end counts.
        """
        while True:
            file = self._files[0]
            data = os.pread(file.descriptor, limit_bytes, file.offset)
            at_end = len(data) < limit_bytes
            last = len(self._files) == 1
            whole = data if at_end and (final or not last) else data[: data.rfind(b"\n") + 1]
            if not whole and not at_end and limit_bytes < _LONGEST_RECORD:
                limit_bytes = _LONGEST_RECORD
                continue
            if not whole and not at_end:
                # A line without end, or a hole in the file: not one of the engine's.
                file.offset += len(data)
                self._within_line = True
                continue
            file.offset += len(whole)
            file.size = max(file.size, file.offset)
            if self._within_line and whole:
                begin = whole.find(b"\n") + 1
                self._within_line = begin == 0
                whole = whole[begin:] if begin else b""
            if at_end and not last:
                self._drop_first()
                self._within_line = False
            elif not whole and at_end:
                return b""
            if whole:
                return whole

    def close(self) -> None:
        while self._files:
            self._drop_first()

    def _grown(self, file: _File, size: int) -> None:
        if size < file.offset:
            # Cut to nothing: what is there now was written since.
            self._passed_bytes += file.size
            file.offset, self._within_line = 0, False
        file.size = size

    def _rotated(self, known: tuple[int, int]) -> None:
        """Open what was begun since, oldest first."""
        newer: list[_File] = []
        for number in range(_ROTATED):
            try:
                file = _open(f"{self.path}.{number}" if number else self.path)
            except OSError:
                break
            if file.identity == known or any(file.identity == one.identity for one in newer):
                os.close(file.descriptor)
                if file.identity == known:
                    break
                continue
            newer.append(file)
        self._files.extend(reversed(newer))

    def _newer_bytes(self) -> int:
        return sum(file.size - file.offset for file in list(self._files)[1:])

    def _drop_first(self) -> None:
        file = self._files.popleft()
        self._passed_bytes += file.size
        os.close(file.descriptor)


def _open(path: str) -> _File:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    there = os.fstat(descriptor)
    return _File(descriptor, (there.st_dev, there.st_ino), size=there.st_size)
