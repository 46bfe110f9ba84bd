"""The undo of a restore: what it had replaced, and kept, takes its place again; what it had brought
is kept instead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tabib.decide.backups.restore import Abandoned
from tabib.model.backup import Dataset
from tabib.model.codec import builtins
from tabib.model.container import Observed
from tabib.model.errors import NeedsConfirmation, Refused
from tabib.model.wire import RestoreRequest
from tabib.operations import volumes
from tabib.operations.backups import identities
from tabib.operations.backups.damage import known_datasets
from tabib.operations.backups.given_up import given_up, go_on
from tabib.operations.backups.restore import alive
from tabib.operations.backups.restoring import Phases
from tabib.operations.backups.swap import Swap, back_to
from tabib.operations.backups.swapping import Swapped, swap_in
from tabib.operations.backups.tools import SCOPE, require
from tabib.operations.guard import owning
from tabib.operations.leases import lease
from tabib.operations.operation import Operation
from tabib.operations.tools import Tools
from tabib.stores.volumes import generation_path, generations


async def undo_restore(
    tools: Tools, project: str, request: RestoreRequest, operation: Operation
) -> Mapping[str, Any]:
    """Undo the project's last restore because a person says so; the one before is the last then.

    :raises Refused: there is none, or what it replaced is not kept.
    :raises NeedsConfirmation: services run on what it brought.
    """
    require(tools, "undo a restore of", project)
    last = await last_restore(tools, project)
    wanted = await _wanted(tools, project, last)
    aside = f"what was written since {last.at:%Y-%m-%d %H:%M:%S} UTC is set aside"
    result = {
        "project": project,
        "undone": {"snapshot": last.snapshot, "restored_at": builtins(last.at)},
        "volumes": [one.name for one in wanted],
    }
    if request.dry_run:
        services = sorted({n for one in wanted for n in (one.service, *one.services) if n})
        now = {"dry_run": True, "services": services, "put_back": dict(last.kept)}
        return {**result, **now, "aside": aside}
    runs = await alive(tools, project, wanted)
    if runs and not request.yes:
        raise NeedsConfirmation(
            f"{', '.join(runs)} runs on what was restored: {aside}",
            attempted="undo the last restore of",
            target=project,
            advice="Pass --yes to go back all the same; what is there now is kept.",
            details={"snapshot": last.snapshot},
        )
    async with owning(tools, "undo a restore of", project):
        swapped = await put_back_kept(tools, project, last, operation)
        await identities.accept(tools, project, last.datasets)
    if not swapped.started:
        operation.note(f"{project} is down: `tabib up` runs on what was put back")
    done = {"dry_run": False, "kept": list(swapped.kept.values()), "started": swapped.started}
    return {**result, **done}


async def last_restore(tools: Tools, project: str) -> Abandoned:
    """
    :raises Refused: there is none that was not undone.
    """
    known = await given_up(tools, project)
    if not known:
        raise Refused(
            "there is no restore of it, or each was undone already",
            attempted="undo the last restore of",
            target=project,
            advice="There is nothing to undo. `tabib restore --snapshot ID` goes to any snapshot.",
        )
    return known[-1]


async def put_back_kept(
    tools: Tools, project: str, back: Abandoned, operation: Operation
) -> Swapped:
    """Exchange what a restore brought with what it replaced; where the former is kept now.

    :raises Refused: that is not kept any more or is no place that can be put back; or the restore
        was undone, or another one came after it.
    :raises NotHealthy: the services are not well on it.
    """
    async with lease(tools, project, operation), lease(tools, SCOPE + project, operation):
        _must_be_last(project, back, await given_up(tools, project))
        wanted = await _wanted(tools, project, back)
        observed = await tools.engine.observe(detail=False)
        kept = back.kept
        swaps = [await _way_back(tools, project, one, kept[one.name], observed) for one in wanted]

        async def then(_: Mapping[str, str]) -> None:
            await go_on(tools, project, back)

        return await swap_in(
            tools,
            project,
            wanted,
            swaps,
            operation,
            Phases(tools=tools, operation=operation).phase,
            reason="a restore is undone",
            then=then,
        )


def _must_be_last(project: str, back: Abandoned, known: Sequence[Abandoned]) -> None:
    why = "it was undone already, or is too long ago"
    if back in known:
        after = known[known.index(back) + 1 :]
        if not any(set(one.datasets) & set(back.datasets) for one in after):
            return
        why = f"snapshot {after[-1].snapshot} was restored after it"
    raise Refused(
        why,
        attempted="undo a restore of",
        target=project,
        advice="`tabib restore --undo` undoes the last one; `tabib snapshots` lists what there is.",
    )


async def _wanted(tools: Tools, project: str, back: Abandoned) -> list[Dataset]:
    """The data sets, as they are now.

    :raises Refused: one is gone, or nothing is kept of it.
    """
    there = {one.name: one for one in await known_datasets(tools, project)}
    for name in back.datasets:
        if name not in there:
            why = "the project has no such data any more"
        elif name not in back.kept:
            why = "what was there before was not kept: its place was gone"
        else:
            continue
        raise _refused(name, why)
    return [there[name] for name in back.datasets]


async def _way_back(
    tools: Tools, project: str, dataset: Dataset, kept: str, observed: Observed
) -> Swap:
    if kept.startswith("volume "):
        volume = kept.removeprefix("volume ")
        there = next((one for one in observed.volumes if one.name == volume), None)
        if there is None:
            raise _refused(dataset.name, f"{kept} is not there any more")
        return back_to(tools, project, dataset, volume=there, observed=observed)
    folder = Path(kept)
    if not folder.is_absolute() or not folder.is_dir():
        raise _refused(dataset.name, f"{kept} is not there, or is no folder of this machine")
    if dataset.place.type == "bind":
        return back_to(tools, project, dataset, folder=folder)
    held = await volumes.holding(tools, dataset.place.source)
    for number in generations(tools.state.path, held.id) if held else ():
        if held and generation_path(tools.state.path, held.id, number) == folder:
            return back_to(tools, project, dataset, held=held, number=number)
    raise _refused(dataset.name, f"{kept} is no generation of its volume")


def _refused(name: str, why: str) -> Refused:
    return Refused(
        why,
        attempted="put back what was there in",
        target=name,
        advice="`tabib snapshots` lists the copies of what was there; `tabib restore --snapshot ID "
        "--yes` brings one back.",
    )
