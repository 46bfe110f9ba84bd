"""Plans for particular cases: what is done, in which order, with which reason, and what is not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from support import plans
from support.projects import (
    COMPLETED,
    HEALTHY,
    after,
    edited,
    project,
    service,
)
from support.scene import Scene, before, did, step
from tabib.engines.memory import by_hand
from tabib.model.container import (
    Mount,
)
from tabib.model.plan import Verb

DB = service("db", check=True, volumes={"/data": "data"}, anonymous=["/anon"])
WEB = service("web", depends_on=after("db", condition=HEALTHY), ports=[8001])
SHOP = project(DB, WEB)


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
