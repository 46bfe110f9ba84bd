"""Repositories that are plain folders, with one key, and trouble when it is asked for."""

from __future__ import annotations

import io
import stat
import tarfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from support.folder_repository import FolderRepository
from tabib.model.backup import RepositoryAddress, Stored, StoredEntry
from tabib.model.errors import NotFound, RepositoryKeyWrong, RepositoryMissing, TabibError
from tabib.ports import Repository

KEY = "canary-key-Zm9sZGVy"


class ReadableFolder(FolderRepository):
    """``trouble``: what reading ends with, after so many chunks as ``whole`` says."""

    trouble: TabibError | None = None
    whole: int = 0

    async def read(self, stored: str, path: str) -> AsyncIterator[bytes]:
        given = 0
        async for chunk in self._read(stored, path):
            if self.trouble and given == self.whole:
                raise self.trouble
            given += 1
            yield chunk
        if self.trouble:
            raise self.trouble

    async def _read(self, stored: str, path: str) -> AsyncIterator[bytes]:
        there = self._there(stored, path)
        if not there.is_dir():
            yield there.read_bytes()
            return
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as archive:
            archive.add(there, arcname=".")
        yield out.getvalue()

    async def entries(self, stored: str, path: str = "/") -> list[StoredEntry]:
        below = sorted(self._there(stored, path).iterdir())
        return [_entry(one, f"{path.rstrip('/')}/{one.name}") for one in below]

    async def stored(self, tags: Sequence[str] = ()) -> list[Stored]:
        there = [one for one in self.snapshots() if set(tags) <= set(self.tags[one])]
        return [Stored(id=one, at=datetime.now(UTC), tags=self.tags[one]) for one in there]

    def _there(self, stored: str, path: str) -> Path:
        there = Path(f"{self.path}/{stored}{path}")
        if not there.exists() or (there.is_file() and path.endswith("/")):
            raise NotFound("there is nothing of that name", attempted="list", target=path)
        return there


@dataclass
class FolderRepositories:
    """See :class:`tabib.ports.Repositories`. ``there``: whether the repository was made."""

    repository: ReadableFolder
    there: bool = True
    opened: list[RepositoryAddress] = field(default_factory=list)

    async def get(self, address: RepositoryAddress, *, create: bool = True) -> Repository:
        self.opened.append(address)
        if not self.there and not create:
            raise RepositoryMissing("there is none", attempted="open", target="folder")
        self.there = True
        return self.repository  # type: ignore[return-value]

    async def name(self, address: RepositoryAddress) -> str:
        return self.repository.name

    async def with_key(self, address: RepositoryAddress, key: str) -> Repository:
        if key != KEY:
            raise RepositoryKeyWrong("the key does not fit", attempted="open", target="folder")
        return await self.get(address, create=False)

    async def key(self) -> str:
        return KEY


def _entry(file: Path, path: str) -> StoredEntry:
    seen = file.lstat()
    return StoredEntry(
        path=path,
        type="dir" if file.is_dir() else "file",
        size_bytes=seen.st_size,
        mode=stat.S_IMODE(seen.st_mode),
    )
