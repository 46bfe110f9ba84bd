"""Restores data: from which snapshot, whether it may be, and again from an older one where that
does not hold. How one restore goes: ``restoring.py``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import structlog

from tabib.decide.backups.restore import (
    BEFORE_A_RESTORE,
    asked_again,
    candidates,
    holds,
    lost,
    sources,
)
from tabib.model.backup import Dataset, Snapshot
from tabib.model.codec import builtins
from tabib.model.errors import (
    Damaged,
    Interrupted,
    NeedsConfirmation,
    Refused,
    TabibError,
    UsageError,
)
from tabib.model.wire import RestoreRequest
from tabib.operations.backups import identities
from tabib.operations.backups.beside import restore_beside
from tabib.operations.backups.contents import find
from tabib.operations.backups.datasets import datasets
from tabib.operations.backups.given_up import given_up
from tabib.operations.backups.prepared import EXCHANGING, prepared
from tabib.operations.backups.restored import Restored
from tabib.operations.backups.restoring import Restoring
from tabib.operations.backups.room import enough_room
from tabib.operations.backups.settle import settle, settle_all
from tabib.operations.backups.swapping import users_of
from tabib.operations.backups.take import take
from tabib.operations.backups.tools import SCOPE, require
from tabib.operations.closing import close_as_same
from tabib.operations.guard import owning
from tabib.operations.leases import lease
from tabib.operations.operation import Operation
from tabib.operations.tools import Tools

__all__ = ["Restored", "alive", "bring_back", "restore"]

log = structlog.get_logger("tabib.restore")


async def restore(
    tools: Tools, project: str, request: RestoreRequest, operation: Operation
) -> Mapping[str, Any]:
    """What a person asked for.

    :raises NeedsConfirmation: what is there runs and is newer; or the copy that was named is of
        damaged data, or was found bad by a drill.
    :raises Refused: there is no good snapshot.
    """
    require(tools, "restore", project)
    # What is taken from now on (a copy of what is replaced) is none to restore from.
    now = tools.clock.now()
    upto = min(request.to_time or now, now)
    named = await find(tools, request.snapshot, "restore") if request.snapshot else None
    if named is not None and named.project != project:
        raise UsageError(
            f"it is a snapshot of {named.project}",
            attempted="restore",
            target=f"{project} from {named.id}",
            advice=f"`tabib -p {project} snapshots` lists its own.",
        )
    known = await tools.journal.snapshots(tools.info.id, project)
    wanted = await _wanted(tools, project, request.services, named, known)
    regardless = False
    if named is None:
        found = candidates(known, wanted, before=upto, given_up=await given_up(tools, project))
        if not found:
            raise _no_snapshot(project, wanted)
        meant = asked_again(found) if request.to_time is None else found
        chosen = meant[0]
        # Also of a copy that is only found again on the way: a restore that was cut off may have
        # stored it without a word in the journal.
        upto = min(upto, chosen.ended_at)
    else:
        regardless = _may_be_named(named, wanted, request)
        chosen = named
    if request.to and request.to != project:
        async with owning(tools, "restore", request.to, dry_run=request.dry_run):
            return await restore_beside(
                tools, request.to, wanted, chosen, operation, dry_run=request.dry_run
            )
    told = [lost(one, request.to_time or now) for one in sources(chosen, wanted)]
    if request.dry_run:
        return _would(project, chosen, wanted, told)
    runs = await alive(tools, project, wanted)
    if runs and not request.yes:
        raise NeedsConfirmation(
            f"{', '.join(runs)} runs on newer data; this would be lost: "
            + "; ".join(words for _, words in told),
            attempted="restore",
            target=project,
            advice="Pass --yes to go back to the snapshot; what is there now is kept aside.",
            details={"lost": [words for _, words in told], "snapshot": chosen.id},
        )
    async with owning(tools, "restore", project):
        if runs:  # a copy of what is there takes room too: not for what cannot be done
            observed = await tools.engine.observe(detail=False)
            enough_room(tools, chosen, sources(chosen, wanted), observed=observed)
        before = await _kept_first(tools, project, wanted, operation) if runs else ""
        restored = await bring_back(
            tools,
            project,
            wanted,
            operation,
            reason=f"asked for by {request.by or 'a person'}",
            snapshot=chosen.id if named else "",
            before=upto,
            to_time=request.to_time,
            # Who goes back from what runs, or names a copy, means the copy: the end of the log is
            # what is there now.
            exactly=named is not None or bool(runs),
            regardless=regardless,
        )
        await identities.accept(tools, project, [one.name for one in wanted])
        if not request.services:  # all of it is what it was
            await close_as_same(tools, project)
    if not restored.started:
        operation.note(f"{project} is down: `tabib up` runs on what was restored")
    return {"project": project, "dry_run": False, **builtins(replace(restored, before=before))}


async def bring_back(
    tools: Tools,
    project: str,
    wanted: Sequence[Dataset],
    operation: Operation,
    *,
    reason: str,
    snapshot: str = "",
    before: datetime | None = None,
    to_time: datetime | None = None,
    exactly: bool = False,
    regardless: bool = False,
) -> Restored:
    """Restore data sets from ``snapshot``, or from the newest good one (that had ended ``before``):
    where that does not hold when it is looked at, from the next.

    Where a database's log was kept it is replayed: until ``to_time``, else to its end, or
    (``exactly``) not at all. ``regardless``: ``snapshot`` is known to be of no good, and wanted as
    it is.

    :raises Refused: there is no good snapshot.
    :raises Damaged: ``snapshot`` does not hold, or no other one does.
    :raises StateUnusable: there is not enough room.
    :raises NotHealthy: it was swapped in, and a service does not become healthy on it.
    """
    began, decided = tools.clock.monotonic(), tools.clock.now()
    async with lease(tools, project, operation), lease(tools, SCOPE + project, operation):
        await _settled(tools, project)
        if snapshot:
            tried = [await find(tools, snapshot, "restore")]
        else:
            known = await tools.journal.snapshots(tools.info.id, project)
            tried = candidates(
                known, wanted, before=before, given_up=await given_up(tools, project)
            )
        for number, one in enumerate(tried, 1):
            run = Restoring(
                tools=tools,
                project=project,
                wanted=wanted,
                operation=operation,
                reason=reason,
                snapshot=one,
                began=began,
                decided=decided,
                to_time=to_time,
                exactly=exactly and to_time is None,
                regardless=regardless,
            )
            try:
                return await run.run()
            except Damaged as error:
                if number == len(tried):
                    raise
                log.warning("restore.snapshot_bad", snapshot=one.id, why=error.happened)
                operation.note(f"{error}; trying an older one", "warning")
        raise _no_snapshot(project, wanted)


async def _settled(tools: Tools, project: str) -> None:
    """What a restore of the project that was cut off left is used or gone.

    :raises TabibError: what is half exchanged cannot be completed.
    """
    left = await prepared(tools, project)
    for one in left:
        if one.stage == EXCHANGING:
            await settle(tools, one)
    await settle_all(tools, [one for one in left if one.stage != EXCHANGING])


def _would(
    project: str, chosen: Snapshot, wanted: Sequence[Dataset], told: Sequence[tuple[float, str]]
) -> Mapping[str, Any]:
    return {
        "project": project,
        "dry_run": True,
        "snapshot": chosen.id,
        "taken_at": builtins(chosen.taken_at),
        "verified_at": builtins(chosen.verified_at),
        "services": sorted({n for one in wanted for n in (one.service, *one.services) if n}),
        "volumes": [one.name for one in wanted],
        "lost": [words for _, words in told],
        "rpo_seconds": round(max((seconds for seconds, _ in told), default=0.0), 3),
        "size_bytes": sum(one.part.size_bytes for one in sources(chosen, wanted)),
    }


async def _wanted(
    tools: Tools,
    project: str,
    services: Sequence[str],
    named: Snapshot | None,
    known: Sequence[Snapshot],
) -> list[Dataset]:
    """The data sets to restore, as they are now, or as they were where they are gone.

    :raises UsageError: nothing of ``services`` holds data.
    """
    base = named or next((one for one in known if one.complete and not one.damaged), None)
    there = {one.name: one for one in await datasets(tools, project) if one.kind != "cache"}
    for part in base.parts if base else ():
        now = there.get(part.dataset.name)
        if now is None or not now.service:
            there[part.dataset.name] = part.dataset
    if services:
        asked = set(services)
        wanted = [one for one in there.values() if {one.service, *one.services} & asked]
    else:
        # Without a choice: what a snapshot is of.
        wanted = [one for one in there.values() if base is None or one.name in base.volumes]
    if not wanted:
        of = f"of {', '.join(services)} " if services else ""
        raise UsageError(
            f"nothing {of}holds data, and there is no snapshot of it",
            attempted="restore",
            target=project,
            advice="`tabib ls -a` lists projects; `tabib backup --plan` shows what holds data.",
        )
    return wanted


def _no_snapshot(project: str, wanted: Sequence[Dataset]) -> Refused:
    names = ", ".join(one.name for one in wanted)
    return Refused(
        f"there is no good snapshot of {names}",
        attempted="restore",
        target=project,
        advice="`tabib snapshots` lists what there is, and why it is not good.",
    )


def _may_be_named(named: Snapshot, wanted: Sequence[Dataset], request: RestoreRequest) -> bool:
    """Whether it is a copy of no good, which is wanted all the same."""
    if not holds(named, wanted):
        raise UsageError(
            f"it holds {', '.join(named.volumes)} alone",
            attempted="restore",
            target=f"{', '.join(one.name for one in wanted)} from {named.id}",
            advice="Name the services whose data is in it.",
        )
    bad = "of damaged data" if named.damaged else ""
    if named.drill is not None and named.drill.outcome != "passed":
        bad = "that a drill found bad"
    if bad and not request.yes:
        raise NeedsConfirmation(
            f"it is a copy {bad}",
            attempted="restore from",
            target=named.id,
            advice="Pass --yes to restore it all the same; what is there now is kept aside.",
        )
    return bool(bad)


async def alive(tools: Tools, project: str, wanted: Sequence[Dataset]) -> list[str]:
    """Services that run on the data now."""
    observed = await tools.engine.observe(project, detail=False)
    return sorted(
        {
            one.service or one.name
            for one in users_of(observed, wanted)
            if one.status == "running" and one.health != "unhealthy"
        }
    )


async def _kept_first(
    tools: Tools, project: str, wanted: Sequence[Dataset], operation: Operation
) -> str:
    """A snapshot of what is there, before it is replaced. Where that fails the old data is kept in
    its place all the same."""
    services = sorted({one.service for one in wanted})
    try:
        taken = await take(
            tools,
            project,
            operation,
            trigger="before_change",
            reason=BEFORE_A_RESTORE,
            services=services,
        )
    except Interrupted:
        raise
    except TabibError as error:
        operation.note(f"no snapshot of what is there: {error.happened}", "warning")
        return ""
    return taken.id
