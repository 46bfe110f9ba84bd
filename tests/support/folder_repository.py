"""A repository that is a plain folder on this machine: the port of repositories without restic.

For tests of what is copied and how; that it holds on restic is tested once for each kind.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

from tabib.model.backup import Place, Saved
from tabib.ports import BytesSink


class FolderRepository:
    """What is saved is a folder ``s1``, ``s2``, … with the file, or the tree as ``data``."""

    name = "folder"
    append_only = False

    def __init__(self, path: Path) -> None:
        self.path = path
        self.tags: dict[str, tuple[str, ...]] = {}
        self.on_files: Callable[[], None] = lambda: None
        """Called while a tree is being copied."""
        self.begun = asyncio.Event()
        """Set once a stream brings something."""
        self.go_on = asyncio.Event()
        """While it is not set, nothing more of a stream is taken than its beginning."""
        self.go_on.set()
        self._numbers = itertools.count(1)
        path.mkdir(parents=True, exist_ok=True)

    def snapshots(self) -> list[str]:
        return sorted(one.name for one in self.path.iterdir() if not one.name.startswith("."))

    def tree(self, stored: str) -> Path:
        return self.path / stored / "data"

    async def save_stream(
        self,
        chunks: AsyncIterator[bytes],
        *,
        filename: str,
        tags: Sequence[str],
        progress: BytesSink | None = None,
        ahead: bool = False,
    ) -> Saved:
        stored, draft = self._new(tags)
        size = 0
        try:
            with (draft / filename).open("wb") as file:
                async for chunk in chunks:
                    self.begun.set()
                    await self.go_on.wait()
                    size += len(chunk)
                    file.write(chunk)
        except BaseException:
            shutil.rmtree(draft)
            raise
        draft.rename(self.path / stored)
        return Saved(id=stored, size_bytes=size, added_bytes=size)

    async def save_files(
        self,
        place: Place,
        *,
        tags: Sequence[str],
        inner: str = "",
        excludes: Sequence[str] = (),
        progress: BytesSink | None = None,
    ) -> Saved:
        stored, draft = self._new(tags)
        await _run("cp", "-a", f"{place.source}/{inner}", str(draft / "data"), may_vanish=True)
        self.on_files()
        draft.rename(self.path / stored)
        files = [Path(at) / one for at, _, names in os.walk(self.tree(stored)) for one in names]
        size = sum(one.lstat().st_size for one in files)
        return Saved(id=stored, size_bytes=size, added_bytes=size, files=len(files))

    async def restore_files(
        self,
        stored: str,
        target: Place,
        *,
        path: str = "/data",
        include: Sequence[str] = (),
        progress: BytesSink | None = None,
    ) -> None:
        await _run("cp", "-a", f"{self.path}/{stored}{path}/.", target.source)

    async def unpack(
        self,
        stored: str,
        target: Place,
        *,
        path: str,
        inner: str = "",
        progress: BytesSink | None = None,
    ) -> None:
        folder = f"{target.source}/{inner}"
        os.makedirs(folder, exist_ok=True)
        await _run("tar", "-C", folder, "--numeric-owner", "-xpf", f"{self.path}/{stored}{path}")

    async def read(self, stored: str, path: str) -> AsyncIterator[bytes]:
        data = Path(f"{self.path}/{stored}{path}").read_bytes()
        for at in range(0, len(data), 1 << 18):
            yield data[at : at + (1 << 18)]

    async def forget(self, stored: Sequence[str]) -> None:
        for one in stored:
            shutil.rmtree(self.path / one)

    def _new(self, tags: Sequence[str]) -> tuple[str, Path]:
        stored = f"s{next(self._numbers)}"
        self.tags[stored] = tuple(tags)
        draft = self.path / f".{stored}"
        draft.mkdir()
        return stored, draft


async def _run(*argv: str, may_vanish: bool = False) -> None:
    process = await asyncio.create_subprocess_exec(*argv, stderr=asyncio.subprocess.PIPE)
    _, said = await process.communicate()
    vanished = may_vanish and all(b"No such file" in line for line in said.splitlines())
    assert process.returncode == 0 or vanished, (argv, said)
