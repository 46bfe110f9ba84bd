"""A repository of folders for a house on virtual time: volumes are the folders that the memory
engine has for them, and a copy takes no time."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from support.repositories import FolderRepositories, ReadableFolder
from support.site import House
from tabib.model.backup import Place, Saved
from tabib.model.container import RUNNING
from tabib.model.errors import TabibError
from tabib.model.settings import BackupSettings
from tabib.operations.backups.tools import BackupTools
from tabib.ports import BytesSink


class HouseRepository(ReadableFolder):
    """``asked``: ``save`` and ``restore``, in their order; ``ran``: the services that ran then."""

    def __init__(self, path: Path, house: House) -> None:
        super().__init__(path)
        self.house = house
        self.asked: list[str] = []
        self.ran: list[str] = []
        self.refuses: TabibError | None = None
        """What every restore ends with while it is set."""
        self.on_restore: Callable[[], None] = lambda: None

    async def save_files(
        self,
        place: Place,
        *,
        tags: Sequence[str],
        inner: str = "",
        excludes: Sequence[str] = (),
        progress: BytesSink | None = None,
    ) -> Saved:
        self._note("save")
        stored, draft = self._new(tags)
        shutil.copytree(self._folder(place) / inner, draft / "data", symlinks=True)
        draft.rename(self.path / stored)
        files = [one for one in self.tree(stored).rglob("*") if one.is_file()]
        size = sum(one.stat().st_size for one in files)
        return Saved(id=stored, size_bytes=size, added_bytes=size, files=len(files))

    async def restore_files(
        self,
        stored: str,
        target: Place,
        *,
        path: str = "/data",
        inner: str = "",
        include: Sequence[str] = (),
        progress: BytesSink | None = None,
    ) -> None:
        self._note("restore")
        if self.refuses is not None:
            raise self.refuses
        shutil.copytree(self._there(stored, path), self._folder(target) / inner, dirs_exist_ok=True)
        self.on_restore()

    def _folder(self, place: Place) -> Path:
        if place.type == "bind":
            return Path(place.source)
        return Path(self.house.world.volumes[place.source].options["device"])

    def _note(self, what: str) -> None:
        self.asked.append(what)
        running = [one for one in self.house.world.containers.values() if one.status in RUNNING]
        self.ran.append(",".join(sorted(one.service for one in running)))


def copies_into(repository: ReadableFolder) -> BackupTools:
    """What ``Tools.backups`` may be: every address leads to ``repository``; nothing is copied by
    itself but what a treatment wants."""
    return BackupTools(
        repositories=FolderRepositories(repository),  # type: ignore[arg-type]
        settings=BackupSettings(),
    )
