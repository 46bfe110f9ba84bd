"""``run``: a one-off container, created but not started: the command attaches first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tabib.decide.desired import Desired, Options
from tabib.decide.oneoff import oneoff_spec
from tabib.decide.onestep import on_container
from tabib.decide.reconcile import reconcile
from tabib.model.container import ContainerSpec, ContainerState
from tabib.model.errors import UsageError
from tabib.model.plan import Plan, Step, StepOutcome, Verb
from tabib.model.wire import RunRequest, UpRequest
from tabib.operations import images, volumes
from tabib.operations.execute import execute
from tabib.operations.guard import owning
from tabib.operations.honour import honour
from tabib.operations.leases import lease
from tabib.operations.operation import Operation
from tabib.operations.show import show
from tabib.operations.tools import Tools
from tabib.operations.up import up


async def run(tools: Tools, request: RunRequest, operation: Operation) -> Mapping[str, Any]:
    """Bring up what the service depends on, then create the one-off container.

    :raises UsageError: the project has no such service.
    """
    project = request.project
    service = project.services.get(request.service) or project.disabled.get(request.service)
    if service is None:
        raise UsageError(
            f"no such service: {request.service}",
            attempted="run",
            target=project.name,
            advice=f"The services are: {', '.join(project.services) or 'none'}.",
        )
    if request.service not in project.services:
        project = replace(project, services={**project.services, request.service: service})
    needed = tuple(edge.service for edge in service.depends_on if edge.service in project.services)
    if needed and not request.no_deps:
        await up(
            tools,
            UpRequest(
                project=project,
                services=needed,
                by=request.by,
                no_recreate=True,
                dry_run=request.dry_run,
                no_wait_lease=request.no_wait_lease,
                credentials=request.credentials,
                sources=request.sources,
            ),
            operation,
        )
    async with (
        owning(tools, "run", f"{project.name}/{request.service}", dry_run=request.dry_run),
        lease(tools, project.name, operation, wait=not request.no_wait_lease),
    ):
        request = replace(request, project=project)
        spec, plan = await _plan(tools, request, operation)
        show(operation, plan)
        if request.dry_run:
            return {"container": "", "name": spec.name, "dry_run": True}
        execution = await execute(tools, plan, operation)
        execution.raise_first(plan, "run")
        return {"container": execution.ids[f"create:{spec.name}"], "name": spec.name}


async def _plan(
    tools: Tools, request: RunRequest, operation: Operation
) -> tuple[ContainerSpec, Plan]:
    project = request.project
    service = project.services[request.service]
    honour(tools, project, [service], operation)
    observed = await images.look(tools, [service])
    wanted = images.Wanted(
        project=project,
        attempted="run",
        build=request.build,
        sources=request.sources,
        credentials=request.credentials,
        dry_run=request.dry_run,
    )
    observed = await images.ensure(tools, operation, wanted, [service], observed)
    places = await volumes.places(tools, project, observed)
    desired = Desired(
        project=project,
        release=0,
        installation=tools.installation,
        services=(request.service,),
        options=Options(no_deps=True, no_start=True, no_recreate=True, wait=False),
        places=places,
        only=frozenset(),
    )
    base = reconcile(desired, observed, tools.clock.now())
    if not request.dry_run:
        await volumes.hold(tools, places)
    name = request.name or f"{project.name}-{request.service}-run-{tools.new_id()[:12]}"
    spec = oneoff_spec(desired, service, observed.images.get(service.image), request, name)
    create = Step(
        id=f"create:{name}",
        verb=Verb.CREATE_CONTAINER,
        subject=name,
        reason="a one-off container was asked for",
        target=name,
        service=service.name,
        after=tuple(step.id for step in base.steps),
        container=spec,
    )
    return spec, Plan(project=project.name, steps=(*base.steps, create), notes=base.notes)


async def start_oneoff(tools: Tools, container: str, operation: Operation) -> Mapping[str, Any]:
    """Start a one-off container that :func:`run` created.

    :raises UsageError: it is not a one-off container.
    """
    state = await _oneoff(tools, container, "start")
    step = on_container(Verb.START_CONTAINER, state, "the one-off container was asked for")
    await _single(tools, state.project, step, operation)
    return {}


async def remove_oneoff(
    tools: Tools, container: str, operation: Operation, *, force: bool, volumes_too: bool
) -> Mapping[str, Any]:
    """Remove a one-off container.

    :raises UsageError: it is not a one-off container.
    """
    state = await _oneoff(tools, container, "remove")
    reason = "the one-off container has done its work"
    options = {"force": force, "volumes": volumes_too}
    step = on_container(Verb.REMOVE_CONTAINER, state, reason, options=options)
    await _single(tools, state.project, step, operation)
    return {}


async def _oneoff(tools: Tools, container: str, attempted: str) -> ContainerState:
    state = await tools.engine.look(container)
    if not state.oneoff:
        raise UsageError(
            "it is not a one-off container",
            attempted=attempted,
            target=state.name,
            advice="Use `tabib start`, `tabib stop` or `tabib rm` for containers of a service.",
        )
    return state


async def _single(tools: Tools, project: str, step: Step, operation: Operation) -> StepOutcome:
    plan = Plan(project=project, steps=(step,))
    async with owning(tools, step.verb.value.replace("_", " "), step.subject):
        execution = await execute(tools, plan, operation)
    execution.raise_first(plan, "run")
    return execution.outcomes[step.id]
