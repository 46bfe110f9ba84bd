"""What every plan promises, for any project and any edit of it (Hypothesis, memory engine)."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from support import plans
from support.projects import NAME
from support.random_projects import edits, projects
from tabib.decide.mounts import mounted_volumes
from tabib.decide.specs import container_name
from tabib.engines.memory import MemoryEngine, World, by_hand
from tabib.model.plan import Plan, Verb
from tabib.model.project import Project

SETTINGS = settings(max_examples=150, deadline=None)
pairs = projects().flatmap(lambda first: st.tuples(st.just(first), edits(first)))
chance = st.integers(0, 2**16)


def deployed(project: Project, seed: int = 0) -> tuple[World, MemoryEngine]:
    """A world in which ``project`` runs."""
    world = plans.world()
    engine = MemoryEngine(world)
    plans.set_jobs(world, project)

    async def bring_up() -> None:
        made = await plans.plan(engine, plans.desired(project))
        await plans.apply(engine, plans.shuffled(made, seed))

    world.clock.run(bring_up())
    return world, engine


def changed_to(
    world: World, engine: MemoryEngine, project: Project, seed: int = 0, **options: bool
) -> Plan:
    async def change() -> Plan:
        made = await plans.plan(engine, plans.desired(project, **options))
        await plans.apply(engine, plans.shuffled(made, seed))
        return made

    plans.set_jobs(world, project)
    return world.clock.run(change())


def planned(world: World, engine: MemoryEngine, project: Project, **options: bool) -> Plan:
    return world.clock.run(plans.plan(engine, plans.desired(project, **options)))


def expected_names(project: Project) -> set[str]:
    return {
        container_name(project, service, slot)
        for service in project.services.values()
        for slot in range(1, service.replicas + 1)
    }


@given(pairs, chance)
@SETTINGS
def test_an_applied_plan_leaves_nothing_to_plan(pair: tuple[Project, Project], seed: int) -> None:
    first, second = pair
    world, engine = deployed(first, seed)
    assert planned(world, engine, first).empty
    changed_to(world, engine, second, seed, remove_orphans=True)
    assert planned(world, engine, second, remove_orphans=True).empty
    assert set(plans.ids(world)) == expected_names(second)
    assert plans.picture(world) == plans.picture(deployed(second)[0]) | _older(world)


def _older(world: World) -> dict[str, object]:
    """Networks and volumes of earlier files stay; those of the new file are compared elsewhere."""
    shown = plans.picture(world)
    return {"networks": shown["networks"], "volumes": shown["volumes"]}


@given(pairs, st.booleans())
@SETTINGS
def test_no_volume_is_removed_unasked(pair: tuple[Project, Project], force: bool) -> None:
    first, second = pair
    world, engine = deployed(first)
    before = set(world.volumes)
    made = planned(world, engine, second, remove_orphans=True, force_recreate=force)
    assert not any(step.verb is Verb.REMOVE_VOLUME for step in made.steps)
    assert not any(step.options.get("volumes") for step in made.steps)
    assert not made.loses_data
    changed_to(world, engine, second, remove_orphans=True, force_recreate=force)
    assert before <= set(world.volumes)


@given(pairs, st.booleans())
@SETTINGS
def test_a_mounts_source_changes_only_with_the_file(
    pair: tuple[Project, Project], force: bool
) -> None:
    first, second = pair
    world, engine = deployed(first)
    before = plans.mounts(world)
    changed_to(world, engine, second, remove_orphans=True, force_recreate=force)
    after = plans.mounts(world)
    named = {
        (name, target): volume
        for service in second.services.values()
        for slot in range(1, service.replicas + 1)
        for name in [container_name(second, service, slot)]
        for target, volume in mounted_volumes(second, service).items()
    }
    for where in before.keys() & after.keys():
        assert after[where] == named.get(where, before[where])


@given(pairs)
@SETTINGS
def test_plans_are_deterministic_and_in_order(pair: tuple[Project, Project]) -> None:
    first, second = pair
    world, engine = deployed(first)
    made = planned(world, engine, second, remove_orphans=True)
    assert planned(world, engine, second, remove_orphans=True) == made
    ids = [step.id for step in made.steps]
    assert len(set(ids)) == len(ids)
    for position, step in enumerate(made.steps):
        assert set(step.after) <= set(ids[:position])
        assert step.reason


@given(pairs, chance)
@SETTINGS
def test_only_what_changed_is_recreated(pair: tuple[Project, Project], seed: int) -> None:
    first, second = pair
    world, engine = deployed(first)
    before = plans.ids(world)
    changed_to(world, engine, second, seed, remove_orphans=True)
    after = plans.ids(world)
    for service in second.services.values():
        if _untouched(first, second, service.name):
            for slot in range(1, service.replicas + 1):
                name = container_name(second, service, slot)
                if name in before:
                    assert after[name] == before[name], f"{name} was recreated for nothing"


def _untouched(first: Project, second: Project, name: str) -> bool:
    old, new = first.services.get(name), second.services[name]
    if old is None or old.config_hash != new.config_hash:
        return False
    if any(first.networks.get(key) != second.networks[key] for key in new.networks):
        return False
    mode = str(new.spec.get("network_mode") or "")
    host = mode.removeprefix("service:")
    return host == mode or _untouched(first, second, host)


@given(pairs, chance, st.data())
@SETTINGS
def test_interrupted_anywhere_it_ends_in_the_same_place(
    pair: tuple[Project, Project], seed: int, data: st.DataObject
) -> None:
    first, second = pair
    asked = {"remove_orphans": True, "force_recreate": data.draw(st.booleans())}
    whole, engine = deployed(first)
    before = plans.anonymous(whole)
    made = changed_to(whole, engine, second, **asked)

    world, engine = deployed(first)
    steps = plans.shuffled(made, seed)
    done = data.draw(st.integers(0, len(steps)))
    again = planned(world, engine, second, **asked)
    assert [step.id for step in again.steps] == [step.id for step in made.steps]
    beginning = plans.shuffled(again, seed)[:done]
    plans.set_jobs(world, second)
    world.clock.run(plans.apply(engine, beginning))
    changed_to(world, engine, second, seed, **asked)
    assert plans.picture(world) == plans.picture(whole)
    assert _kept(before, plans.anonymous(world)) == _kept(before, plans.anonymous(whole))
    assert planned(world, engine, second, remove_orphans=True).empty


def _kept(
    before: dict[tuple[str, str], str], after: dict[tuple[str, str], str]
) -> dict[tuple[str, str], bool]:
    """For each anonymous volume of before, where its place is still there: is it the same?"""
    return {key: after[key] == volume for key, volume in before.items() if key in after}


@given(projects(), chance, st.data())
@SETTINGS
def test_what_was_removed_or_stopped_by_hand_comes_back_as_it_was(
    project: Project, seed: int, data: st.DataObject
) -> None:
    world, engine = deployed(project)
    target = plans.picture(world)
    kept = plans.ids(world)
    names = data.draw(st.lists(st.sampled_from(sorted(kept)), max_size=3, unique=True))
    harm = data.draw(st.sampled_from(["rm", "stop"]))

    async def by_people() -> None:
        for name in names:
            if harm == "rm":
                await by_hand.docker_rm(world, name, force=True)
            else:
                await by_hand.docker_stop(world, name)

    world.clock.run(by_people())
    changed_to(world, engine, project, seed)
    assert plans.picture(world) == target
    after = plans.ids(world)
    sharing = _hosts(project, names)
    for name, id in kept.items():
        if name not in names and name not in sharing:
            assert after[name] == id
    assert {one.labels["com.docker.compose.project"] for one in world.containers.values()} == {NAME}


def _hosts(project: Project, names: list[str]) -> set[str]:
    """Containers that live in the network of one of ``names``: they go with it."""
    found = set()
    for service in project.services.values():
        mode = str(service.spec.get("network_mode") or "")
        if mode.startswith("service:"):
            host = project.services[mode.removeprefix("service:")]
            if container_name(project, host, 1) in names:
                found |= {
                    container_name(project, service, slot)
                    for slot in range(1, service.replicas + 1)
                }
    return found
