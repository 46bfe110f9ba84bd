"""A plan interrupted anywhere, planned anew: the same end. Exhaustive over small plans: every set
of steps that parallel work can have done when it was cut off (SIGKILL before or after a call)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from support import plans
from support.projects import HEALTHY, after, edited, network, project, service, with_service
from tabib.engines.memory import MemoryEngine, World, by_hand
from tabib.model.plan import Plan
from tabib.model.project import Project

DB = service("db", volumes={"/data": "data"}, anonymous=["/anon"], check=True)
WEB = service("web", depends_on=after("db", condition=HEALTHY), ports=[8001], anonymous=["/tmp"])
SHOP = project(DB, WEB)


def _relabelled(whole: Project) -> Project:
    return replace(whole, networks={"default": network("default", labels={"v": "2"})})


def _stop_and_lose_the_network(world: World) -> None:
    async def harm() -> None:
        for name in [*plans.ids(world)]:
            await by_hand.docker_stop(world, name)
        del world.networks[next(n.id for n in world.networks.values() if n.name == "tale_default")]

    world.clock.run(harm())


@dataclass(frozen=True)
class Story:
    before: Project | None
    wanted: Project
    options: dict[str, bool] = field(default_factory=dict)
    harm: Callable[[World], None] = lambda _: None


_PAIR = project(service("a", ports=[8001]), service("b", ports=[8002]))
_TRIPLE = project(service("w", replicas=3, anonymous=["/anon"]))
_HOST = project(service("net", ports=[8001]), service("side", network_mode="service:net"))
STORIES = {
    "fresh": Story(None, SHOP),
    "both changed": Story(SHOP, edited(edited(SHOP, "db", user="1"), "web", user="1")),
    "one changed": Story(SHOP, edited(SHOP, "web", user="1")),
    "forced": Story(SHOP, SHOP, {"force_recreate": True}),
    "network changed": Story(SHOP, _relabelled(SHOP)),
    "network and service changed": Story(SHOP, _relabelled(edited(SHOP, "db", user="1"))),
    "network removed by hand": Story(SHOP, SHOP, harm=_stop_and_lose_the_network),
    "renamed": Story(SHOP, project(DB, replace(WEB, name="front")), {"remove_orphans": True}),
    "container_name given": Story(
        project(service("a", ports=[8001], anonymous=["/anon"])),
        project(service("a", ports=[8001], anonymous=["/anon"], container_name="own")),
    ),
    "ports handed over": Story(
        _PAIR, project(service("a", ports=[8002]), service("b", ports=[8001]))
    ),
    "scaled down and changed": Story(
        _TRIPLE, project(service("w", replicas=1, anonymous=["/anon"], user="1"))
    ),
    "scaled up": Story(_TRIPLE, project(service("w", replicas=5, anonymous=["/anon"]))),
    "network's owner changed": Story(_HOST, edited(_HOST, "net", user="1")),
    "service added": Story(SHOP, with_service(SHOP, service("log"))),
}


class Stage:
    """A world as it is before the plan."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self.world = plans.world()
        self.engine = MemoryEngine(self.world)
        if story.before is not None:
            self.world.clock.run(plans.converge(self.engine, plans.desired(story.before)))
        self.anonymous = plans.anonymous(self.world)
        story.harm(self.world)

    def plan(self) -> Plan:
        wanted = plans.desired(self.story.wanted, **self.story.options)
        return self.world.clock.run(plans.plan(self.engine, wanted))

    def converge(self) -> None:
        wanted = plans.desired(self.story.wanted, **self.story.options)
        self.world.clock.run(plans.converge(self.engine, wanted))


@pytest.mark.parametrize("name", STORIES)
def test_every_interruption_ends_in_the_same_place(name: str) -> None:
    story = STORIES[name]
    whole = Stage(story)
    whole.converge()
    target = plans.picture(whole.world)
    kept = {key: one for key, one in whole.anonymous.items() if key in plans.anonymous(whole.world)}
    cuts = 0
    for beginning in plans.beginnings(Stage(story).plan()):
        stage = Stage(story)
        stage.world.clock.run(plans.apply(stage.engine, beginning))
        stage.converge()
        did = [step.id for step in beginning]
        assert plans.picture(stage.world) == target, did
        assert kept.items() <= plans.anonymous(stage.world).items(), did
        if not story.options.get("force_recreate"):
            assert stage.plan().empty, did
        cuts += 1
    assert cuts > len(Stage(story).plan().steps) / 2


@pytest.mark.parametrize("name", ["forced", "both changed", "network changed"])
def test_every_second_interruption_too(name: str) -> None:
    """Cut off, planned anew, and cut off again."""
    story = STORIES[name]
    whole = Stage(story)
    whole.converge()
    target = plans.picture(whole.world)
    first_cuts = list(plans.beginnings(Stage(story).plan()))
    for first in first_cuts[::3]:
        stage = Stage(story)
        stage.world.clock.run(plans.apply(stage.engine, first))
        for second in list(plans.beginnings(stage.plan()))[::4]:
            again = Stage(story)
            again.world.clock.run(plans.apply(again.engine, first))
            steps = {step.id for step in second}
            replanned = [step for step in again.plan().steps if step.id in steps]
            again.world.clock.run(plans.apply(again.engine, replanned))
            again.converge()
            assert plans.picture(again.world) == target
            assert whole.anonymous.items() <= plans.anonymous(again.world).items()


def test_a_forced_recreation_is_completed_not_begun_again() -> None:
    story = STORIES["forced"]
    stage = Stage(story)
    create = next(step for step in stage.plan().steps if step.id == "create:tale-web-1")
    stage.world.clock.run(plans.apply(stage.engine, [create]))
    successor = next(id for name, id in plans.ids(stage.world).items() if "_tale-web-1" in name)
    stage.converge()
    assert plans.ids(stage.world)["tale-web-1"] == successor


def test_without_force_a_leftover_successor_goes_and_the_running_one_stays() -> None:
    stage = Stage(STORIES["forced"])
    before = plans.ids(stage.world)
    create = next(step for step in stage.plan().steps if step.id == "create:tale-web-1")
    stage.world.clock.run(plans.apply(stage.engine, [create]))
    stage.world.clock.run(plans.converge(stage.engine, plans.desired(SHOP)))
    assert plans.ids(stage.world) == before


def test_the_file_changes_again_before_a_replacement_is_finished() -> None:
    """The leftover successor has the name that the next one would get."""
    once, twice = edited(SHOP, "web", user="1"), edited(SHOP, "web", user="2")
    stage = Stage(Story(SHOP, once))
    create = next(step for step in stage.plan().steps if step.id == "create:tale-web-1")
    stage.world.clock.run(plans.apply(stage.engine, [create]))
    stage.world.clock.run(plans.converge(stage.engine, plans.desired(twice)))
    assert plans.anonymous(stage.world) == stage.anonymous
    final = Stage(Story(SHOP, twice))
    final.converge()
    assert plans.picture(stage.world) == plans.picture(final.world)
