"""Plans for particular cases: what is done, in which order, with which reason, and what is not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from support import plans
from support.projects import (
    COMPLETED,
    HEALTHY,
    after,
    edited,
    network,
    project,
    service,
    volume,
)
from tabib.decide.desired import VolumePlace
from tabib.engines.memory import MemoryEngine, World, by_hand
from tabib.model.container import (
    LABEL_NUMBER,
    LABEL_PROJECT,
    LABEL_SERVICE,
    ContainerSpec,
    Mount,
    NetworkSpec,
)
from tabib.model.errors import ConfigError
from tabib.model.plan import Plan, Step, Verb
from tabib.model.project import Project

DB = service("db", check=True, volumes={"/data": "data"}, anonymous=["/anon"])
WEB = service("web", depends_on=after("db", condition=HEALTHY), ports=[8001])
SHOP = project(DB, WEB)


class Scene:
    """A world in which something runs, and plans for it."""

    def __init__(self, runs: Project | None = None) -> None:
        self.world: World = plans.world()
        self.engine = MemoryEngine(self.world)
        if runs is not None:
            plans.set_jobs(self.world, runs)
            self.converge(runs)

    def converge(self, wanted: Project, **options: Any) -> Plan:
        return self.world.clock.run(plans.converge(self.engine, plans.desired(wanted, **options)))

    def plan(self, wanted: Project, **options: Any) -> Plan:
        return self.world.clock.run(plans.plan(self.engine, plans.desired(wanted, **options)))

    def do(self, harm: Callable[[World], Any]) -> None:
        async def act() -> None:
            await harm(self.world)

        self.world.clock.run(act())

    def put(self, name: str, **labels: str) -> None:
        """A container of the project that no plan of ours made."""
        known = {LABEL_PROJECT: "tale", LABEL_SERVICE: "web", LABEL_NUMBER: "1", **labels}
        spec = ContainerSpec(
            name=name, project="tale", service_name="web", slot=1, image="busybox:1.36",
            labels=known, network_mode="none",
        )  # fmt: skip
        made = self.engine.apply(
            Step(id="s", verb=Verb.CREATE_CONTAINER, subject=name, reason="", container=spec)
        )
        self.world.clock.run(made)


def did(plan: Plan) -> list[str]:
    return [step.id for step in plan.steps]


def step(plan: Plan, id: str) -> Step:
    return next(one for one in plan.steps if one.id == id)


def before(plan: Plan, id: str) -> set[str]:
    """Everything that must be done before a step."""
    found: set[str] = set()
    todo = [id]
    while todo:
        for one in step(plan, todo.pop()).after:
            if one not in found:
                found.add(one)
                todo.append(one)
    return found


# ── bringing up ────────────────────────────────────────────────────────────────────────────────


def test_from_nothing() -> None:
    plan = Scene().plan(SHOP)
    assert sorted(did(plan)) == [
        "create:tale-db-1", "create:tale-web-1", "network:tale_default", "start:tale-db-1",
        "start:tale-web-1", "volume:tale_data", "wait:tale-db-1:healthy", "wait:tale-web-1:ready",
    ]  # fmt: skip
    assert step(plan, "create:tale-web-1").after == ("network:tale_default",)
    assert "wait:tale-db-1:healthy" in step(plan, "start:tale-web-1").after
    assert not plan.empty


def test_containers_are_created_at_once_and_started_in_order() -> None:
    plan = Scene().plan(SHOP)
    assert before(plan, "create:tale-web-1") == {"network:tale_default"}
    assert "start:tale-db-1" in before(plan, "start:tale-web-1")


def test_without_start_nothing_is_started_or_awaited() -> None:
    plan = Scene().plan(SHOP, no_start=True)
    assert {one.verb for one in plan.steps} == {
        Verb.CREATE_NETWORK, Verb.CREATE_VOLUME, Verb.CREATE_CONTAINER,
    }  # fmt: skip


def test_without_waiting_only_conditions_are_awaited() -> None:
    plan = Scene().plan(SHOP, wait=False)
    assert [one.id for one in plan.steps if one.verb is Verb.WAIT] == ["wait:tale-db-1:healthy"]


def test_a_wait_has_its_limit() -> None:
    plan = Scene().plan(SHOP, wait_timeout_s=7.0)
    assert step(plan, "wait:tale-web-1:ready").options["timeout_s"] == 7.0


def test_only_what_was_named_and_what_it_needs() -> None:
    whole = project(DB, WEB, service("other"))
    assert Scene().plan(whole, services=("web",)).steps
    made = {one.subject for one in Scene().plan(whole, services=("web",)).steps}
    assert made == {"tale-db-1", "tale-web-1", "network tale_default", "volume tale_data"}
    alone = {one.subject for one in Scene().plan(whole, services=("web",), no_deps=True).steps}
    assert alone == {"tale-web-1", "network tale_default"}


def test_a_dependency_that_is_not_required_holds_nobody_up() -> None:
    optional = replace(after("db", condition=HEALTHY)[0], required=False)
    plan = Scene().plan(project(DB, service("web", depends_on=[optional])))
    assert step(plan, "wait:tale-db-1:healthy").optional


def test_a_finished_job_is_not_run_again_and_a_failed_one_is() -> None:
    job = project(service("job", extension={"job": True}), service("web"))
    scene = Scene(job)
    assert scene.plan(job).empty
    scene.world.container("tale-job-1").exit_code = 1
    assert did(scene.plan(job)) == ["start:tale-job-1", "wait:tale-job-1:completed"]


def test_an_awaited_job_is_waited_for() -> None:
    jobs = project(service("job"), service("web", depends_on=after("job", condition=COMPLETED)))
    plan = Scene().plan(jobs)
    assert "wait:tale-job-1:completed" in step(plan, "start:tale-web-1").after


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_what_does_not_run_is_started(how: str) -> None:
    scene = Scene(SHOP)
    act = by_hand.docker_stop if how == "stop" else by_hand.docker_kill
    scene.do(lambda world: act(world, "tale-web-1"))
    plan = scene.plan(SHOP)
    assert did(plan) == ["start:tale-web-1", "wait:tale-web-1:ready"]
    assert step(plan, "start:tale-web-1").reason == "it is not running"


def test_what_is_paused_is_left_alone_and_said() -> None:
    scene = Scene(SHOP)
    scene.world.container("tale-web-1").status = "paused"
    plan = scene.plan(SHOP)
    assert plan.steps == ()
    assert plan.notes == ("tale-web-1: it is paused; it is left as it is",)


# ── changes ────────────────────────────────────────────────────────────────────────────────────


def test_a_changed_service_is_replaced_create_first() -> None:
    scene = Scene(SHOP)
    old = scene.world.container("tale-web-1").id
    plan = scene.plan(edited(SHOP, "web", user="1"))
    assert did(plan) == [
        "create:tale-web-1", "stop:tale-web-1", "remove:tale-web-1", "rename:tale-web-1",
        "start:tale-web-1", "wait:tale-web-1:ready",
    ]  # fmt: skip
    assert step(plan, "create:tale-web-1").target == f"{old[:12]}_tale-web-1"
    assert step(plan, "stop:tale-web-1").reason == "its configuration changed"
    assert step(plan, "remove:tale-web-1").options == {"force": False, "volumes": False}


def test_anonymous_volumes_go_along_unless_new_ones_are_asked_for() -> None:
    scene = Scene(SHOP)
    volume_name = plans.anonymous(scene.world)["tale-db-1", "/anon"]
    changed = edited(SHOP, "db", user="1")
    kept = step(scene.plan(changed), "create:tale-db-1").container
    assert kept is not None
    assert Mount(type="volume", source=volume_name, target="/anon") in kept.mounts
    fresh = step(scene.plan(changed, renew_anonymous=True), "create:tale-db-1").container
    assert fresh is not None
    assert [one.source for one in fresh.mounts if one.target == "/anon"] == [""]


def test_an_anonymous_volume_that_the_file_drops_is_not_kept() -> None:
    scene = Scene(SHOP)
    dropped = project(service("db", check=True, volumes={"/data": "data"}), WEB)
    made = step(scene.plan(dropped), "create:tale-db-1").container
    assert made is not None
    assert [one.target for one in made.mounts] == ["/data"]


def test_kept_mounts_of_what_is_gone_are_those_that_the_file_still_has() -> None:
    mounts = tuple(Mount(type="volume", source=f"v{n}", target=f"/{n}") for n in ("anon", "gone"))
    plan = Scene().plan(SHOP, kept_mounts={"tale-db-1": mounts})
    made = step(plan, "create:tale-db-1").container
    assert made is not None
    assert [(one.source, one.target) for one in made.mounts] == [
        ("tale_data", "/data"), ("vanon", "/anon"),
    ]  # fmt: skip


def test_another_image_under_the_same_name_recreates() -> None:
    scene = Scene(SHOP)
    scene.world.add_image("busybox:1.36")
    plan = scene.plan(SHOP)
    assert step(plan, "create:tale-db-1").reason == "its image changed"
    assert scene.plan(SHOP, no_recreate=True).empty


def test_forced_recreation_is_of_what_was_named() -> None:
    plan = Scene(SHOP).plan(SHOP, services=("web",), force_recreate=True)
    assert {one.subject for one in plan.steps if one.verb is Verb.CREATE_CONTAINER} == {
        "tale-web-1"
    }
    plan = Scene(SHOP).plan(SHOP, services=("web",), always_recreate_deps=True)
    assert "create:tale-db-1" in did(plan)


def test_no_recreate_keeps_what_changed_but_not_what_cannot_start() -> None:
    scene = Scene(SHOP)
    assert scene.plan(edited(SHOP, "web", user="1"), no_recreate=True).empty
    scene.do(lambda world: by_hand.docker_stop(world, "tale-web-1"))
    scene.do(lambda world: by_hand.docker_stop(world, "tale-db-1"))
    found = scene.world.network("tale_default")
    assert found is not None
    del scene.world.networks[found.id]
    plan = scene.plan(SHOP, no_recreate=True)
    assert step(plan, "create:tale-web-1").reason == "network tale_default was removed"


def test_what_shares_a_network_goes_with_its_owner() -> None:
    shared = project(service("net", ports=[8001]), service("side", network_mode="service:net"))
    plan = Scene(shared).plan(edited(shared, "net", user="1"))
    assert step(plan, "create:tale-side-1").reason == (
        "it shares network_mode with net, which is recreated"
    )
    assert "rename:tale-net-1" in before(plan, "create:tale-side-1")
    assert "start:tale-net-1" in before(plan, "start:tale-side-1")


def test_what_shares_a_network_is_restarted_when_its_owner_is_started_again() -> None:
    shared = project(
        service("net", replicas=2), service("side", network_mode="service:net"), service("other")
    )
    scene = Scene(shared)
    scene.do(lambda world: by_hand.docker_stop(world, "tale-net-2"))
    assert "restart:tale-side-1" not in did(scene.plan(shared))
    scene.do(lambda world: by_hand.docker_stop(world, "tale-net-1"))
    plan = scene.plan(shared)
    assert "start:tale-net-1" in before(plan, "restart:tale-side-1")
    assert "restart:tale-other-1" not in did(plan)


def test_a_dependent_that_asks_for_it_is_restarted() -> None:
    tied = project(service("db"), service("web", depends_on=after("db", restart=True)))
    plan = Scene(tied).plan(edited(tied, "db", user="1"))
    assert "restart:tale-web-1" in did(plan)
    assert "start:tale-db-1" in before(plan, "restart:tale-web-1")


def test_a_port_is_freed_before_it_is_taken() -> None:
    first = project(service("a", ports=[8001]), service("b"))
    second = project(service("a"), service("b", ports=[8001]))
    plan = Scene(first).plan(second)
    assert "remove:tale-a-1" in before(plan, "start:tale-b-1")


def test_a_port_of_an_orphan_is_freed_too() -> None:
    plan = Scene(project(service("old", ports=[8001]))).plan(
        project(service("new", ports=[8001])), remove_orphans=True
    )
    assert "remove:tale-old-1" in before(plan, "start:tale-new-1")


# ── networks and volumes ───────────────────────────────────────────────────────────────────────


def test_a_changed_network_is_replaced_with_those_on_it_stopped() -> None:
    scene = Scene(SHOP)
    plan = scene.plan(replace(SHOP, networks={"default": network("default", internal=True)}))
    removal = before(plan, "remove-network:tale_default")
    assert removal == {"stop:tale-db-1", "stop:tale-web-1"}
    assert "remove-network:tale_default" in before(plan, "network:tale_default")
    assert "create:tale-db-1" in before(plan, "remove:tale-db-1")


@pytest.mark.parametrize(
    "options", [{"services": ("db",)}, {"no_recreate": True}, {"only": frozenset({"tale-db-1"})}]
)
def test_a_changed_network_stays_while_others_are_on_it(options: dict[str, Any]) -> None:
    relabelled = replace(SHOP, networks={"default": network("default", internal=True)})
    plan = Scene(SHOP).plan(relabelled, **options)
    assert plan.empty
    assert "tale-web-1 would have to leave it first" in " ".join(plan.notes)


def test_an_orphan_on_a_changed_network_is_named() -> None:
    relabelled = project(DB, networks={"default": network("default", internal=True)})
    scene = Scene(SHOP)
    assert any("tale-web-1 would have to leave" in note for note in scene.plan(relabelled).notes)
    assert "remove-network:tale_default" in did(scene.plan(relabelled, remove_orphans=True))


def test_a_network_of_somebody_else_is_used_as_it_is() -> None:
    scene = Scene()
    spec = network("default")
    made = Step(
        id="n", verb=Verb.CREATE_NETWORK, subject="", reason="",
        network=NetworkSpec(name=spec.name),
    )  # fmt: skip
    scene.world.clock.run(scene.engine.apply(made))
    plan = scene.plan(SHOP)
    assert "network:tale_default" not in did(plan)
    assert "was not made for this project" in plan.notes[0]


def test_external_things_must_be_there() -> None:
    outside = project(
        service("a", networks=["out"]), networks={"out": network("out", external=True)}
    )
    with pytest.raises(ConfigError) as caught:
        Scene().plan(outside)
    assert "docker network create out" in caught.value.advice
    outside = project(
        service("a", volumes={"/d": "out"}), volumes={"out": volume("out", external=True)}
    )
    with pytest.raises(ConfigError):
        Scene().plan(outside)


def test_a_changed_volume_stays_and_is_told() -> None:
    changed = replace(SHOP, volumes={"data": volume("data", labels={"v": "2"})})
    plan = Scene(SHOP).plan(changed)
    assert plan.empty
    assert "a volume is never replaced unasked" in plan.notes[0]


def test_a_place_gives_a_volume_its_folder_and_identity() -> None:
    place = VolumePlace(id="abc", generation=2, directory="/state/volumes/abc/g2", existing=True)
    made = step(Scene().plan(SHOP, places={"tale_data": place}), "volume:tale_data")
    assert made.volume is not None
    assert made.volume.directory == place.directory
    assert made.volume.labels["tabib.volume-generation"] == "2"
    assert "attached again" in made.reason


# ── too many, too few ──────────────────────────────────────────────────────────────────────────


def test_scaled_down_the_lowest_stay() -> None:
    many = project(service("w", replicas=3))
    plan = Scene(many).plan(many, scale={"w": 1})
    assert did(plan) == [
        "stop:tale-w-2", "remove:tale-w-2", "stop:tale-w-3", "remove:tale-w-3",
    ]  # fmt: skip


def test_scaled_up_the_lowest_free_slot_is_taken() -> None:
    many = project(service("w", replicas=3))
    scene = Scene(many)
    scene.do(lambda world: by_hand.docker_rm(world, "tale-w-2", force=True))
    made = [one.subject for one in scene.plan(many, scale={"w": 4}).steps if "create:" in one.id]
    assert made == ["tale-w-2", "tale-w-4"]


def test_orphans_stay_unless_asked_and_a_renamed_service_is_recognised() -> None:
    scene = Scene(project(service("old")))
    renamed = project(service("new"))
    plan = scene.plan(renamed)
    assert not any("old" in id for id in did(plan))
    assert "was old renamed to new?" in plan.notes[0]
    assert "remove:tale-old-1" in did(scene.plan(renamed, remove_orphans=True))


def test_a_renamed_service_keeps_its_container_name_once_the_orphan_is_gone() -> None:
    scene = Scene(project(service("old", container_name="fixed")))
    renamed = project(service("new", container_name="fixed"))
    made = scene.plan(renamed, remove_orphans=True)
    create = next(step for step in made.steps if step.verb is Verb.CREATE_CONTAINER)
    assert "remove:fixed" in create.after
    scene.converge(renamed, remove_orphans=True)
    assert scene.plan(renamed).empty


def test_a_service_without_active_profile_is_no_orphan() -> None:
    scene = Scene(SHOP)
    hidden = replace(project(DB), disabled={"web": WEB})
    plan = scene.plan(hidden, remove_orphans=True)
    assert plan.empty
    assert plan.notes == ()


def test_a_container_without_number_goes_only_with_the_whole_service() -> None:
    scene = Scene(SHOP)
    scene.put("stray", **{LABEL_NUMBER: "zero"})
    assert "remove:stray" in did(scene.plan(SHOP))
    assert scene.plan(SHOP, only=frozenset({"tale-web-1"})).empty


def test_a_halted_container_is_left() -> None:
    scene = Scene(SHOP)
    scene.do(lambda world: by_hand.docker_stop(world, "tale-web-1"))
    wanted = replace(plans.desired(SHOP), halted=frozenset({"tale-web-1"}))
    plan = scene.world.clock.run(plans.plan(scene.engine, wanted))
    assert plan.empty
    assert "it was stopped on purpose" in plan.notes[0]
