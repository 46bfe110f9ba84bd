"""start, stop, restart, kill, pause, unpause and rm: order, choice, refusals."""

from __future__ import annotations

from typing import Any

import pytest

from support import plans
from support.projects import HEALTHY, after, project, service
from tabib.decide.lifecycle import lifecycle
from tabib.engines.memory import MemoryEngine, World, by_hand
from tabib.model.errors import Refused, UsageError
from tabib.model.plan import Plan, Step, Verb

DB = service("db", check=True)
WEB = service("web", depends_on=after("db", condition=HEALTHY), replicas=2)
SHOP = project(DB, WEB)
ALL = {"tale-db-1", "tale-web-1", "tale-web-2"}


class Scene:
    def __init__(self, stopped: tuple[str, ...] = ()) -> None:
        self.world: World = plans.world()
        self.engine = MemoryEngine(self.world)
        self.world.clock.run(plans.converge(self.engine, plans.desired(SHOP)))
        for name in stopped:
            self.world.clock.run(by_hand.docker_stop(self.world, name))

    def plan(self, verb: str, *services: str, **options: Any) -> Plan:
        async def made() -> Plan:
            observed = await self.engine.observe("tale", detail=False)
            return lifecycle(verb, "tale", observed, services=services, options=options)

        return self.world.clock.run(made())


def acts(plan: Plan) -> list[Step]:
    return [step for step in plan.steps if step.verb is not Verb.WAIT]


def names(plan: Plan) -> set[str]:
    return {step.subject for step in acts(plan)}


def of(plan: Plan, id: str) -> Step:
    return next(step for step in plan.steps if step.id == id)


def test_stop_goes_against_the_order_of_dependency() -> None:
    plan = Scene().plan("stop", timeout_s=3.0)
    assert names(plan) == ALL
    assert set(of(plan, "stop:tale-db-1").after) == {"stop:tale-web-1", "stop:tale-web-2"}
    assert of(plan, "stop:tale-db-1").options == {"timeout_s": 3.0}


def test_start_waits_for_the_condition_that_the_labels_name() -> None:
    plan = Scene(tuple(sorted(ALL))).plan("start")
    assert names(plan) == ALL
    assert of(plan, "start:tale-web-1").after == ("wait:tale-db-1:healthy",)
    assert of(plan, "wait:tale-web-2:ready").after == ("start:tale-web-2",)


def test_start_without_waiting() -> None:
    plan = Scene(("tale-web-1",)).plan("start", wait=False)
    assert [step.id for step in plan.steps] == ["start:tale-web-1"]


@pytest.mark.parametrize("verb", ["stop", "kill", "pause"])
def test_only_what_it_applies_to_is_touched(verb: str) -> None:
    scene = Scene(("tale-web-2",))
    plan = scene.plan(verb)
    assert names(plan) == ALL - {"tale-web-2"}
    assert plan.notes == ()
    assert scene.plan(verb, "web").notes == (f"tale-web-2 is exited; nothing to {verb}",)


def test_kill_has_a_signal() -> None:
    assert {step.options["signal"] for step in acts(Scene().plan("kill"))} == {"SIGKILL"}
    hup = Scene().plan("kill", signal="SIGHUP")
    assert {step.options["signal"] for step in acts(hup)} == {"SIGHUP"}


def test_unpause() -> None:
    scene = Scene()
    scene.world.container("tale-db-1").status = "paused"
    assert names(scene.plan("unpause")) == {"tale-db-1"}


def test_restart_is_of_everything_in_order() -> None:
    plan = Scene(("tale-web-1",)).plan("restart")
    assert names(plan) == ALL
    assert of(plan, "restart:tale-web-1").after == ("wait:tale-db-1:healthy",)


def test_rm_refuses_what_runs_unless_told_to_stop_it() -> None:
    scene = Scene()
    with pytest.raises(Refused) as caught:
        scene.plan("rm")
    assert "--stop" in caught.value.advice
    plan = scene.plan("rm", stop=True, volumes=True)
    assert names(plan) == ALL
    removals = [step for step in plan.steps if step.verb is Verb.REMOVE_CONTAINER]
    assert {step.options["volumes"] for step in removals} == {True}


def test_rm_takes_what_is_stopped_and_names_what_is_not() -> None:
    plan = Scene(("tale-web-1",)).plan("rm")
    assert names(plan) == {"tale-web-1"}
    assert "still running, left alone: tale-db-1, tale-web-2" in plan.notes[0]


def test_what_it_does_not_know_is_refused() -> None:
    with pytest.raises(UsageError, match="unknown action"):
        Scene().plan("explode")
    with pytest.raises(UsageError, match="service nonesuch has no container"):
        Scene().plan("stop", "nonesuch")


def test_restart_takes_along_who_asks_for_it() -> None:
    tied = project(
        service("db"),
        service("api", depends_on=after("db", restart=True)),
        service("web", depends_on=after("api", restart=True)),
        service("log", depends_on=after("db")),
    )
    world = plans.world()
    engine = MemoryEngine(world)
    world.clock.run(plans.converge(engine, plans.desired(tied)))

    async def made(**options: Any) -> Plan:
        observed = await engine.observe("tale", detail=False)
        return lifecycle("restart", "tale", observed, services=("db",), options=options)

    assert names(world.clock.run(made())) == {"tale-db-1", "tale-api-1", "tale-web-1"}
    assert names(world.clock.run(made(no_deps=True))) == {"tale-db-1"}
