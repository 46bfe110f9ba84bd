"""Files in memory, for tests that need no disk."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import Any

from tabib.compose import LoadRequest, load
from tabib.model.project import Project

FOLDER = "/project"


class MemoryFiles:
    """A reader of a few files; relative names stand in the project's folder."""

    def __init__(self, files: Mapping[str, str | bytes]) -> None:
        self.files = {
            posixpath.join(FOLDER, name): text.encode() if isinstance(text, str) else text
            for name, text in files.items()
        }

    def read(self, path: str) -> bytes:
        if path not in self.files:
            raise FileNotFoundError(path)
        return self.files[path]

    def is_file(self, path: str) -> bool:
        return path in self.files

    def is_dir(self, path: str) -> bool:
        return any(name.startswith(f"{path}/") for name in self.files)

    def real_path(self, path: str) -> str:
        return path


def load_files(files: Mapping[str, str | bytes], **request: Any) -> Project:
    return load(LoadRequest(cwd=FOLDER, **request), MemoryFiles(files))


def load_text(text: str | bytes, **request: Any) -> Project:
    return load_files({"compose.yaml": text}, **request)
