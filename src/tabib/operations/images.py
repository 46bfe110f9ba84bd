"""Images: had before a project comes up, and built, pulled and pushed when a person asks for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tabib.decide import builds, transfers
from tabib.decide import images as image_decisions
from tabib.decide.build_reach import Building
from tabib.decide.graph import selection
from tabib.model.build import BuildSource
from tabib.model.container import IMAGE_INDEXES, Observed
from tabib.model.plan import Plan, Step
from tabib.model.project import Project, Service
from tabib.model.wire import BuildRequest, ImagesRequest
from tabib.operations.execute import Execution, execute
from tabib.operations.guard import owning
from tabib.operations.journalled import journalled
from tabib.operations.leases import lease
from tabib.operations.operation import Operation
from tabib.operations.show import show
from tabib.operations.tools import Tools
from tabib.ports import Credentials


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """How the images of a project are to be had; see :class:`tabib.model.wire.UpRequest`."""

    project: Project
    attempted: str
    pull: str = ""
    build: str = ""
    sources: Mapping[str, BuildSource] = field(default_factory=dict)
    credentials: Credentials = field(default_factory=dict)
    dry_run: bool = False


async def ensure(
    tools: Tools, operation: Operation, wanted: Wanted, services: list[Service], observed: Observed
) -> Observed:
    """Pull, then build what is missing or asked for; the images that are there then.

    :raises ImageUnavailable: one cannot be had.
    :raises BuildFailed: one cannot be built.
    """
    pulls = image_decisions.plan_pulls(wanted.project, services, observed.images, wanted.pull)
    observed = await _carry_out(tools, operation, wanted, pulls, services, observed)
    reasons = image_decisions.to_build(services, observed.images, wanted.build)
    if not reasons:
        return observed
    building = Building(
        project=wanted.project,
        sources=wanted.sources,
        builders=await tools.engine.builders(),
        platform=_platform(tools),
        keeps_all=IMAGE_INDEXES in tools.info.capabilities,
    )
    plan = builds.plan_builds(building, reasons)
    return await _carry_out(tools, operation, wanted, plan, services, observed)


async def _carry_out(
    tools: Tools,
    operation: Operation,
    wanted: Wanted,
    plan: Plan,
    services: list[Service],
    observed: Observed,
) -> Observed:
    if not plan.steps:
        return observed
    show(operation, plan)
    if wanted.dry_run:
        return observed
    execution = await execute(tools, plan, operation, credentials=wanted.credentials)
    execution.raise_first(plan, wanted.attempted)
    return await look(tools, services)


async def look(tools: Tools, services: Iterable[Service]) -> Observed:
    """What is there, with the images of ``services``."""
    return await tools.engine.observe(images=image_decisions.references(services), detail=False)


async def build(tools: Tools, request: BuildRequest, operation: Operation) -> Mapping[str, Any]:
    """Build the images of the services that say how.

    :raises BuildFailed: the first failure; what was built stays.
    """
    project, started = request.project, tools.clock.monotonic()
    services = [one for one in _selected(request) if builds.built(one)]
    reasons = dict.fromkeys((one.name for one in services), "building was asked for")
    building = Building(
        project=project,
        sources=request.sources,
        builders=await tools.engine.builders() if services else frozenset(),
        choice=request.choice,
        platform=_platform(tools),
        single=False,
        keeps_all=IMAGE_INDEXES in tools.info.capabilities,
    )
    plan = builds.plan_builds(building, reasons)
    if request.choice.push:
        plan = replace(plan, steps=(*plan.steps, *_pushes(project, services, plan.steps)))
    execution = await _by_hand(tools, request, plan, operation, "build")
    built = {step.service: step for step in plan.steps if step.build}
    return {
        "project": project.name,
        "images": {
            name: {"image": step.target, "id": execution.ids.get(step.id, "")}
            for name, step in built.items()
        },
        "pushed": [step.target for step in plan.steps if step.id.startswith("push:")],
        "not_built": [one.name for one in _selected(request) if not builds.built(one)],
        "dry_run": request.dry_run,
        "seconds": round(tools.clock.monotonic() - started, 3),
    }


def _pushes(project: Project, services: list[Service], steps: tuple[Step, ...]) -> list[Step]:
    """Each image is pushed once it is built; what BuildKit pushes itself is not pushed again."""
    by_image = {step.target: step for step in steps}
    found = []
    for push in transfers.plan_push(project, services).plan.steps:
        service = project.services[push.service]
        step = by_image.get(service.image)
        if step is not None and step.build is not None and not step.build.push:
            found.append(replace(push, after=(step.id,)))
    return found


async def pull(tools: Tools, request: ImagesRequest, operation: Operation) -> Mapping[str, Any]:
    """Pull the images of the services.

    :raises ImageUnavailable: the first that cannot be had and cannot be built either.
    """
    services = _selected(request)
    observed = await look(tools, services)
    transfer = transfers.plan_pull(
        request.project,
        services,
        observed.images,
        policy=request.policy,
        ignore_buildable=request.ignore_buildable,
    )
    return await _transfer(tools, request, transfer, operation, "pull")


async def push(tools: Tools, request: ImagesRequest, operation: Operation) -> Mapping[str, Any]:
    """Push the images that are built here.

    :raises ImageUnavailable: the first that is not there, or that the registry refuses.
    """
    transfer = transfers.plan_push(request.project, _selected(request))
    return await _transfer(tools, request, transfer, operation, "push")


async def _transfer(
    tools: Tools,
    request: ImagesRequest,
    transfer: transfers.Transfer,
    operation: Operation,
    verb: str,
) -> Mapping[str, Any]:
    started = tools.clock.monotonic()
    plan = transfers.optional(transfer.plan) if request.ignore_failures else transfer.plan
    execution = await _by_hand(tools, request, plan, operation, verb)
    failed = {
        step.target: str((execution.outcomes[step.id].error or {}).get("happened", ""))
        for step in plan.steps
        if step.id in execution.outcomes and execution.outcomes[step.id].state == "failed"
    }
    for step in plan.steps:
        if step.target in failed and not request.ignore_failures:
            operation.note(f"{step.target} has to be built: `tabib build {step.service}`")
    return {
        "project": request.project.name,
        "images": {s.target: execution.ids[s.id] for s in plan.steps if s.id in execution.ids},
        "skipped": dict(transfer.skipped),
        "failed": failed,
        "dry_run": request.dry_run,
        "seconds": round(tools.clock.monotonic() - started, 3),
    }


async def _by_hand(
    tools: Tools,
    request: BuildRequest | ImagesRequest,
    plan: Plan,
    operation: Operation,
    verb: str,
) -> Execution:
    """Show and apply a plan of images as an operation of its own.

    :raises TabibError: the first failure.
    """
    project = request.project
    async with (
        owning(tools, verb, project.name, dry_run=request.dry_run),
        lease(tools, project.name, operation, wait=not request.no_wait_lease),
    ):
        show(operation, plan)
        if request.dry_run or not plan.steps:
            return Execution()
        tools.secrets.know(project)
        asked = {"verb": verb, "by": request.by, "services": request.services}
        async with journalled(tools, project.name, operation, asked, changes=True):
            execution = await execute(tools, plan, operation, credentials=request.credentials)
            execution.raise_first(plan, verb)
    return execution


def _selected(request: BuildRequest | ImagesRequest) -> list[Service]:
    project = request.project
    if not request.services:
        return list(project.services.values())
    names = selection(project, request.services, with_dependencies=request.with_dependencies)
    return [project.services[name] for name in names]


def _platform(tools: Tools) -> str:
    """The engine's own, in the words of images."""
    names = {"x86_64": "amd64", "aarch64": "arm64"}
    machine = tools.info.architecture
    return f"{tools.info.os}/{names.get(machine, machine)}"
