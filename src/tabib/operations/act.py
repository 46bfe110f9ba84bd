"""``start``, ``stop``, ``restart``, ``kill``, ``pause``, ``unpause``, ``rm`` and ``scale``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tabib.decide.halts import halt, let_run
from tabib.decide.lifecycle import lifecycle
from tabib.model.codec import convert
from tabib.model.container import Observed
from tabib.model.errors import UsageError
from tabib.model.plan import Plan, Verb
from tabib.model.wire import ActionRequest, UpRequest
from tabib.operations.backups.settle import must_be_whole
from tabib.operations.care_record import change
from tabib.operations.closing import close_for, give_up
from tabib.operations.execute import execute
from tabib.operations.guard import owning
from tabib.operations.journalled import journalled, still_asked_for
from tabib.operations.leases import lease
from tabib.operations.operation import Operation
from tabib.operations.show import show
from tabib.operations.tools import Tools
from tabib.operations.up import up
from tabib.stores.seal import open_project

_HALTS = {"stop": "stopped", "kill": "stopped", "rm": "removed"}
_RESUMES = ("start", "restart")


async def act(
    tools: Tools, name: str, request: ActionRequest, operation: Operation
) -> Mapping[str, Any]:
    """One action on containers that exist. What is stopped here stays stopped; ``start`` also
    releases a quarantine.

    :raises UsageError: no such project, service or action.
    """
    if request.verb == "scale":
        return await _scale(tools, name, request, operation)
    async with (
        owning(tools, request.verb, name, dry_run=request.dry_run),
        lease(tools, name, operation, wait=not request.no_wait_lease),
    ):
        await still_asked_for(tools, name, operation)
        if request.verb in _RESUMES:
            await must_be_whole(tools, name, request.verb)
        observed = await tools.engine.observe(name, detail=False)
        _exists(name, observed, request.verb)
        plan = lifecycle(
            request.verb, name, observed, services=request.services, options=request.options
        )
        show(operation, plan)
        if not request.dry_run:
            await _halt(tools, name, request, plan, observed)
            asked = {"services": request.services, "options": request.options}
            async with journalled(tools, name, operation, asked, changes=not plan.empty):
                execution = await execute(tools, plan, operation)
                execution.raise_first(plan, request.verb)
            touched = {step.subject for step in plan.steps}
            if request.verb in _RESUMES:
                await close_for(tools, name, touched)
    changed = [s.subject for s in plan.steps if s.verb is not Verb.WAIT]
    return {
        "project": name,
        "containers": list(dict.fromkeys(changed)),
        "changed": not plan.empty,
        "dry_run": request.dry_run,
    }


def _exists(name: str, observed: Observed, verb: str) -> None:
    if not observed.containers:
        raise UsageError(
            "the project has no containers on this engine",
            attempted=verb,
            target=name,
            advice="`tabib up` creates them; `tabib ls -a` lists the projects.",
        )


async def _halt(
    tools: Tools, name: str, request: ActionRequest, plan: Plan, observed: Observed
) -> None:
    """Write down, before it happens, that these containers shall (not) run."""
    wanted = request.services
    named = {
        one.name
        for one in observed.containers
        if not one.oneoff and (not wanted or one.service in wanted)
    }
    now = tools.clock.now()
    if request.verb in _RESUMES:
        everything = [one.name for one in observed.containers]
        await change(tools, name, lambda r: replace(let_run(r, named, everything), reset_at=now))
        return
    if request.verb == "rm":
        # What still runs was left alone, and is cared for as before.
        named &= {step.subject for step in plan.steps if step.verb is Verb.REMOVE_CONTAINER}
    signal = str(request.options.get("signal") or "SIGKILL")
    if request.verb in _HALTS and (request.verb != "kill" or signal in _FATAL):
        await change(tools, name, lambda r: halt(r, named, _HALTS[request.verb], now))
        await give_up(tools, name, named)


_FATAL = frozenset({"SIGKILL", "KILL", "9", "SIGTERM", "TERM", "15", "SIGINT", "INT", "2"})


async def _scale(
    tools: Tools, name: str, request: ActionRequest, operation: Operation
) -> Mapping[str, Any]:
    """``scale`` is an ``up`` of the named services with other replica numbers."""
    replicas = convert(request.options.get("replicas") or {}, dict[str, int])
    project = request.project
    if project is None:
        earlier = await tools.journal.releases(tools.info.id, name, 1)
        if not earlier or earlier[0].verdict == "adopted":
            raise UsageError(
                "tabib has no release of this project",
                attempted="scale",
                target=name,
                advice="Give its Compose file (-f), or bring it up with `tabib up` first.",
            )
        project = await open_project(earlier[0].model, tools.vault)
    return await up(
        tools,
        UpRequest(
            project=project,
            services=tuple(replicas),
            by=request.by,
            scale=replicas,
            no_deps=bool(request.options.get("no_deps")),
            no_recreate=True,
            dry_run=request.dry_run,
            no_wait_lease=request.no_wait_lease,
        ),
        operation,
    )
