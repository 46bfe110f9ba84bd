"""Two folders change places at one moment: whoever looks finds the one or the other, never none."""

from __future__ import annotations

import ctypes
import errno
import os
import platform
from pathlib import Path

from tabib.stores.files import sync_folder

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
_RENAMEAT2 = {"x86_64": 316, "aarch64": 276, "riscv64": 276, "armv7l": 382, "s390x": 347}
"""The number of the call: not every C library has it by name."""
_NOT_HERE = (errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP)


def mark(folder: Path) -> str:
    """What a folder is known by, wherever it is renamed to; ``""``: it is not there."""
    try:
        found = folder.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return ""
    return f"{found.st_dev}:{found.st_ino}"


def exchange(first: Path, second: Path) -> None:
    """Exchange two folders of one file system; durable when it returns.

    Where the file system cannot do it at one moment (NFS, old ones), ``first`` is away for as long
    as two renames take; ``second`` with ``.aside`` appended is then where it is (:func:`repair`).

    :raises OSError: nothing was changed.
    """
    if not _at_one_moment(first, second):
        aside = _aside(second)
        first.rename(aside)
        try:
            second.rename(first)
        except OSError:
            aside.rename(first)
            raise
        aside.rename(second)
    for folder in {first.parent, second.parent}:
        sync_folder(folder)


def repair(first: Path, second: Path) -> None:
    """Bring an exchange that was cut off between two renames to a state of before or after it.
    Idempotent."""
    aside = _aside(second)
    if not aside.exists():
        return
    aside.rename(second if first.exists() else first)


def _aside(second: Path) -> Path:
    return second.with_name(f"{second.name}.aside")


def _at_one_moment(first: Path, second: Path) -> bool:
    number = _RENAMEAT2.get(platform.machine())
    if number is None:
        return False
    call = ctypes.CDLL(None, use_errno=True).syscall
    paths = os.fsencode(first), os.fsencode(second)
    if call(number, _AT_FDCWD, paths[0], _AT_FDCWD, paths[1], _RENAME_EXCHANGE) == 0:
        return True
    code = ctypes.get_errno()
    if code in _NOT_HERE:
        return False
    raise OSError(code, os.strerror(code), str(first))
