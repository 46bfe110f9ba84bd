"""The data sets of a project: what of it is data, and whether it is backed up."""

from __future__ import annotations

from collections.abc import Iterable

from tabib.decide.backups.datasets import discover
from tabib.decide.backups.facts import Mounted
from tabib.model import container as c
from tabib.model.backup import Dataset, Place
from tabib.operations.backups.facts import Known, known, mounts_of, origins_of
from tabib.operations.backups.looks import look
from tabib.operations.tools import Tools
from tabib.operations.volumes import holding


async def datasets(tools: Tools, project: str) -> list[Dataset]:
    """Every data set of the project, by name, whether it is covered or not; also of one that is
    down, that tabib does not have in care, and whose volumes are gone. Takes seconds at most.

    :raises EngineUnavailable: the engine does not answer.
    :raises StateUnusable: the journal or the vault cannot be read.
    """
    return await datasets_of(tools, await known(tools, project))


async def datasets_of(tools: Tools, project: Known) -> list[Dataset]:
    """As :func:`datasets`, of what is known already."""
    mounts = mounts_of(project)
    unused = _unused(project, mounts)
    places = dict.fromkeys([one.place for one in mounts] + unused)
    seen = await look(tools, places, project.observed.containers, project.observed.volumes)
    return discover(
        mounts,
        seen,
        origins_of(project, await _held(tools, places)),
        now=tools.clock.now(),
        before=await _before(tools, project.name),
        unused=unused,
        settings=project.settings,
    )


def _unused(project: Known, mounts: Iterable[Mounted]) -> list[Place]:
    """Volumes that carry the project's label, and that nobody mounts."""
    mounted = {one.place.source for one in mounts}
    return [
        Place(type="volume", source=one.name)
        for one in project.observed.volumes
        if one.labels.get(c.LABEL_PROJECT) == project.name and one.name not in mounted
    ]


async def _held(tools: Tools, places: Iterable[Place]) -> dict[str, tuple[str, int]]:
    found = {}
    for place in places:
        held = await holding(tools, place.source) if place.type == "volume" else None
        if held is not None:
            found[place.source] = (held.id, held.generation)
    return found


async def _before(tools: Tools, project: str) -> dict[str, Dataset]:
    """The data sets of the last snapshot that had all, by name."""
    for one in await tools.journal.snapshots(tools.info.id, project, 20):
        if one.complete and not one.damaged:
            return {part.dataset.name: part.dataset for part in one.parts}
    return {}
