"""The user's real files, as the Compose loader wants to read them."""

from __future__ import annotations

import os
import sys


class RealFiles:
    """A :class:`tabib.compose.Reader` of this machine; the standard input is read once."""

    def __init__(self) -> None:
        self._stdin: bytes | None = None

    def read(self, path: str) -> bytes:
        if path != "-":
            with open(path, "rb") as file:
                return file.read()
        if self._stdin is None:
            self._stdin = sys.stdin.buffer.read()
        return self._stdin

    def is_file(self, path: str) -> bool:
        return os.path.exists(path) and not os.path.isdir(path)

    def is_dir(self, path: str) -> bool:
        return os.path.isdir(path)

    def real_path(self, path: str) -> str:
        return os.path.realpath(path)
