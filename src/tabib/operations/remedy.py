"""A decision of care → the plan that carries it out, by the same ``reconcile`` as ``up``."""

from __future__ import annotations

from dataclasses import replace

from tabib.decide.desired import Desired, Options
from tabib.decide.halts import halt
from tabib.decide.hooks import hook_options
from tabib.decide.images import plan_pulls, references
from tabib.decide.onestep import on_container
from tabib.decide.reconcile import reconcile
from tabib.decide.treat import Action, Decision
from tabib.decide.verdict import Verdict
from tabib.model import container as c
from tabib.model.container import RUNNING, ContainerSpec, ContainerState, Observed
from tabib.model.plan import Plan, Step, Verb
from tabib.model.project import Project
from tabib.operations import volumes
from tabib.operations.care_record import change
from tabib.operations.facts import Cared
from tabib.operations.record import kept_mounts
from tabib.operations.tools import Tools
from tabib.stores.seal import open_inspection


async def remedy(tools: Tools, cared: Cared, verdict: Verdict, decision: Decision) -> Plan:
    """The steps; an empty plan where the slot is already as the decision wants it.

    For a quarantine the slot is noted as halted here, before it is stopped.
    """
    observed = await tools.engine.observe(detail=False)
    name = cared.record.project
    state = _holder(observed, name, verdict)
    if decision.action is Action.QUARANTINE:
        now = tools.clock.now()
        await change(tools, name, lambda r: halt(r, [verdict.container], "quarantined", now))
        if state is None or state.status not in RUNNING:
            return Plan(project=name)
        step = on_container(Verb.STOP_CONTAINER, state, decision.reason)
        return Plan(project=name, steps=(step,))
    if decision.action is Action.RECONNECT and state:
        return Plan(project=name, steps=tuple(_reconnect(cared, state, decision.reason)))
    if decision.action is Action.FREE_SPACE:
        plan = await _started(tools, cared, verdict, decision, state)
        return replace(plan, steps=(*FREEING, *_behind(plan.steps, FREEING)))
    if decision.action is Action.RESTART and decision.service:
        return Plan(
            project=name,
            steps=tuple(
                on_container(Verb.RESTART_CONTAINER, one, decision.reason)
                for one in observed.containers
                if (one.project, one.service) == (name, decision.service)
                and one.status in RUNNING
                and not one.oneoff
            ),
        )
    if decision.action is Action.RESTART and state and state.status in RUNNING:
        step = on_container(Verb.RESTART_CONTAINER, state, decision.reason)
        return Plan(project=name, steps=(step,))
    return await _started(tools, cared, verdict, decision, state)


FREEING = (
    Step(
        id="free:images",
        verb=Verb.PRUNE_IMAGES,
        subject="dangling images",
        reason="no space is left",
        optional=True,
    ),
    Step(
        id="free:build cache",
        verb=Verb.PRUNE_BUILD_CACHE,
        subject="build cache",
        reason="no space is left",
        optional=True,
    ),
)
"""Nothing that anybody named: no tagged image, so none that a good release keeps, and no volume."""


async def _started(
    tools: Tools, cared: Cared, verdict: Verdict, decision: Decision, state: ContainerState | None
) -> Plan:
    if cared.project is not None:
        return await _from_model(tools, cared, cared.project, verdict)
    return await _from_inspection(tools, cared, verdict, decision, state)


def _behind(steps: tuple[Step, ...], first: tuple[Step, ...]) -> tuple[Step, ...]:
    ids = tuple(step.id for step in first)
    return tuple(replace(step, after=(*step.after, *ids)) for step in steps)


def missing_networks(cared: Cared, service: str, state: ContainerState | None) -> tuple[str, ...]:
    """Names of the networks that the model gives the service and that its container, which runs,
    is not attached to."""
    project = cared.project
    if project is None or service not in project.services or state is None:
        return ()
    if state.status not in RUNNING:
        return ()
    wanted = [project.networks[key].name for key in project.services[service].networks]
    return tuple(name for name in wanted if name not in state.networks)


def _reconnect(cared: Cared, state: ContainerState, reason: str) -> list[Step]:
    """Attach it again, under the names by which others reach it."""
    project = cared.project
    if project is None:
        return []
    service = project.services[state.service]
    written = service.spec.get("networks") or {}
    keys = {project.networks[key].name: key for key in service.networks}
    return [
        Step(
            id=f"connect:{state.name}:{name}",
            verb=Verb.CONNECT_NETWORK,
            subject=f"network {name}",
            reason=reason,
            target=name,
            service=state.service,
            options={
                "container": state.id,
                "aliases": [
                    state.name,
                    state.service,
                    *((written.get(keys[name]) or {}).get("aliases") or ()),
                ],
            },
        )
        for name in missing_networks(cared, state.service, state)
    ]


def _holder(observed: Observed, project: str, verdict: Verdict) -> ContainerState | None:
    held = [
        one
        for one in observed.containers
        if one.project == project
        and (one.service, one.slot) == (verdict.service, verdict.slot)
        and not one.oneoff
    ]
    return max(held, key=lambda one: (one.status == "running", one.created_at), default=None)


async def _from_model(tools: Tools, cared: Cared, project: Project, verdict: Verdict) -> Plan:
    service = project.services[verdict.service]
    observed = await tools.engine.observe(images=references([service]), detail=False)
    pulls = plan_pulls(project, [service], observed.images)
    places = await volumes.places(tools, project, observed)
    desired = Desired(
        project=project,
        release=cared.release.number if cared.release else 0,
        installation=tools.installation,
        services=(service.name,),
        scale=cared.record.scale,
        options=Options(no_deps=True, no_recreate=True, wait=False),
        places=places,
        kept_mounts=await kept_mounts(tools, project),
        only=frozenset({verdict.container}),
    )
    plan = reconcile(desired, observed, tools.clock.now())
    await volumes.hold(tools, places)
    if not pulls.steps:
        return plan
    pulled = tuple(step.id for step in pulls.steps)
    steps = tuple(replace(step, after=(*step.after, *pulled)) for step in plan.steps)
    return replace(plan, steps=(*pulls.steps, *steps))


async def _from_inspection(
    tools: Tools,
    cared: Cared,
    verdict: Verdict,
    decision: Decision,
    state: ContainerState | None,
) -> Plan:
    """An adopted container: what exists is started, what is gone is made as it was inspected."""
    name = cared.record.project
    start = Step(
        id=f"start:{verdict.container}",
        verb=Verb.START_CONTAINER,
        subject=verdict.container,
        reason=decision.reason,
        target=verdict.container,
        service=verdict.service,
        options=hook_options(Verb.START_CONTAINER, state.labels if state else {}),
    )
    if state is not None:
        return Plan(project=name, steps=() if state.status == "running" else (start,))
    inspection = await open_inspection(cared.inspections[verdict.container], tools.vault)
    labels = (inspection.get("Config") or {}).get("Labels") or {}
    number = str(labels.get(c.LABEL_NUMBER, "1"))
    create = Step(
        id=f"create:{verdict.container}",
        verb=Verb.CREATE_CONTAINER,
        subject=verdict.container,
        reason=decision.reason,
        target=verdict.container,
        service=verdict.service,
        container=ContainerSpec(
            name=verdict.container,
            project=name,
            service_name=verdict.service,
            slot=int(number) if number.isdigit() else 1,
            image=str((inspection.get("Config") or {}).get("Image", "")),
            labels=labels,
            raw=tools.engine.recreate_body(inspection),
        ),
    )
    hooks = hook_options(Verb.START_CONTAINER, labels)
    return Plan(project=name, steps=(create, replace(start, after=(create.id,), options=hooks)))
