"""The key of this installation's repositories: 32 random bytes in ``STATE_DIR/keys``.

It is made once and never replaced: what was written with it can be read with it alone.
"""

from __future__ import annotations

import base64
import os
import stat
from pathlib import Path

from tabib.stores.files import create_once, sync_folder
from tabib.stores.trouble import from_os, unusable

FOLDER = "keys"
FILE_NAME = "repository.key"
_BYTES = 32
RANDOM_LETTERS = 43
"""So many letters 32 random bytes make."""
_LEAST_LETTERS = 16


def make_key(state: Path) -> str:
    """The key, made where there is none; on the disk, durably, when this returns.

    :raises StateUnusable: the folder is full or read-only; the file cannot be read or holds no key.
    """
    path = state / FOLDER / FILE_NAME
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.parent.chmod(0o700)
        sync_folder(state)
        if not path.exists():
            text = base64.urlsafe_b64encode(os.urandom(_BYTES)).decode("ascii").rstrip("=")
            create_once(path, f"{text}\n".encode("ascii"), mode=0o600)
        return _read(path)
    except OSError as error:
        raise from_os(error, path, attempted="keep the repositories' key in") from error


def take_key(state: Path, key: str) -> bool:
    """Keep ``key`` where there is none yet; whether it is the key now.

    :raises StateUnusable: the folder is full or read-only; the file cannot be read or holds no key.
    """
    path = state / FOLDER / FILE_NAME
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.parent.chmod(0o700)
        sync_folder(state)
        if not path.exists():
            create_once(path, f"{key}\n".encode("ascii"), mode=0o600)
        return _read(path) == key
    except OSError as error:
        raise from_os(error, path, attempted="keep the repositories' key in") from error


def _read(path: Path) -> str:
    with path.open("rb") as file:
        if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
            os.fchmod(file.fileno(), 0o600)
        text = file.read(4096).decode("ascii", "replace").strip()
    if len(text) < _LEAST_LETTERS or "\n" in text or not text.isprintable():
        raise unusable(
            "key",
            path,
            attempted="read the repositories' key",
            cause="it holds no key",
            advice=f"Put {path} back from where you keep it safe: without it no copy can be read.",
        )
    return text
