"""A snapshot restored beside what runs: into new volumes of another project's name."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tabib.decide.backups.restore import Source, sources
from tabib.decide.desired import VolumePlace
from tabib.decide.specs import volume_spec
from tabib.model.backup import Dataset, Place, Snapshot
from tabib.model.container import LABEL_PROJECT, LABEL_VOLUME, VolumeSpec
from tabib.model.errors import Refused
from tabib.model.plan import Plan, Step, Verb
from tabib.model.project import Project, Volume
from tabib.operations import volumes
from tabib.operations.backups import prepared as notes
from tabib.operations.backups.keep import repository_of
from tabib.operations.backups.kinds import KINDS
from tabib.operations.backups.prepared import GENERATION, VOLUME, Prepared, forgotten, prepared
from tabib.operations.backups.restoring import filling
from tabib.operations.backups.room import enough_room
from tabib.operations.backups.settle import settle_all, volume_step
from tabib.operations.backups.shown import RESTORE, Rows
from tabib.operations.backups.side_by_side import side_by_side
from tabib.operations.execute import execute
from tabib.operations.operation import Operation
from tabib.operations.stopping import until_stopped
from tabib.operations.tools import Tools

_SCOPE = "beside:"
"""Before the new project's name: what is prepared for it is no project's restore."""


async def restore_beside(
    tools: Tools,
    name: str,
    wanted: Sequence[Dataset],
    snapshot: Snapshot,
    operation: Operation,
    *,
    dry_run: bool,
) -> Mapping[str, Any]:
    """Make volumes ``NAME_KEY`` with the data of the snapshot; an ``up`` of the same file under
    that name finds them.

    :raises Refused: one of them is there already.
    """
    observed = await tools.engine.observe(detail=False)
    present = {one.name for one in observed.volumes}
    targets = {one.name: f"{name}_{one.name.strip('/').replace('/', '_')}" for one in wanted}
    taken = sorted(set(targets.values()) & present)
    if taken:
        raise Refused(
            f"volume {taken[0]} is there already",
            attempted="restore into",
            target=name,
            advice="Name another project, or remove that volume first.",
        )
    if not dry_run:
        enough_room(tools, snapshot, sources(snapshot, wanted))
        try:
            await until_stopped(operation, _all(tools, name, wanted, snapshot, operation, targets))
        except BaseException:
            await asyncio.shield(_clear(tools, name))
            raise
    return {
        "project": name,
        "dry_run": dry_run,
        "snapshot": snapshot.id,
        "volumes": sorted(targets.values()),
        "lost": [],
        "rpo_seconds": 0.0,
    }


async def _all(
    tools: Tools,
    name: str,
    wanted: Sequence[Dataset],
    snapshot: Snapshot,
    operation: Operation,
    targets: Mapping[str, str],
) -> None:
    repository = await repository_of(tools, snapshot)
    rows = Rows(operation, name, RESTORE)
    rows.announce(list(wanted), f"restored beside {snapshot.project}")

    async def one(source: Source) -> _New:
        with rows.row(source.dataset) as progress:
            new = await _prepared(tools, name, source.dataset, targets[source.dataset.name])
            work = await filling(tools, snapshot.project, source, repository)
            work = replace(work, progress=progress)
            await KINDS[source.part.dataset.kind].fill(work, source.part, new.place)
            return new

    made = await side_by_side(sources(snapshot, wanted), one)
    # All are whole: from here on they are there to stay.
    values: dict[str, str | None] = {}
    for new in made:
        values |= forgotten(tools, new.note)
        if new.held is not None:
            values |= volumes.setting(tools, new.name, new.held)
    await tools.journal.put_settings(values)
    steps = tuple(_create(new.name, new.spec) for new in made if new.held is not None)
    if steps:
        plan = Plan(project=name, steps=steps)
        (await execute(tools, plan, operation)).raise_first(plan, "restore")


@dataclass(frozen=True, slots=True, kw_only=True)
class _New:
    """A new volume. ``held``: where tabib holds its data; None: the engine does, and has it."""

    name: str
    place: Place
    spec: VolumeSpec
    note: Prepared
    held: volumes.Holding | None


async def _prepared(tools: Tools, project: str, dataset: Dataset, target: str) -> _New:
    """An empty place for a data set; noted before it is made, so that a half-filled one goes."""
    key = dataset.name.strip("/").replace("/", "_")
    base = Prepared(
        id=tools.new_id(), project=_SCOPE + project, dataset=dataset.name, way=VOLUME, aside=target
    )
    if volumes.held_here(tools):
        held = volumes.Holding(id=tools.new_id(), generation=1)
        note = replace(base, way=GENERATION, volume=target, volume_id=held.id, generation=1)
        await notes.note(tools, note)
        folder = tools.state.make_volume_directory(held.id, held.generation)
        place = VolumePlace(id=held.id, generation=1, directory=str(folder))
        spec = volume_spec_of(project, key, target, place, tools.installation)
        where = Place(type="bind", source=str(folder))
        return _New(name=target, place=where, spec=spec, note=note, held=held)
    spec = VolumeSpec(name=target, labels={LABEL_PROJECT: project, LABEL_VOLUME: key})
    await notes.note(tools, base)
    await volume_step(tools, Verb.CREATE_VOLUME, target, spec)
    where = Place(type="volume", source=target)
    return _New(name=target, place=where, spec=spec, note=base, held=None)


def _create(name: str, spec: VolumeSpec) -> Step:
    return Step(
        id=f"create:volume {name}",
        verb=Verb.CREATE_VOLUME,
        subject=f"volume {name}",
        reason="for restored data",
        target=name,
        volume=spec,
    )


async def _clear(tools: Tools, name: str) -> None:
    await settle_all(tools, await prepared(tools, _SCOPE + name))


def volume_spec_of(
    project: str, key: str, name: str, place: VolumePlace, installation: str
) -> VolumeSpec:
    """As ``up`` of a project of that name would make it."""
    return volume_spec(
        Project(name=project, working_dir=""), Volume(key=key, name=name), place, installation
    )
