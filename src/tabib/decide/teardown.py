"""``down``: containers in reverse order of dependency, then networks; volumes only if asked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from tabib.decide.labels import layers
from tabib.decide.steps import stop_and_remove, topological
from tabib.model import container as c
from tabib.model.container import ContainerState, Observed
from tabib.model.plan import Plan, Step, Verb
from tabib.model.project import Project


def teardown(
    name: str,
    project: Project | None,
    observed: Observed,
    *,
    services: Iterable[str] = (),
    volumes: bool = False,
    remove_orphans: bool = False,
    timeout_s: float | None = None,
    installation: str = "",
) -> Plan:
    """The plan that takes project ``name`` down.

    ``project`` None: everything that carries the project's label goes. ``volumes``: the project's
    own named volumes go too; a volume whose data ``installation`` keeps in a generation of its own
    loses only its name.
    """
    wanted = set(services)
    notes: list[str] = []
    going: list[ContainerState] = []
    for one in observed.containers:
        if one.project != name or (wanted and one.service not in wanted):
            continue
        known = project is None or one.service in {*project.services, *project.disabled}
        if known or one.oneoff or remove_orphans:
            going.append(one)
        else:
            notes.append(
                f"{one.name} belongs to service {one.service}, which the file does not have; it "
                "stays (--remove-orphans removes it)"
            )
    steps, removals = _containers(going, timeout_s, volumes)
    if not wanted:
        steps += _networks(name, observed, removals)
        if volumes:
            steps += _volumes(name, observed, removals, installation)
    return Plan(project=name, steps=topological(steps), notes=tuple(notes))


def _containers(
    going: list[ContainerState], timeout_s: float | None, volumes: bool
) -> tuple[list[Step], dict[str, str]]:
    order = layers(going)
    dependents: dict[str, set[str]] = {service: set() for service in order}
    for service, edges in order.items():
        for edge in edges:
            dependents[edge.service].add(service)
    steps: list[Step] = []
    stopped: dict[str, list[str]] = {}
    removals: dict[str, str] = {}
    for one in going:
        mine = stop_and_remove(
            one,
            "the project is taken down",
            after=tuple(sorted(f"stopped:{d}" for d in dependents.get(one.service, ()))),
            timeout_s=timeout_s,
            volumes=volumes,
        )
        steps += mine
        stopped.setdefault(f"stopped:{one.service}", []).append(mine[0].id)
        removals[one.name] = mine[-1].id
    return [_resolved(step, stopped) for step in steps], removals


def _resolved(step: Step, groups: dict[str, list[str]]) -> Step:
    after: list[str] = []
    for one in step.after:
        after += groups.get(one, [one])
    return replace(step, after=tuple(after))


def _networks(name: str, observed: Observed, removals: dict[str, str]) -> list[Step]:
    users: dict[str, list[str]] = {}
    for one in observed.containers:
        for network in one.networks:
            if one.name in removals:
                users.setdefault(network, []).append(removals[one.name])
    return [
        Step(
            id=f"remove-network:{network.name}",
            verb=Verb.REMOVE_NETWORK,
            subject=f"network {network.name}",
            reason="the project is taken down",
            target=network.id,
            after=tuple(users.get(network.name, ())),
            # Somebody else's container may be on it, or the engine may have lost count of who is:
            # that is told, and fails nothing; the next `up` uses the network as it is.
            optional=True,
        )
        for network in observed.networks
        if network.labels.get(c.LABEL_PROJECT) == name
    ]


def _volumes(
    name: str, observed: Observed, removals: dict[str, str], installation: str
) -> list[Step]:
    return [
        Step(
            id=f"remove-volume:{volume.name}",
            verb=Verb.REMOVE_VOLUME,
            subject=f"volume {volume.name}",
            reason="its removal was asked for (-v)",
            target=volume.name,
            after=tuple(removals.values()),
            loses_data=volume.labels.get(c.LABEL_OWNER) != installation or not installation,
        )
        for volume in observed.volumes
        if volume.labels.get(c.LABEL_PROJECT) == name and c.LABEL_VOLUME in volume.labels
    ]
