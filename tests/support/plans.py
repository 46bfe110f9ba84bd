"""Plans on a memory engine: made, applied in any order that they allow, and looked at."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from support.projects import NAME
from tabib.decide.desired import Desired, Options
from tabib.decide.images import references
from tabib.decide.reconcile import reconcile
from tabib.engines.memory import INSTANT, MemoryEngine, Program, VirtualClock, World
from tabib.model.container import LABEL_CONFIG_HASH, LABEL_PROJECT, Observed
from tabib.model.plan import Plan, Step, Verb
from tabib.model.project import Project

OTHER_IMAGE = "busybox:2"
VOLUME_IMAGE = "store:1"
"""Declares ``/var/store`` as a VOLUME."""
SICK = Program(healthy_after_s=None)
Picture = Mapping[str, Any]


def world(*, seed: int = 0) -> World:
    """An engine that answers at once, with three images; services called ``job…`` end with 0."""
    made = World(clock=VirtualClock(), seed=seed, latency=INSTANT)
    made.add_image(OTHER_IMAGE)
    made.add_image(VOLUME_IMAGE, Volumes={"/var/store": {}})
    return made


def desired(project: Project, *, scale: Mapping[str, int] | None = None, **options: Any) -> Desired:
    fields = {
        key: options.pop(key)
        for key in ("services", "kept_mounts", "only", "places")
        if key in options
    }
    return Desired(
        project=project,
        release=1,
        installation="here",
        scale=scale or {},
        options=Options(**options),
        **fields,
    )


async def observe(engine: MemoryEngine, project: Project) -> Observed:
    images = references(project.services.values())
    return await engine.observe(images=images, detail=False)


async def plan(engine: MemoryEngine, wanted: Desired) -> Plan:
    return reconcile(wanted, await observe(engine, wanted.project), engine.world.clock.now())


async def apply(engine: MemoryEngine, steps: Iterable[Step]) -> None:
    """One step after the other; jobs have the time to end."""
    for step in steps:
        if step.verb is not Verb.WAIT:
            await engine.apply(step)
    await engine.world.clock.sleep(5.0)


async def converge(engine: MemoryEngine, wanted: Desired) -> Plan:
    """Plan and apply; the plan."""
    made = await plan(engine, wanted)
    await apply(engine, made.steps)
    return made


def set_jobs(made: World, project: Project) -> None:
    for name in project.services:
        if name.startswith("job"):
            made.programs.set(Program(after_s=0.01, exit_code=0), service=name)


def shuffled(made: Plan, seed: int) -> list[Step]:
    """The steps in another order that the plan allows too."""
    chance = random.Random(seed)
    waiting = list(made.steps)
    done: set[str] = set()
    order: list[Step] = []
    while waiting:
        ready = [step for step in waiting if done.issuperset(step.after)]
        assert ready, "the steps form a cycle"
        step = chance.choice(ready)
        waiting.remove(step)
        done.add(step.id)
        order.append(step)
    return order


def beginnings(made: Plan, limit: int = 400) -> Iterator[tuple[Step, ...]]:
    """Every set of steps that can be done when a plan is interrupted, in the plan's order."""
    steps = {step.id: step for step in made.steps if step.verb is not Verb.WAIT}
    before = {key: _real(made, step) for key, step in steps.items()}
    seen = {frozenset[str]()}
    todo = [frozenset[str]()]
    while todo:
        done = todo.pop()
        yield tuple(step for key, step in steps.items() if key in done)
        for key in steps:
            if key not in done and before[key] <= done:
                larger = done | {key}
                if larger not in seen:
                    assert len(seen) < limit, "too many: choose a smaller plan"
                    seen.add(larger)
                    todo.append(larger)


def _real(made: Plan, step: Step) -> set[str]:
    """The steps before ``step``, barriers replaced by what they come after."""
    by_id = {one.id: one for one in made.steps}
    found: set[str] = set()
    todo = list(step.after)
    while todo:
        one = by_id[todo.pop()]
        if one.verb is Verb.WAIT:
            todo += one.after
        else:
            found.add(one.id)
    return found


def picture(made: World, project: str = NAME) -> Picture:
    """What the project is on the engine, without ids and times: equal pictures, equal states."""
    containers = {}
    for one in made.containers.values():
        if one.labels.get(LABEL_PROJECT) == project:
            containers[one.name] = {
                "service": one.service,
                "slot": one.labels["com.docker.compose.container-number"],
                "hash": one.labels[LABEL_CONFIG_HASH],
                "image": one.image_id,
                "status": one.status,
                "networks": sorted((a.name, a.network_id) for a in one.attachments),
                "mounts": sorted(
                    (m.target, "" if m.anonymous or _unnamed(m.name) else m.name)
                    for m in one.mounts
                ),
            }
    ids = {network.id: network.name for network in made.networks.values()}
    for shown in containers.values():
        # An attachment by id must be to a network that is there.
        shown["networks"] = [
            (name, ids.get(id, "gone") if id else "") for name, id in shown["networks"]
        ]
    return {
        "containers": containers,
        "networks": {
            one.name: one.labels.get(LABEL_CONFIG_HASH)
            for one in made.networks.values()
            if one.labels.get(LABEL_PROJECT) == project
        },
        "volumes": sorted(name for name in made.volumes if not _unnamed(name)),
    }


def anonymous(made: World) -> dict[tuple[str, str], str]:
    """(container, target) → its anonymous volume."""
    return {
        (one.name, mount.target): mount.name
        for one in made.containers.values()
        for mount in one.mounts
        if _unnamed(mount.name)
    }


def mounts(made: World) -> dict[tuple[str, str], str]:
    """(container, target) → volume or path."""
    return {
        (one.name, mount.target): mount.name or mount.source
        for one in made.containers.values()
        for mount in one.mounts
    }


def ids(made: World, project: str = NAME) -> dict[str, str]:
    """Container name → id."""
    return {
        one.name: one.id
        for one in made.containers.values()
        if one.labels.get(LABEL_PROJECT) == project
    }


def _unnamed(volume: str) -> bool:
    return len(volume) == 64
