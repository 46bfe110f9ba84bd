"""``down``: dependents first, networks last, volumes only when asked for."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings

from support import plans
from support.projects import HEALTHY, after, project, service
from support.random_projects import projects
from tabib.decide.teardown import teardown
from tabib.engines.memory import MemoryEngine, World, by_hand
from tabib.model.container import LABEL_OWNER, LABEL_VOLUME_ID
from tabib.model.plan import Plan, Verb
from tabib.model.project import Project

DB = service("db", check=True, volumes={"/data": "data"}, anonymous=["/anon"])
WEB = service("web", depends_on=after("db", condition=HEALTHY))
SHOP = project(DB, WEB)


class Scene:
    def __init__(self, *running: Project) -> None:
        self.world: World = plans.world()
        self.engine = MemoryEngine(self.world)
        for one in running:
            plans.set_jobs(self.world, one)
            self.world.clock.run(plans.converge(self.engine, plans.desired(one)))

    def plan(self, wanted: Project | None = SHOP, **options: Any) -> Plan:
        async def made() -> Plan:
            observed = await self.engine.observe(detail=False)
            return teardown("tale", wanted, observed, **options)

        return self.world.clock.run(made())

    def apply(self, plan: Plan, seed: int = 0) -> None:
        self.world.clock.run(plans.apply(self.engine, plans.shuffled(plan, seed)))


def did(plan: Plan) -> list[str]:
    return [step.id for step in plan.steps]


def test_dependents_stop_first_and_the_network_goes_last() -> None:
    plan = Scene(SHOP).plan()
    by_id = {step.id: step for step in plan.steps}
    assert by_id["stop:tale-db-1"].after == ("stop:tale-web-1",)
    assert set(by_id["remove-network:tale_default"].after) == {
        "remove:tale-db-1", "remove:tale-web-1",
    }  # fmt: skip
    assert not any(step.verb is Verb.REMOVE_VOLUME for step in plan.steps)
    assert not plan.loses_data


def test_without_a_file_the_labels_say_what_there_is_and_in_which_order() -> None:
    scene = Scene(SHOP)
    assert did(scene.plan(None)) == did(scene.plan(SHOP))


@given(projects())
@settings(max_examples=60, deadline=None)
def test_afterwards_nothing_of_it_is_left_but_its_volumes(project: Project) -> None:
    other = Scene(project)
    volumes = set(other.world.volumes)
    plan = other.plan(project)
    other.apply(plan, seed=1)
    assert plans.ids(other.world) == {}
    assert not plans.picture(other.world)["networks"]
    assert set(other.world.volumes) == volumes
    assert other.plan(project).steps == ()


def test_with_v_the_projects_own_volumes_go_and_no_others() -> None:
    other = project(service("x", volumes={"/d": "data"}), name="other")
    scene = Scene(SHOP, other)
    plan = scene.plan(volumes=True)
    assert [step.target for step in plan.steps if step.verb is Verb.REMOVE_VOLUME] == ["tale_data"]
    scene.apply(plan)
    assert set(scene.world.volumes) == {"other_data"}


def test_a_volume_whose_data_we_keep_loses_nothing() -> None:
    scene = Scene(SHOP)
    assert scene.plan(volumes=True, installation="here").loses_data
    labels = scene.world.volumes["tale_data"].labels
    labels |= {LABEL_VOLUME_ID: "abc", LABEL_OWNER: "here"}
    assert not scene.plan(volumes=True, installation="here").loses_data
    assert scene.plan(volumes=True, installation="another").loses_data


def test_of_one_service_only_that_goes() -> None:
    plan = Scene(SHOP).plan(services=("web",))
    assert did(plan) == ["stop:tale-web-1", "remove:tale-web-1"]


def test_orphans_stay_and_are_told_unless_asked() -> None:
    scene = Scene(SHOP)
    smaller = project(DB)
    plan = scene.plan(smaller)
    assert not any("web" in id for id in did(plan))
    assert "--remove-orphans" in plan.notes[0]
    network = next(step for step in plan.steps if step.verb is Verb.REMOVE_NETWORK)
    assert network.optional
    assert "remove:tale-web-1" in did(scene.plan(smaller, remove_orphans=True))


def test_what_does_not_run_is_only_removed() -> None:
    scene = Scene(SHOP)
    scene.world.clock.run(by_hand.docker_stop(scene.world, "tale-web-1"))
    assert "stop:tale-web-1" not in did(scene.plan())


def test_the_grace_is_passed_on() -> None:
    stops = [s for s in Scene(SHOP).plan(timeout_s=0.0).steps if s.verb is Verb.STOP_CONTAINER]
    assert {step.options["timeout_s"] for step in stops} == {0.0}


def test_of_nothing_there_is_nothing_to_do() -> None:
    assert Scene().plan().steps == ()
