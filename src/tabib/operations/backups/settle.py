"""What restores that were cut off left: what is used stays, what was never used goes, and what was
half exchanged is brought to its end, before anybody starts on it."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence
from pathlib import Path

import structlog

from tabib.model.container import VolumeSpec
from tabib.model.errors import NotFound, Refused, TabibError
from tabib.model.plan import Step, Verb
from tabib.operations import volumes
from tabib.operations.backups.content import overwrite
from tabib.operations.backups.prepared import (
    COPY,
    EXCHANGING,
    FOLDER,
    GENERATION,
    Prepared,
    forget,
    prepared,
)
from tabib.operations.tools import Tools
from tabib.stores.exchange import mark, repair

log = structlog.get_logger("tabib.restore")


async def settle(tools: Tools, one: Prepared) -> None:
    """Make it used or gone; idempotent. Never touches what is kept of the old data.

    :raises TabibError: that cannot be done now; nothing was lost.
    """
    if one.way == GENERATION:
        await _generation(tools, one)
    elif one.way == COPY:
        await _copy(tools, one)
    else:
        await _exchanged(tools, one)
    await forget(tools, one)


async def settle_all(tools: Tools, every: Sequence[Prepared]) -> None:
    """Each of them; trouble with one is told, and it is tried again by the next daemon or restore
    of its project."""
    for one in every:
        try:
            await settle(tools, one)
        except (TabibError, OSError) as error:
            log.error("restore.left", project=one.project, dataset=one.dataset, why=str(error))


async def must_be_whole(tools: Tools, project: str, attempted: str) -> None:
    """
    :raises Refused: data of the project was half exchanged when tabib died, and could not be
        brought to its end since.
    """
    half = [one for one in await prepared(tools, project) if one.stage == EXCHANGING]
    if half:
        raise Refused(
            f"the content of {half[0].path} is half exchanged: a restore was cut off, and could "
            "not be completed since",
            attempted=attempted,
            target=project,
            advice=f"`tabib -p {project} restore` completes it; what it was is in volume "
            f"{half[0].kept}.",
        )


async def _generation(tools: Tools, one: Prepared) -> None:
    held = await volumes.holding(tools, one.volume)
    if held is not None and (held.id, held.generation) == (one.volume_id, one.generation):
        return
    folder = tools.state.volume_directory(one.volume_id, one.generation)
    await _gone(folder)
    if folder.parent.is_dir() and not any(folder.parent.iterdir()):
        folder.parent.rmdir()  # the id was made for it alone


async def _gone(folder: Path) -> None:
    if folder.exists():
        await asyncio.to_thread(shutil.rmtree, folder)


async def _exchanged(tools: Tools, one: Prepared) -> None:
    folder, beside = Path(one.path), Path(one.beside)
    if one.path:
        await asyncio.to_thread(repair, folder, beside)
        if one.mark and mark(folder) == one.mark:
            return  # it is used; beside lies what was there before, and that is kept
        if one.mark and mark(beside) != one.mark:
            return  # somebody took it elsewhere
    if one.way == FOLDER:
        await _gone(beside)
    else:
        await removed(tools, one.aside)


async def _copy(tools: Tools, one: Prepared) -> None:
    if one.stage == EXCHANGING:
        log.warning("restore.completed", project=one.project, dataset=one.dataset)
        await overwrite(tools, one)
    else:
        await removed(tools, one.kept)  # what it is a copy of was not touched
    await removed(tools, one.aside)


async def removed(tools: Tools, volume: str) -> None:
    """Remove a volume of ours. Idempotent."""
    try:
        await volume_step(tools, Verb.REMOVE_VOLUME, volume)
    except NotFound:
        return


async def volume_step(tools: Tools, verb: Verb, name: str, spec: VolumeSpec | None = None) -> None:
    await tools.engine.apply(
        Step(
            id=f"{verb.value}:{name}",
            verb=verb,
            subject=f"volume {name}",
            reason="a restore",
            target=name,
            volume=spec,
        )
    )
