"""What SQLite and the kernel say, told as :class:`StateUnusable` with a cause and a way out.

``details["code"]`` is one of ``full``, ``readonly``, ``newer``, ``damaged``, ``busy``, ``key`` (the
vault's key is missing or does not fit) and ``sqlite`` (a SQLite with a known corruption bug).
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import apsw

from tabib.model.errors import StateUnusable

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_READ_ONLY = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})
_NEARLY_NOTHING_BYTES = 256 * 1024
"""SQLite reports some shortages (the ``-shm`` file) as plain I/O errors; this tells them apart."""

_TROUBLE = (
    apsw.FullError,
    apsw.CorruptError,
    apsw.NotADBError,
    apsw.BusyError,
    apsw.LockedError,
    apsw.ReadOnlyError,
    apsw.PermissionsError,
    apsw.IOError,
    apsw.CantOpenError,
)

_HAPPENED = {
    "full": "there is no space left for tabib's state",
    "readonly": "tabib's state cannot be written",
    "damaged": "the file is damaged",
    "busy": "another process holds the file",
}
_ADVICE = {
    "full": "Free space on the file system that holds {folder}, then try again.",
    "readonly": (
        "Make {folder} writable for the user that runs tabib, or name another folder with "
        "--state-dir."
    ),
    "damaged": "Check the disk (dmesg), then restart the daemon: it examines the file as it opens.",
    "busy": "Find the process (fuser {path}) and stop it, then try again.",
}


def unusable(
    code: str, path: Path, *, attempted: str, cause: str = "", advice: str = "", **details: Any
) -> StateUnusable:
    """A :class:`StateUnusable` for ``path``; ``advice`` replaces the usual one of ``code``."""
    happened = _HAPPENED.get(code, "tabib's state cannot be used")
    usual = _ADVICE.get(code, "").format(folder=path.parent, path=path)
    return StateUnusable(
        f"{happened} ({cause})" if cause else happened,
        attempted=attempted,
        target=str(path),
        advice=advice or usual,
        details={"code": code, "path": str(path), **details},
    )


def is_trouble(error: apsw.Error) -> bool:
    """Whether ``error`` is about the file or the disk, not about a statement."""
    return isinstance(error, _TROUBLE)


def from_sqlite(
    error: apsw.Error, path: Path, *, attempted: str, os_errno: int = 0
) -> StateUnusable | None:
    """The disk's trouble behind ``error``; None where it is no trouble of the disk.

    ``os_errno``: the connection's ``system_errno`` at that moment.
    """
    code = _code_of(error, path, os_errno)
    if code is None:
        return None
    return unusable(code, path, attempted=attempted, cause=_cause(error, os_errno))


def from_os(error: OSError, path: Path, *, attempted: str) -> StateUnusable:
    """The same for what the kernel says to us directly."""
    number = error.errno or 0
    code = "full" if number in _FULL else "readonly"
    cause = error.strerror or type(error).__name__
    if number in _FULL | _READ_ONLY:
        return unusable(code, path, attempted=attempted, cause=cause)
    return unusable(
        "readonly",
        path,
        attempted=attempted,
        cause=cause,
        advice=f"Check {path}: it must be a folder on a local disk that tabib may write to, or "
        "name another one with --state-dir.",
    )


def _code_of(error: apsw.Error, path: Path, os_errno: int) -> str | None:
    if isinstance(error, apsw.FullError):
        return "full"
    if isinstance(error, apsw.CorruptError | apsw.NotADBError):
        return "damaged"
    if isinstance(error, apsw.BusyError | apsw.LockedError):
        return "busy"
    if isinstance(error, apsw.ReadOnlyError | apsw.PermissionsError):
        return "readonly"
    if not isinstance(error, apsw.IOError | apsw.CantOpenError):
        return None
    if os_errno in _FULL or _free_bytes(path) < _NEARLY_NOTHING_BYTES:
        return "full"
    if isinstance(error, apsw.CantOpenError) or os_errno in _READ_ONLY:
        return "readonly"
    return "damaged"


def _cause(error: apsw.Error, os_errno: int) -> str:
    if isinstance(error, apsw.IOError | apsw.CantOpenError) and os_errno:
        return f"{error}; {os.strerror(os_errno)}"
    return str(error)


def _free_bytes(path: Path) -> int:
    try:
        figures = os.statvfs(path.parent)
    except OSError:
        return _NEARLY_NOTHING_BYTES
    available = figures.f_bavail if os.geteuid() else figures.f_bfree
    return available * figures.f_frsize
