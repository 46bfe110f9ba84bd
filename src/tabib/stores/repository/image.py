"""The image that restic runs in: there, pulled, or loaded from what was kept of it.

The registry is gone on the bad day: after its first use the image lies in the state folder.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import structlog

from tabib.model.container import ImageState
from tabib.model.errors import ImageUnavailable, TabibError
from tabib.model.plan import Step, Verb
from tabib.ports import Engine, Journal
from tabib.stores.files import sync_folder

log = structlog.get_logger("tabib.repository")

PULL_S = 120.0
_PULL_AGAIN_S = 600.0
_NOBODYS = "tabib-no-project"
_ROOM = 1 << 30
"""So much must be left free on the disk of the state folder."""
_READ = 1 << 20


class HelperImage:
    """``reference`` on one engine. ``folder``: where it is kept; None: nowhere."""

    def __init__(
        self,
        engine: Engine,
        engine_id: str,
        reference: str,
        journal: Journal,
        folder: Path | None,
        *,
        pull_s: float = PULL_S,
    ) -> None:
        self._engine = engine
        self._reference = reference
        self._journal = journal
        self._folder = folder
        self._pull_s = pull_s
        self._setting = f"repository-image:{engine_id}:{reference}"
        self._ready = asyncio.Lock()
        self._refused: tuple[float, str] | None = None
        """When a pull failed last (of the loop's time), and why."""

    async def ensure(self) -> None:
        """Have it on the engine.

        :raises ImageUnavailable: it is not there, cannot be pulled, and none was kept.
        """
        async with self._ready:
            found = await self._find()
            if found is None:
                why = await self._pull()
                found = await self._find() or await self._load()
                if found is None:
                    raise self._unavailable(why)
            await self._pin(found)

    async def _find(self) -> ImageState | None:
        seen = await self._engine.observe(_NOBODYS, images=(self._reference,), detail=False)
        return seen.images.get(self._reference)

    async def _pull(self) -> str:
        """Pull it; why that failed. It is not tried again for a while."""
        now = asyncio.get_running_loop().time()
        if self._refused and now - self._refused[0] < _PULL_AGAIN_S:
            return self._refused[1]
        why = await self._try_to_pull()
        self._refused = (now, why) if why else None
        return why

    async def _try_to_pull(self) -> str:
        step = Step(
            id="pull",
            verb=Verb.PULL_IMAGE,
            subject=self._reference,
            reason="copies are made with it",
            target=self._reference,
        )
        try:
            async with asyncio.timeout(self._pull_s):
                await self._engine.apply(step)
        except TabibError as error:
            return error.happened
        except TimeoutError:
            return f"no registry gave it within {self._pull_s:.0f} s"
        return ""

    async def _load(self) -> ImageState | None:
        kept = self._kept()
        if kept is None:
            return None
        log.warning("repository.image_loaded", image=self._reference, file=str(kept))
        try:
            await self._engine.load_image(_chunks(kept))
        except TabibError as error:
            log.error("repository.image_not_loaded", file=str(kept), why=error.happened)
            return None
        return await self._find()

    async def _pin(self, found: ImageState) -> None:
        """Note its identity: another one under the same name is worth a line in the log."""
        known = await self._journal.get_setting(self._setting)
        if known != found.id:
            if known:
                log.warning(
                    "repository.image_changed", image=self._reference, was=known, now=found.id
                )
            await self._journal.put_setting(self._setting, found.id)
        if self._folder is not None:
            await self._keep(found.id)

    async def _keep(self, identity: str) -> None:
        """Keep it in the state folder; where that fails, copies are made all the same."""
        assert self._folder is not None
        path = self._path(identity)
        if path.exists():
            return
        try:
            await asyncio.to_thread(self._folder.mkdir, mode=0o700, parents=True, exist_ok=True)
            if _free(self._folder) < _ROOM:
                log.warning("repository.image_not_kept", image=self._reference, why="little room")
                return
            draft = path.with_suffix(".part")
            with draft.open("wb") as file:
                async for chunk in self._engine.export_image(self._reference):
                    await asyncio.to_thread(file.write, chunk)
                await asyncio.to_thread(_to_disk, file.fileno())
            draft.replace(path)
            sync_folder(self._folder)
            for other in self._folder.glob(f"{self._stem()}-*.tar"):
                if other != path:
                    other.unlink(missing_ok=True)
        except (OSError, TabibError) as error:
            log.warning("repository.image_not_kept", image=self._reference, why=str(error))

    def _kept(self) -> Path | None:
        if self._folder is None:
            return None
        found = sorted(self._folder.glob(f"{self._stem()}-*.tar"))
        return found[-1] if found else None

    def _path(self, identity: str) -> Path:
        assert self._folder is not None
        short = identity.partition(":")[2][:12] or identity[:12]
        return self._folder / f"{self._stem()}-{short}.tar"

    def _stem(self) -> str:
        return re.sub(r"[^A-Za-z0-9._]+", "_", self._reference)

    def _unavailable(self, why: str) -> ImageUnavailable:
        return ImageUnavailable(
            f"it is not on this engine, and cannot be pulled: {why}",
            attempted="make or read copies of data with",
            target=self._reference,
            advice=f"Where no registry is in reach: `docker save {self._reference} | gzip > "
            "restic.tar.gz` on a machine that has it, then `docker load -i restic.tar.gz` here; "
            "or name another image with restic in it: `[backup] image` in tabib.toml.",
        )


async def _chunks(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while chunk := await asyncio.to_thread(file.read, _READ):
            yield chunk


_to_disk: Callable[[int], None] = os.fsync


def _free(folder: Path) -> int:
    figures = os.statvfs(folder)
    return figures.f_bavail * figures.f_frsize
