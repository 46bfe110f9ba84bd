"""The vault's key: 32 random bytes in a file of mode 0600, made once, never replaced."""

from __future__ import annotations

import base64
import binascii
import os
import stat
from pathlib import Path

from tabib.stores.files import create_once
from tabib.stores.trouble import from_os, unusable

_PREFIX = "tabib-vault-key-1:"
_KEY_BYTES = 32
_RESTORE = (
    "Put {path} back from a copy of the state folder: sealed values cannot be had without it."
)


def create_key(path: Path) -> None:
    """Make the key, durably; nothing happens where one exists.

    :raises StateUnusable: the folder is full or read-only.
    """
    key = base64.b64encode(os.urandom(_KEY_BYTES)).decode()
    try:
        create_once(path, f"{_PREFIX}{key}\n".encode(), mode=0o600)
    except OSError as error:
        raise from_os(error, path, attempted="create the vault's key") from error


def read_key(path: Path) -> bytes:
    """The key; rights that are too wide are tightened.

    :raises StateUnusable: code ``key``; it is missing, cannot be read, or is no key.
    """
    try:
        text = _read_tight(path)
    except OSError as error:
        raise unusable(
            "key",
            path,
            attempted="read the vault's key",
            cause=error.strerror or "unreadable",
            advice=_RESTORE.format(path=path),
        ) from error
    try:
        key = base64.b64decode(text.strip().removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not text.startswith(_PREFIX) or len(key) != _KEY_BYTES:
        # The cause is not chained: its text would hold what the file holds.
        raise unusable(
            "key",
            path,
            attempted="read the vault's key",
            cause="it is not a key of tabib's",
            advice=_RESTORE.format(path=path),
        ) from None
    return key


def _read_tight(path: Path) -> str:
    with path.open("rb") as file:
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        if mode & 0o077:
            os.fchmod(file.fileno(), 0o600)
        return file.read(1024).decode("ascii", "replace")
