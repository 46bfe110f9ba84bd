"""Generations: where the data of plain volumes lives, so that no volume removal destroys it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from pathlib import Path

from tabib.decide.desired import VolumePlace
from tabib.model import container as c
from tabib.model.container import Observed
from tabib.model.project import Project
from tabib.operations.tools import Tools
from tabib.stores.volumes import generations_supported


@dataclass(frozen=True, slots=True)
class Holding:
    """What the journal keeps of one volume. ``released``: ``down -v`` let it go on purpose."""

    id: str
    generation: int
    released: bool = False


async def places(tools: Tools, project: Project, observed: Observed) -> dict[str, VolumePlace]:
    """A place for each plain volume that the engine does not have (yet).

    A volume whose name was removed behind tabib's back is attached to its data again; one that
    ``tabib down -v`` released begins anew. Nothing is written; see :func:`hold`.
    """
    if not held_here(tools):
        return {}
    present = {volume.name for volume in observed.volumes}
    found = {}
    for volume in project.volumes.values():
        if not volume.plain or volume.name in present:
            continue
        held = await holding(tools, volume.name)
        if held is None or held.released:
            held = Holding(id=tools.new_id(), generation=1)
        directory = tools.state.volume_directory(held.id, held.generation)
        found[volume.name] = VolumePlace(
            id=held.id,
            generation=held.generation,
            directory=str(directory),
            existing=_holds_data(directory),
        )
    return found


def held_here(tools: Tools) -> bool:
    """Whether plain volumes of this engine can be held in folders of the state folder."""
    return tools.info.local and generations_supported(os.geteuid())


async def hold(tools: Tools, places_: dict[str, VolumePlace]) -> None:
    """Make the folders and remember them, before the volumes are created. Idempotent."""
    for name, place in places_.items():
        tools.state.make_volume_directory(place.id, place.generation)
        await put(tools, name, Holding(id=place.id, generation=place.generation))


async def reclaim(tools: Tools, project: Project, observed: Observed) -> None:
    """A volume that is there was not let go: a ``down -v`` that was cut off left it."""
    for state in observed.volumes:
        volume_id = state.labels.get(c.LABEL_VOLUME_ID)
        if volume_id and state.labels.get(c.LABEL_PROJECT) == project.name:
            held = await holding(tools, state.name)
            if held is not None and held.id == volume_id:
                await take_back(tools, state.name)


async def release(tools: Tools, name: str) -> str:
    """Note that a volume is let go on purpose; the folder that still has its data, or ``""``."""
    held = await holding(tools, name)
    if held is None:
        return ""
    if not held.released:
        await put(tools, name, replace(held, released=True))
    return str(tools.state.volume_directory(held.id, held.generation))


async def take_back(tools: Tools, name: str) -> None:
    """The volume called ``name`` was not let go after all. Idempotent."""
    held = await holding(tools, name)
    if held is not None and held.released:
        await put(tools, name, replace(held, released=False))


async def holding(tools: Tools, name: str) -> Holding | None:
    """What is known of the volume called ``name`` on this engine."""
    text = await tools.journal.get_setting(_key(tools, name))
    return Holding(**json.loads(text)) if text else None


def _holds_data(directory: Path) -> bool:
    return directory.is_dir() and any(directory.iterdir())


async def put(tools: Tools, name: str, held: Holding) -> None:
    """From now on the volume called ``name`` is attached to that generation when it is made."""
    await tools.journal.put_settings(setting(tools, name, held))


def setting(tools: Tools, name: str, held: Holding) -> dict[str, str | None]:
    """What :func:`put` sets in the journal, to be set along with something else."""
    value = {"id": held.id, "generation": held.generation, "released": held.released}
    return {_key(tools, name): json.dumps(value)}


def _key(tools: Tools, name: str) -> str:
    return f"volume:{tools.info.id}:{name}"
