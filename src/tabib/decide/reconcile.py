"""Desired and observed → a plan: the graph of small steps that leads from one to the other.

Pure and deterministic. Networks and volumes come first; containers are created at once and in
parallel, started along ``depends_on`` and its health conditions; a container that changed is
replaced create-first (its successor waits under a provisional name, so that a bad configuration
never costs the running container); a volume is never removed, a mount's source never changed
unless the file says so. Whatever is interrupted, planning anew ends in the same place.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from tabib.decide.containers import ServicePlan, plan_service
from tabib.decide.desired import Desired
from tabib.decide.graph import selection
from tabib.decide.infrastructure import plan_infrastructure, replace_networks
from tabib.decide.starting import Starting
from tabib.decide.steps import Builder
from tabib.model.container import ContainerState, Observed
from tabib.model.plan import Plan


def reconcile(desired: Desired, observed: Observed, now: datetime) -> Plan:
    """The plan that makes ``observed`` what ``desired`` says; empty where nothing is to be done.

    ``observed.images`` must hold the images of the selected services that exist locally.
    ``now`` stands for rules that weigh time; equal inputs give equal plans.

    :raises ConfigError: unknown service, dependency cycle, missing external network or volume.
    """
    del now
    project, options = desired.project, desired.options
    names = selection(project, desired.services, with_dependencies=not options.no_deps)
    services = [project.services[name] for name in names]
    infra = plan_infrastructure(desired, observed, services)
    mine = _containers(observed, project.name)

    plans: dict[str, ServicePlan] = {}
    for service in services:
        asked = not desired.services or service.name in desired.services
        plans[service.name] = plan_service(
            desired if asked else _as_dependency(desired),
            service,
            mine.get(service.name, []),
            observed.images,
            infra,
            recreate_because=_because_of_others(desired, plans, service.name, asked),
        )

    builder = Builder(desired, observed, infra, plans)
    freed = builder.remove_surplus()
    notes = [*infra.notes]
    if desired.only is None:
        notes += builder.orphans(
            [one for name, found in mine.items() for one in found if name not in project.services],
            freed,
        )
    builder.replace_containers(freed)
    replace_networks(desired, infra, freed)
    if not options.no_start:
        Starting(desired, observed, builder, plans).add_steps()
    return Plan(
        project=project.name,
        steps=builder.ordered(infra.steps),
        notes=(*notes, *_left_alone(plans)),
    )


def _containers(observed: Observed, project: str) -> dict[str, list[ContainerState]]:
    found: dict[str, list[ContainerState]] = {}
    for one in observed.containers:
        if one.project == project and not one.oneoff:
            found.setdefault(one.service, []).append(one)
    return found


def _as_dependency(desired: Desired) -> Desired:
    """Services that were not named are recreated only where they changed."""
    return replace(desired, options=replace(desired.options, force_recreate=False))


def _because_of_others(
    desired: Desired, plans: dict[str, ServicePlan], name: str, asked: bool
) -> str:
    """A container that lives in another's namespace goes with it; --always-recreate-deps."""
    service = desired.project.services[name]
    for key in ("network_mode", "ipc", "pid"):
        value = str(service.spec.get(key) or "")
        if value.startswith("service:"):
            provider = plans.get(value.removeprefix("service:"))
            if provider and provider.first_becomes("recreate", "create", "finish"):
                return f"it shares {key} with {provider.service.name}, which is recreated"
    for entry in service.spec.get("volumes_from") or ():
        provider = plans.get(str(entry).split(":")[0])
        if provider and provider.first_becomes("recreate"):
            return f"it uses the volumes of {provider.service.name}, which is recreated"
    if not asked and desired.options.always_recreate_deps:
        return "recreation of dependencies was asked for"
    return ""


def _left_alone(plans: dict[str, ServicePlan]) -> list[str]:
    return [
        f"{slot.name}: {slot.reason}; it is left as it is"
        for plan in plans.values()
        for slot in plan.slots
        if slot.kind == "leave"
    ]
