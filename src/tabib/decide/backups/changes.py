"""Which steps of a plan could cost data: what must be copied before they are taken."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from tabib.decide.graph import awaited_jobs, transitive
from tabib.model.backup import Dataset
from tabib.model.container import ContainerState, ImageState, Observed
from tabib.model.plan import Plan, Step, Verb
from tabib.model.project import Project


@dataclass(frozen=True, slots=True, kw_only=True)
class Danger:
    """``services``: whose data it could cost, where the data is not known yet."""

    why: str
    services: frozenset[str]


def dangers(project: Project, plan: Plan, observed: Observed) -> tuple[Danger, ...]:
    """What a plan does to services that mount something: another image, another volume at the same
    place, a migration job. Cheap: nothing is known yet of what their volumes hold.

    ``observed``: everything before, with the images of the plan looked up.
    """
    there: dict[str, list[ContainerState]] = {}
    for one in observed.containers:
        if one.project == project.name and not one.oneoff:
            there.setdefault(one.service, []).append(one)
    keeping = {name for name, some in there.items() if any(map(_keeps, some))}
    if not keeping:
        return ()
    found: dict[str, Danger] = {}
    for step in plan.steps:
        if step.verb is Verb.CREATE_CONTAINER and step.service in keeping:
            why = _changed(step, there[step.service], observed.images)
            if why:
                found.setdefault(step.service, Danger(why=why, services=frozenset({step.service})))
    found |= _migrations(project, plan, keeping)
    return tuple(found[name] for name in sorted(found))


def endangered(dangers_: Iterable[Danger], datasets: Iterable[Dataset]) -> list[Danger]:
    """Those that concern data which is to be backed up."""
    owners = {name for one in datasets if one.covered for name in (one.service, *one.services)}
    return [one for one in dangers_ if one.services & owners]


def _keeps(one: ContainerState) -> bool:
    return any(mount.type in ("volume", "bind") and not mount.read_only for mount in one.mounts)


def _changed(step: Step, there: Sequence[ContainerState], images: Mapping[str, ImageState]) -> str:
    """What of a service's replacement could cost its data; ``""``: nothing."""
    spec = step.container
    if spec is None:
        return ""
    wanted = images.get(spec.image)
    for one in there:
        if wanted is not None and wanted.id != one.image_id:
            before = f" (was {one.image})" if one.image != spec.image else ""
            return f"the image of {step.service} changes to {spec.image}{before}"
        mounts = {mount.target: mount.source for mount in spec.mounts if mount.source}
        for mount in one.mounts:
            source = mount.name or mount.source
            if mount.read_only or mount.type not in ("volume", "bind"):
                continue
            if mount.target not in mounts:
                return f"{step.service} no longer mounts {source} at {mount.target}"
            if mounts[mount.target].rstrip("/") != source.rstrip("/"):
                return f"{step.service} mounts another volume at {mount.target}"
    return ""


def _migrations(project: Project, plan: Plan, keeping: Collection[str]) -> dict[str, Danger]:
    """Jobs that others wait for, and that run against what keeps data."""
    jobs = awaited_jobs(project)
    needs = transitive(
        {
            service.name: [edge.service for edge in service.depends_on]
            for service in project.services.values()
        }
    )
    starts = {step.service for step in plan.steps if step.verb is Verb.START_CONTAINER}
    found = {}
    for name in sorted(jobs & starts):
        touched = frozenset({name, *needs.get(name, ())}) & frozenset(keeping)
        if touched:
            found[name] = Danger(why=f"{name} runs, which others wait for", services=touched)
    return found
