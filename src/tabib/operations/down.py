"""``down``: containers and networks go; volumes only if asked, and their data not even then."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tabib.decide.halts import EVERYTHING, halt
from tabib.decide.teardown import teardown
from tabib.model.errors import NeedsConfirmation, UsageError
from tabib.model.plan import Plan, Verb
from tabib.model.release import CareRecord
from tabib.model.wire import DownRequest
from tabib.operations import volumes
from tabib.operations.backups import identities
from tabib.operations.backups.before import before_removal
from tabib.operations.care_record import change
from tabib.operations.closing import abandon_all
from tabib.operations.execute import Execution, execute
from tabib.operations.guard import owning
from tabib.operations.journalled import journalled, still_asked_for
from tabib.operations.leases import lease
from tabib.operations.operation import Operation
from tabib.operations.show import show
from tabib.operations.tools import Tools


async def down(
    tools: Tools, name: str, request: DownRequest, operation: Operation
) -> Mapping[str, Any]:
    """Take the project down; it leaves care when nothing of it is left.

    :raises NeedsConfirmation: a volume's only data would be lost and ``yes`` was not given.
    """
    async with (
        owning(tools, "take down", name, dry_run=request.dry_run),
        lease(tools, name, operation, wait=not request.no_wait_lease),
    ):
        await still_asked_for(tools, name, operation)
        observed = await tools.engine.observe(detail=False)
        plan = teardown(
            name,
            request.project,
            observed,
            services=request.services,
            volumes=request.volumes,
            remove_orphans=request.remove_orphans,
            timeout_s=request.timeout_s,
            installation=tools.installation,
        )
        record = await tools.journal.care(tools.info.id, name)
        if plan.empty and record is None and request.project is None:
            raise UsageError(
                "there is no such project on this engine",
                attempted="take down",
                target=name,
                advice="`tabib ls -a` lists the projects.",
            )
        show(operation, plan)
        if not request.dry_run:
            _confirm(plan, request)
            await before_removal(
                tools, name, plan, operation, skip=request.no_backup, yes=request.yes
            )
            await _halt(tools, name, request, plan)
            letting_go = await _let_volumes_go(tools, plan)
            async with journalled(
                tools, name, operation, _asked(request, record, plan), changes=not plan.empty
            ):
                execution = await execute(tools, plan, operation)
                await _keep_what_stayed(tools, plan, execution)
                execution.raise_first(plan, "down")
                await _afterwards(tools, name, request, plan)
            for subject, folder in letting_go.items():
                operation.note(f"{subject} is gone; its data is kept in {folder}")
    return {
        "project": name,
        "removed": [s.subject for s in plan.steps if s.verb is Verb.REMOVE_CONTAINER],
        "networks": [s.subject for s in plan.steps if s.verb is Verb.REMOVE_NETWORK],
        "volumes": [s.target for s in plan.steps if s.verb is Verb.REMOVE_VOLUME],
        "changed": not plan.empty,
        "dry_run": request.dry_run,
    }


def _confirm(plan: Plan, request: DownRequest) -> None:
    losing = [step.target for step in plan.steps if step.loses_data]
    if losing and not request.yes:
        raise NeedsConfirmation(
            f"this deletes the only copy of the data in {', '.join(losing)}",
            attempted="take down with -v",
            target=plan.project,
            advice="Pass --yes to delete it; without -v the volumes stay.",
            details={"volumes": losing},
        )


async def _halt(tools: Tools, name: str, request: DownRequest, plan: Plan) -> None:
    """Before anything goes: care must see that it goes on purpose."""
    going = [s.subject for s in plan.steps if s.verb is Verb.REMOVE_CONTAINER]
    names = going if request.services else [EVERYTHING]
    now = tools.clock.now()
    await change(tools, name, lambda record: halt(record, names, "removed", now))


def _asked(request: DownRequest, record: CareRecord | None, plan: Plan) -> dict[str, Any]:
    return {
        "removed_volumes": [s.target for s in plan.steps if s.verb is Verb.REMOVE_VOLUME],
        "release": record.release if record else None,
        "services": request.services,
        "options": {"remove_orphans": request.remove_orphans, "timeout_s": request.timeout_s},
    }


async def _let_volumes_go(tools: Tools, plan: Plan) -> dict[str, str]:
    """Note, before they go, that volumes are let go on purpose; subject → where the data stays.

    Noted afterwards, a death in between would bring back the data that a person let go.
    """
    kept = {}
    for step in plan.steps:
        if step.verb is Verb.REMOVE_VOLUME:
            folder = await volumes.release(tools, step.target)
            if folder:
                kept[step.subject] = folder
    gone = {step.target for step in plan.steps if step.verb is Verb.REMOVE_VOLUME}
    await identities.let_go(tools, plan.project, gone)
    return kept


async def _keep_what_stayed(tools: Tools, plan: Plan, execution: Execution) -> None:
    for step in plan.steps:
        stayed = execution.outcomes[step.id].state != "done"
        if step.verb is Verb.REMOVE_VOLUME and stayed:
            await volumes.take_back(tools, step.target)


async def _afterwards(tools: Tools, name: str, request: DownRequest, plan: Plan) -> None:
    removed = {s.target for s in plan.steps if s.verb is Verb.REMOVE_CONTAINER}
    for seen in await tools.journal.last_seen(tools.info.id, name):
        if seen.container_id in removed or not request.services:
            await tools.journal.forget_last_seen(tools.info.id, seen.container_id)
    if not request.services:
        await abandon_all(tools, name)
        await tools.journal.remove_care(tools.info.id, name)
