"""Lets go of the snapshots that retention no longer keeps, and of the room they take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog

from tabib.decide.backups.retention import Judgement, judge
from tabib.model.backup import BackupPolicy, Snapshot
from tabib.model.errors import Refused, TabibError, UsageError
from tabib.model.release import JournalEntry
from tabib.operations.backups import host_record, identities
from tabib.operations.backups.manifest import set_of
from tabib.operations.backups.policy import policy_of
from tabib.operations.backups.tools import SCOPE, require
from tabib.operations.leases import lease
from tabib.operations.operation import Operation
from tabib.operations.tools import Tools
from tabib.ports import Repository

log = structlog.get_logger("tabib.backup")

PRUNE_EVERY = timedelta(days=7)
_PRUNED = "backups-pruned:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What retention did."""

    judgements: tuple[Judgement, ...] = ()
    let_go: tuple[Snapshot, ...] = ()
    freed_bytes: int = 0


async def judgements(tools: Tools, project: str) -> list[Judgement]:
    """What retention would do with each snapshot, and why; nothing is done. Each repository is
    judged for itself: a good copy remains in every one."""
    policy = await policy_of(tools, project)
    snapshots = await tools.journal.snapshots(tools.info.id, project)
    why = await identities.frozen(tools, project)
    found: list[Judgement] = []
    append_only = await _append_only(tools, policy)
    for name in sorted({one.repository for one in snapshots}):
        of = [one for one in snapshots if one.repository == name]
        found += judge(
            of, policy.keep, tools.clock.now(), frozen=why, append_only=name in append_only
        )
    return sorted(found, key=lambda one: one.snapshot.taken_at, reverse=True)


async def _append_only(tools: Tools, policy: BackupPolicy) -> frozenset[str]:
    """The names of the repositories that nothing is let go from."""
    if tools.backups is None:
        return frozenset()
    names = tools.backups.repositories.name
    return frozenset([await names(one) for one in policy.repositories if one.append_only])


async def apply_retention(
    tools: Tools, project: str, operation: Operation, *, prune: bool = False
) -> Kept:
    """Let go of what the policy of ``project`` no longer keeps, in every repository that allows it;
    once a week (with ``prune`` at once) their room is given back. Idempotent.

    :raises TabibError: a repository cannot be reached; the others were done.
    """
    backups = require(tools, "let snapshots go", project)
    async with lease(tools, SCOPE + project, operation):
        found = await judgements(tools, project)
        if not prune and not await _anything(tools, found):
            return Kept(judgements=tuple(found))
        policy = await policy_of(tools, project)
        gone: list[Snapshot] = []
        freed = 0
        trouble: list[TabibError] = []
        for address in policy.repositories:
            try:
                repository = await backups.repositories.get(address, create=False)
                if repository.append_only:
                    continue
                going = [
                    one.snapshot
                    for one in found
                    if not one.keep and one.snapshot.repository == repository.name
                ]
                await let_go(tools, repository, going)
                gone += going
                freed += await _prune(tools, repository, now=prune)
            except TabibError as error:
                trouble.append(error)
        if trouble:
            raise trouble[0]
        return Kept(judgements=tuple(found), let_go=tuple(gone), freed_bytes=freed)


async def let_go(tools: Tools, repository: Repository, going: Sequence[Snapshot]) -> None:
    """Forget snapshots: noted in the journal first; the manifest goes with the parts in one call.
    What a death leaves half-gone is gone by the next call, since the journal still lists it."""
    # All that carries its mark, not only what the snapshot names: what it left on the way goes too.
    everything = await repository.stored(("tabib",)) if going else []
    for one in going:
        await tools.journal.append(
            JournalEntry(
                at=tools.clock.now(),
                kind="note",
                engine_id=one.engine_id,
                project=one.project,
                subject="backup",
                data={"let_go": one.id, "taken_at": one.taken_at.isoformat()},
            )
        )
        named = [one.manifest, *(part.stored for part in one.parts)]
        marked = [each.id for each in everything if set_of(each.tags) == one.id]
        await repository.forget([id for id in dict.fromkeys((*named, *marked)) if id])
        await tools.journal.remove_snapshot(one.id)
        log.info("backup.let_go", snapshot=one.id, project=one.project)


async def remove(tools: Tools, snapshot: Snapshot, operation: Operation) -> None:
    """Let one snapshot go because a person says so.

    :raises Refused: it is held, or the last good one there is.
    """
    async with lease(tools, SCOPE + snapshot.project, operation):
        others = [
            one
            for one in await tools.journal.snapshots(snapshot.engine_id, snapshot.project)
            if one.id != snapshot.id and one.complete and not one.damaged
        ]
        good = snapshot.complete and not snapshot.damaged
        if snapshot.hold or (good and not others):
            why = "it is held" if snapshot.hold else "it is the last good copy of this data"
            raise Refused(
                why,
                attempted="remove snapshot",
                target=snapshot.id,
                advice=(
                    f"`tabib snapshot {snapshot.id} --unhold` first."
                    if snapshot.hold
                    else f"Take another one first: tabib -p {snapshot.project} backup."
                ),
            )
        repository = await repository_of(tools, snapshot)
        await let_go(tools, repository, [snapshot])


async def repository_of(tools: Tools, snapshot: Snapshot) -> Repository:
    """The repository that holds a snapshot, by the policy of its project.

    :raises UsageError: none of the policy's is called so any more.
    """
    backups = require(tools, "open the repository of", snapshot.id)
    policy = await policy_of(tools, snapshot.project)
    for address in policy.repositories:
        if await backups.repositories.name(address) == snapshot.repository:
            return await backups.repositories.get(address, create=False)
    raise UsageError(
        f"its repository {snapshot.repository} is none of the project's any more",
        attempted="open the repository of",
        target=f"snapshot {snapshot.id}",
        advice="Name it again in x-tabib.backup.repositories.",
    )


async def _anything(tools: Tools, found: Sequence[Judgement]) -> bool:
    """Whether there is anything to do: to open a repository is work as well."""
    for name in {one.snapshot.repository for one in found}:
        if await _due(tools, name):
            return True
    return any(not one.keep for one in found)


async def _prune(tools: Tools, repository: Repository, *, now: bool) -> int:
    """Give room back where that was not done lately, or shall be now; the bytes freed."""
    if not now and not await _due(tools, repository.name):
        return 0
    await tools.journal.put_setting(_key(tools, repository.name), str(_now(tools)))
    await host_record.thin(tools, repository)
    return await repository.prune()


async def _due(tools: Tools, repository: str) -> bool:
    """A repository that is new has nothing to give back: its week begins now."""
    last = await tools.journal.get_setting(_key(tools, repository))
    if last is None:
        await tools.journal.put_setting(_key(tools, repository), str(_now(tools)))
        return False
    return _now(tools) - float(last) >= PRUNE_EVERY.total_seconds()


def _key(tools: Tools, repository: str) -> str:
    return f"{_PRUNED}{tools.info.id}:{repository}"


def _now(tools: Tools) -> float:
    return tools.clock.now().timestamp()
