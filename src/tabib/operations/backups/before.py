"""A snapshot before what could cost data: a release that changes a stateful service, the removal of
volumes. What cannot be copied is not changed, unless somebody says so."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog

from tabib.decide.backups.changes import Danger, dangers, endangered
from tabib.model.backup import BackupPolicy, Snapshot
from tabib.model.container import Observed
from tabib.model.errors import Interrupted, NeedsConfirmation, Refused, TabibError
from tabib.model.plan import Plan, Verb
from tabib.model.project import Project
from tabib.operations.backups.datasets import datasets_of
from tabib.operations.backups.facts import as_written, known
from tabib.operations.backups.policy import policy_from
from tabib.operations.backups.take import take
from tabib.operations.backups.troubles import tell_damage
from tabib.operations.operation import Operation
from tabib.operations.tools import Tools

log = structlog.get_logger("tabib.backup")

LONGEST_S = 3600.0
"""A copy that takes longer holds up no change for ever."""


async def before_release(
    tools: Tools,
    project: Project,
    plan: Plan,
    observed: Observed,
    operation: Operation,
    *,
    skip: bool = False,
    dry_run: bool = False,
) -> str | None:
    """Take a snapshot where ``plan`` could cost data; its id. None where nothing does, or nothing
    is to be copied. ``skip``: a person said ``--no-backup``. ``dry_run``: only told.

    Costs nothing for a plan that changes nothing of services that mount something.

    :raises Refused: it could not be taken, and the policy requires one.
    """
    found = dangers(project, plan, observed)
    if not found:
        return None
    why = await _worth_it(tools, project, found, observed)
    if why is None:
        return None
    policy, words = why
    if dry_run:
        operation.note(f"a snapshot is taken before: {words}")
        return None
    if skip or policy.before_change == "never":
        operation.note(f"no snapshot is taken before ({words}), as asked", "warning")
        return None
    return await before_change(tools, project.name, operation, why=words, policy=policy)


async def before_change(
    tools: Tools, project: str, operation: Operation, *, why: str, policy: BackupPolicy
) -> str | None:
    """Take a snapshot of the whole project before a change; its id. None where none could be taken
    and the policy (or that there never was one) lets the change go on: that is told.

    :raises Refused: it could not be taken, and the policy requires one.
    """
    operation.note(f"taking a snapshot first: {why}")
    try:
        return (await _take(tools, project, operation, "before_change", why)).id
    except Interrupted:
        raise
    except TabibError as error:
        await tell_damage(tools, project, error)
        lenient = policy.before_change == "try" or bool(operation.resumes)
        if lenient or not await tools.journal.snapshots(tools.info.id, project, 1):
            operation.note(f"no snapshot could be taken before ({why}): {error}", "warning")
            return None
        raise Refused(
            f"no snapshot could be taken before ({why}): {error.happened}",
            attempted=operation.name,
            target=project,
            advice=(
                f"{error.advice} Nothing was changed. --no-backup goes on without a snapshot;"
                " `x-tabib.backup.before_change: try` does so always."
            ).strip(),
            details={"cause": error.to_wire()},
        ) from error


async def before_removal(
    tools: Tools, project: str, plan: Plan, operation: Operation, *, skip: bool, yes: bool
) -> str | None:
    """Take a ``final`` snapshot before volumes are removed; its id. None where none is to be.

    :raises NeedsConfirmation: it could not be taken, and ``yes`` was not given.
    """
    going = {step.target for step in plan.steps if step.verb is Verb.REMOVE_VOLUME}
    if not going or tools.backups is None:
        return None
    found = await known(tools, project)
    policy = await policy_from(tools, found)
    if not policy.enabled:
        return None
    data = [
        one
        for one in await datasets_of(tools, found)
        if one.covered and one.place.type == "volume" and one.place.source in going
    ]
    if not data:
        return None
    names = ", ".join(one.name for one in data)
    if skip:
        operation.note(f"no snapshot is taken before {names} go, as asked", "warning")
        return None
    operation.note(f"taking a final snapshot before {names} go")
    try:
        why = f"{names} are removed"
        snapshot = await _take(tools, project, operation, "final", why)
    except Interrupted:
        raise
    except TabibError as error:
        if yes:
            operation.note(f"no final snapshot could be taken: {error}", "warning")
            return None
        raise NeedsConfirmation(
            f"no final snapshot of {names} could be taken: {error.happened}",
            attempted="take down with -v",
            target=project,
            advice=f"{error.advice} --yes removes the volumes all the same.".strip(),
            details={"volumes": sorted(going), "cause": error.to_wire()},
        ) from error
    operation.note(f"the final snapshot is {snapshot.id}")
    return snapshot.id


async def _worth_it(
    tools: Tools, project: Project, found: Sequence[Danger], observed: Observed
) -> tuple[BackupPolicy, str] | None:
    """The policy, and why a snapshot is worth it; None where nothing is to be copied."""
    if tools.backups is None:
        return None
    facts = as_written(await known(tools, project.name, observed=observed), project)
    policy = await policy_from(tools, facts)
    if not policy.enabled:
        return None
    real = endangered(found, await datasets_of(tools, facts))
    if not real:
        return None
    return policy, "; ".join(one.why for one in real)


async def _take(
    tools: Tools, project: str, operation: Operation, trigger: str, why: str
) -> Snapshot:
    try:
        async with asyncio.timeout(LONGEST_S):
            return await take(tools, project, operation, trigger=trigger, reason=why)
    except TimeoutError as error:
        raise Refused(
            f"it took longer than {LONGEST_S / 60:.0f} minutes",
            attempted="back up",
            target=project,
            advice=f"`tabib -p {project} backup` takes it without a limit.",
        ) from error
