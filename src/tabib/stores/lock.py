"""One daemon for one state folder: a lock that the kernel lets go of when its holder dies."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from types import TracebackType

from tabib.model.errors import Refused
from tabib.stores.trouble import from_os

_TRIES = 5
_PAUSE_S = 0.02
"""Whoever asks who holds the lock (:func:`holder_pid`) holds it for an instant: try past that."""


class DaemonLock:
    """An exclusive ``flock``, released by :meth:`release`, at the end of ``with``, or by death."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor: int | None = descriptor

    @classmethod
    def take(cls, path: Path) -> DaemonLock:
        """Take it now, or say who has it.

        :raises Refused: ``details`` has ``pid`` (None where it cannot be read) and ``path``.
        :raises StateUnusable: the folder is full or read-only.
        """
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise from_os(error, path, attempted="lock") from error
        try:
            _lock(descriptor)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        except BlockingIOError:
            pid = _pid(descriptor)
            os.close(descriptor)
            raise _taken(path, pid) from None
        except OSError as error:
            os.close(descriptor)
            raise from_os(error, path, attempted="lock") from error
        return cls(path, descriptor)

    def release(self) -> None:
        """Let go. Idempotent. The file stays: removing it would race with the next holder."""
        if self._descriptor is None:
            return
        descriptor, self._descriptor = self._descriptor, None
        os.ftruncate(descriptor, 0)
        os.close(descriptor)

    def __enter__(self) -> DaemonLock:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()


def holder_pid(path: Path) -> int | None:
    """The pid of the daemon that holds the lock at ``path``; None where nobody does.

    :raises OSError: the file cannot be read, though it exists.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _pid(descriptor)
    finally:
        os.close(descriptor)
    return None


def _lock(descriptor: int) -> None:
    for _ in range(_TRIES - 1):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_PAUSE_S)
        else:
            return
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _pid(descriptor: int) -> int | None:
    text = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
    return int(text) if text.isdigit() else None


def _taken(path: Path, pid: int | None) -> Refused:
    who = f"a tabib daemon (pid {pid})" if pid else "a tabib daemon"
    return Refused(
        f"{who} works in it already",
        attempted="start a daemon in",
        target=str(path.parent),
        advice="Stop it with `tabib daemon stop`, or name another folder with --state-dir.",
        details={"pid": pid, "path": str(path)},
    )
