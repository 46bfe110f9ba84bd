"""Which containers care is about: those that were brought up, exist, and shall run."""

from __future__ import annotations

from support import plans
from support.patients import (
    ALONE,
    CALM_S,
    SHOP,
    WEB,
    look,
    only_incident,
    settled,
)
from support.projects import project, service
from support.site import House
from support.story import story
from tabib.engines.memory import by_hand


@story
async def test_slots_are_those_that_exist(house: House) -> None:
    """After a scale-up, the first removed on purpose and one scaled away, the others are cared
    for; and a scaled-down slot is not."""
    many = project(service("w", ports=[], expose=["80"], anonymous=["/cache"]))
    async with house.daemon() as daemon:
        await daemon.up(many, scale={"w": 3})
        await daemon.passes(5)
        await daemon.act("scale", "tale", replicas={"w": 2})
        await daemon.passes(5)
        by_hand.main_process_dies(house.world, "tale-w-2", 1)
        await daemon.passes(CALM_S)
        assert sorted(plans.ids(house.world)) == ["tale-w-1", "tale-w-2"]
        assert (await look(daemon, "tale-w-2")).status == "running"
        await daemon.act("rm", "tale", "w", stop=True)
        await daemon.passes(CALM_S)
        assert plans.ids(house.world) == {}


@story
async def test_what_was_never_brought_up_is_not_missed(house: House) -> None:
    """``up`` of one service says nothing of the others."""
    two = project(WEB, service("other", ports=[8002]))
    async with house.daemon() as daemon:
        await daemon.up(two, "web")
        await daemon.passes(CALM_S * 2)
        assert await daemon.incidents() == []
        await daemon.up(two)
        await daemon.passes(CALM_S)
        by_hand.main_process_dies(house.world, "tale-other-1", 1)
        await daemon.passes(CALM_S)
        await only_incident(daemon, "recovered")


@story
async def test_what_was_only_created_is_not_missed_either(house: House) -> None:
    async with house.daemon() as daemon:
        await daemon.up(ALONE, no_start=True)
        await daemon.passes(CALM_S * 2)
        assert await daemon.incidents() == []
        await daemon.act("start", "tale")
        await daemon.passes(5)
        by_hand.main_process_dies(house.world, "tale-web-1", 1)
        await daemon.passes(CALM_S)
        await only_incident(daemon, "recovered")


@story
async def test_up_of_one_service_lets_only_that_run_again(house: House) -> None:
    """Names that begin alike are told apart, and fixed names are known."""
    many = project(
        service("web", ports=[8001]),
        service("web-admin", ports=[8002]),
        service("db", check=True, container_name="own"),
    )
    async with house.daemon() as daemon:
        await settled(daemon, many)
        await daemon.act("stop", "tale")
        await daemon.up(many, "web")
        assert set((await daemon.care("tale")).halted) == {"tale-web-admin-1", "own"}
        await daemon.up(many, "db")
        assert set((await daemon.care("tale")).halted) == {"tale-web-admin-1"}
        await by_hand.compose_down(house.world, "tale")
        await daemon.passes(CALM_S)
        await daemon.up(many, "web")
        assert set((await daemon.care("tale")).halted) == {"tale-web-admin-1", "own"}
        await daemon.passes(CALM_S)
        assert await daemon.incidents() == []


@story
async def test_a_dependency_that_up_starts_is_cared_for_again(house: House) -> None:
    async with house.daemon() as daemon:
        await settled(daemon, SHOP)
        await daemon.act("stop", "tale")
        await daemon.up(SHOP, "api")
        assert set((await daemon.care("tale")).halted) == {"tale-web-1"}
        await daemon.passes(5)
        by_hand.main_process_dies(house.world, "tale-db-1", 1)
        await daemon.passes(CALM_S)
        assert (await look(daemon, "tale-db-1")).status == "running"


@story
async def test_of_replicas_those_that_exist_are_cared_for(house: House) -> None:
    """A single replica may have any number: the first was removed while there were two."""
    single = project(service("w", expose=["80"]))
    async with house.daemon() as daemon:
        await daemon.up(single, scale={"w": 2})
        await daemon.passes(5)
        await by_hand.docker_stop(house.world, "tale-w-1")
        await daemon.passes(5)
        await by_hand.docker_rm(house.world, "tale-w-1")
        await daemon.passes(5)
        await daemon.up(single, scale={"w": 1})
        await daemon.passes(CALM_S)
        assert list(plans.ids(house.world)) == ["tale-w-2"]
        assert await daemon.incidents() == []
        by_hand.main_process_dies(house.world, "tale-w-2", 1)
        await daemon.passes(CALM_S)
        await only_incident(daemon, "recovered")
