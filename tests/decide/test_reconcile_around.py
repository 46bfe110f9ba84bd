"""Plans for what is around the services: networks, volumes, replicas, orphans."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from support import plans
from support.projects import (
    HEALTHY,
    after,
    network,
    project,
    service,
    volume,
)
from support.scene import Scene, before, did, step
from tabib.decide.desired import VolumePlace
from tabib.engines.memory import by_hand
from tabib.model.container import (
    LABEL_NUMBER,
    NetworkSpec,
)
from tabib.model.errors import ConfigError
from tabib.model.plan import Step, Verb

DB = service("db", check=True, volumes={"/data": "data"}, anonymous=["/anon"])
WEB = service("web", depends_on=after("db", condition=HEALTHY), ports=[8001])
SHOP = project(DB, WEB)


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
