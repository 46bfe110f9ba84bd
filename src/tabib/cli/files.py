"""The user's real files, as the Compose loader wants to read them."""

from __future__ import annotations

import errno
import os
import stat
import sys

_MOST = 16 << 20
"""Bytes that are read of anything; the loader's own limits are lower, and say so."""
_PATIENCE_S = 1.0
"""For somebody to write into a named pipe."""


class RealFiles:
    """A :class:`tabib.compose.Reader` of this machine; the standard input is read once."""

    def __init__(self) -> None:
        self._stdin: bytes | None = None

    def read(self, path: str) -> bytes:
        if path != "-":
            return _read(path)
        if self._stdin is None:
            self._stdin = sys.stdin.buffer.read(_MOST)
        return self._stdin

    def is_file(self, path: str) -> bool:
        return os.path.exists(path) and not os.path.isdir(path)

    def is_dir(self, path: str) -> bool:
        return os.path.isdir(path)

    def real_path(self, path: str) -> str:
        try:
            return os.path.realpath(path)
        except ValueError:  # a zero byte: no such file, then
            return path


def _read(path: str) -> bytes:
    """The content, without waiting for ever for a pipe or reading a device to its end.

    :raises OSError: it cannot be read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except ValueError:
        raise FileNotFoundError(errno.ENOENT, "the path holds a zero byte", path) from None
    with open(descriptor, "rb", buffering=0) as file:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        if stat.S_ISFIFO(mode):
            _await_writer(descriptor, path)
        chunks, left = [], _MOST
        while left > 0 and (chunk := file.read(left)):
            chunks.append(chunk)
            left -= len(chunk)
        if left == _MOST and chunk is None:
            raise OSError(errno.EAGAIN, "there is nothing to be read from it", path)
    return b"".join(chunks)


def _await_writer(descriptor: int, path: str) -> None:
    """Wait for the first byte or the end. A pipe of the shell's, ``<(command)``, has a writer
    already, however long it takes; one with a name in a folder may never get any."""
    from tabib.client.waiting import wait_for

    given = path.startswith(("/dev/fd/", "/proc/self/fd/", "/dev/stdin"))
    if not wait_for([descriptor], timeout_s=None if given else _PATIENCE_S).reading:
        raise OSError(errno.EAGAIN, "nobody writes into this pipe", path)
    os.set_blocking(descriptor, True)
