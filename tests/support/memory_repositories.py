"""Repositories in memory, for stories on a memory engine: what is saved are its volumes' files."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from tabib.engines.memory import World
from tabib.model.backup import Place, RepositoryAddress, Saved, Stored
from tabib.model.errors import NotFound, RepositoryLocked, TabibError
from tabib.model.settings import BackupSettings
from tabib.operations.backups.tools import BackupTools
from tabib.ports import BytesSink, Repository


@dataclass
class MemoryRepository:
    """``trouble``: what every copy ends with while it is set."""

    world: World
    name: str = "memory"
    append_only: bool = False
    trouble: TabibError | None = None
    kept: dict[str, Stored] = field(default_factory=dict)
    contents: dict[str, object] = field(default_factory=dict)
    excludes: tuple[str, ...] = ()
    """Of the last copy of files."""
    waiting: int = 0
    """Streams that are waited for: nobody has it alone."""
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    async def save_files(
        self,
        place: Place,
        *,
        tags: Sequence[str],
        inner: str = "",
        excludes: Sequence[str] = (),
        progress: BytesSink | None = None,
    ) -> Saved:
        if place.source not in self.world.volumes:
            raise NotFound("no such volume", attempted="copy", target=place.source)
        files = self.world.volumes[place.source].files
        size = sum(len(one.content) for one in files.values())
        self.excludes = tuple(excludes)
        return self._keep(dict(files), tags, size, len(files))

    async def save_stream(
        self,
        chunks: AsyncIterator[bytes],
        *,
        filename: str,
        tags: Sequence[str],
        progress: BytesSink | None = None,
        ahead: bool = False,
    ) -> Saved:
        self.waiting += ahead
        try:
            content = b"".join([chunk async for chunk in chunks])
        finally:
            self.waiting -= ahead
        return self._keep(content, tags, len(content), 1)

    def _keep(self, content: object, tags: Sequence[str], size: int, files: int) -> Saved:
        if self.trouble is not None:
            raise self.trouble
        id = f"stored{next(self.numbers)}"
        self.kept[id] = Stored(id=id, at=self.world.clock.now(), tags=tuple(tags))
        self.contents[id] = content
        return Saved(id=id, size_bytes=size, added_bytes=size, files=files)

    async def stored(self, tags: Sequence[str] = ()) -> list[Stored]:
        return [one for one in self.kept.values() if set(tags) <= set(one.tags)]

    async def forget(self, stored: Sequence[str]) -> None:
        if self.waiting:
            raise RepositoryLocked("it is in use", attempted="forget in", target=self.name)
        for id in stored:
            self.kept.pop(id, None)

    async def prune(self, *, progress: BytesSink | None = None) -> int:
        return 0


@dataclass
class MemoryRepositories:
    repository: MemoryRepository

    async def get(self, address: RepositoryAddress, *, create: bool = True) -> Repository:
        return self.repository  # type: ignore[return-value]

    async def name(self, address: RepositoryAddress) -> str:
        return self.repository.name


def backup_tools(world: World, settings: BackupSettings | None = None) -> BackupTools:
    """What ``Tools.backups`` may be on a memory engine."""
    repositories = MemoryRepositories(MemoryRepository(world))
    return BackupTools(
        repositories=repositories,  # type: ignore[arg-type]
        settings=settings or BackupSettings(),
    )
