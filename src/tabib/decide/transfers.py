"""``pull`` and ``push`` by hand: which images travel, and which do not, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from tabib.decide.build_reach import NO_REPOSITORY
from tabib.decide.builds import built
from tabib.decide.images import pull_policy, pull_step
from tabib.model.container import ImageState
from tabib.model.plan import Plan, Step, Verb
from tabib.model.project import Project, Service


@dataclass(frozen=True, slots=True)
class Transfer:
    plan: Plan
    skipped: Mapping[str, str] = field(default_factory=dict)
    """Service → why nothing is done for it."""


def plan_pull(
    project: Project,
    services: Iterable[Service],
    images: Mapping[str, ImageState],
    *,
    policy: str = "",
    ignore_buildable: bool = False,
) -> Transfer:
    """Every image, unless its service's ``pull_policy`` (or ``policy``) says otherwise.

    The pull of what can be built is optional.
    """
    steps: dict[str, Step] = {}
    skipped = {}
    for service in services:
        present = service.image in images
        why = _not_pulled(service, policy, present, ignore_buildable)
        if why:
            skipped[service.name] = why
        elif service.image not in steps:
            steps[service.image] = pull_step(service, present=present, optional=built(service))
    return Transfer(Plan(project=project.name, steps=tuple(steps.values())), skipped)


def _not_pulled(service: Service, policy: str, present: bool, ignore_buildable: bool) -> str:
    asked = policy or (pull_policy(service) if service.spec.get("pull_policy") else "always")
    if not service.spec.get("image"):
        return "it has no image of its own to pull: it is built"
    if asked in ("never", "build"):
        return f"its pull_policy is {asked}"
    if asked == "missing" and present:
        return "its image is there already"
    return "it can be built" if ignore_buildable and built(service) else ""


def plan_push(project: Project, services: Iterable[Service]) -> Transfer:
    """The images that are built here, with their further tags."""
    steps: dict[str, Step] = {}
    skipped = {}
    for service in services:
        if not built(service):
            skipped[service.name] = "it is not built here"
        elif not service.spec.get("image"):
            skipped[service.name] = NO_REPOSITORY
        else:
            tags = service.spec["build"].get("tags") or ()
            for reference in dict.fromkeys((service.image, *tags)):
                steps.setdefault(reference, push_step(service, reference))
    return Transfer(Plan(project=project.name, steps=tuple(steps.values())), skipped)


def push_step(service: Service, reference: str) -> Step:
    return Step(
        id=f"push:{reference}",
        verb=Verb.PUSH_IMAGE,
        subject=f"image {reference}",
        reason="pushing was asked for",
        target=reference,
        service=service.name,
    )


def optional(plan: Plan) -> Plan:
    """The same plan, in which the failure of one step fails nothing else."""
    return replace(plan, steps=tuple(replace(step, optional=True) for step in plan.steps))
