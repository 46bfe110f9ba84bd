"""What a daemon does about an operation that its predecessor's death cut off."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from support import plans
from support.projects import HEALTHY, after, edited, project, service
from support.site import Daemon, House
from support.story import story
from tabib.engines.memory import CrashPoint
from tabib.model.errors import Interrupted
from tabib.model.project import Project
from tabib.operations.resume import LATELY

DB = service("db", check=True, volumes={"/data": "data"}, anonymous=["/anon"])
SHOP = project(DB, service("web", depends_on=after("db", condition=HEALTHY), ports=[8001]))
NEXT = edited(SHOP, "db", user="1")
LAST = edited(SHOP, "db", user="2")


def deployed(house: House, wanted: Project) -> bool:
    """Whether the containers are those of ``wanted``, and run."""
    shown = plans.picture(house.world)["containers"].values()
    found = {one["service"]: one["hash"] for one in shown}
    expected = {name: one.config_hash for name, one in wanted.services.items()}
    return found == expected and all(one["status"] == "running" for one in shown)


async def cut_off(house: House, *, at: int = 10) -> None:
    """SHOP runs, and an ``up`` of NEXT was cut off in the middle."""
    async with house.daemon() as daemon:
        await daemon.up(SHOP)
        await daemon.passes(5)
    crash = CrashPoint()

    async def die(daemon: Daemon) -> None:
        await daemon.passes(3)
        crash.arm(at)
        await daemon.up(NEXT)

    assert await house.dies(crash, die)
    assert not deployed(house, NEXT)


@story
async def test_it_is_completed_without_anybody_asking(house: House) -> None:
    await cut_off(house)
    async with house.daemon() as daemon:
        await daemon.passes(30)
        assert deployed(house, NEXT)
        assert await daemon.incidents() == []
        assert (await daemon.up(NEXT))["changed"] is False


@story
async def test_what_was_asked_for_since_wins(house: House) -> None:
    """The command comes with a newer file before the cut-off operation has had its turn."""
    await cut_off(house)
    async with house.daemon() as daemon:
        await daemon.up(LAST)
        await daemon.passes(60)
        assert deployed(house, LAST)
    async with house.daemon() as daemon:
        await daemon.passes(60)
        assert deployed(house, LAST)


@story
async def test_completed_by_a_person_it_is_not_done_again_at_the_next_start(house: House) -> None:
    await cut_off(house)
    async with house.daemon() as daemon:
        await daemon.up(NEXT)
        await daemon.up(LAST)
        await daemon.passes(10)
    before = plans.ids(house.world)
    for _ in range(2):
        async with house.daemon() as daemon:
            await daemon.passes(30)
    assert plans.ids(house.world) == before
    assert deployed(house, LAST)


@story
async def test_long_ago_it_is_left_to_a_person(house: House) -> None:
    await cut_off(house)
    await house.clock.sleep((LATELY + timedelta(minutes=1)).total_seconds())
    before = plans.ids(house.world)
    async with house.daemon() as daemon:
        await daemon.passes(60)
        assert plans.ids(house.world) == before
        await daemon.up(NEXT)
    assert deployed(house, NEXT)


@story
async def test_what_kills_the_daemon_again_is_not_tried_a_third_time(house: House) -> None:
    await cut_off(house)
    crash = CrashPoint()

    async def die_again(daemon: Daemon) -> None:
        crash.arm(8)
        await daemon.passes(30)

    assert await house.dies(crash, die_again)
    begun = len([e for e in house.world.events.log if e.action == "create"])
    async with house.daemon() as daemon:
        await daemon.passes(30)
        assert len([e for e in house.world.events.log if e.action == "create"]) == begun
        await daemon.up(NEXT)
    assert deployed(house, NEXT)


@story
async def test_a_down_that_was_cut_off_is_completed_and_keeps_volumes(house: House) -> None:
    async with house.daemon() as daemon:
        await daemon.up(SHOP)
        await daemon.passes(5)
    crash = CrashPoint()

    async def die(daemon: Daemon) -> None:
        await daemon.passes(3)
        crash.arm(6)
        await daemon.down("tale", project=SHOP, volumes=True, yes=True)

    assert await house.dies(crash, die)
    async with house.daemon() as daemon:
        await daemon.passes(30)
        assert plans.ids(house.world) == {}
        assert await daemon.incidents() == []
        assert await daemon.journal.all_care() == []
        assert "tale_data" in house.world.volumes
        await daemon.down("tale", project=SHOP, volumes=True, yes=True)
        assert "tale_data" not in house.world.volumes


@story
async def test_stopped_by_a_person_it_is_not_gone_on_with(house: House) -> None:
    async with house.daemon() as daemon:
        house.world.faults.slow(2.0, verb="create_container")
        operation = daemon.operation("up", "tale")
        asked = asyncio.create_task(daemon.up(SHOP, operation=operation))
        await daemon.passes(1)
        operation.stop()
        with pytest.raises(Interrupted):
            await asked
        before = plans.picture(house.world)
    async with house.daemon() as daemon:
        await daemon.passes(60)
        assert plans.picture(house.world) == before
        assert await daemon.incidents() == []
        await daemon.up(SHOP)
    assert deployed(house, SHOP)


@pytest.mark.parametrize("at", range(14, 30))
def test_dead_at_the_end_of_one_up_and_asked_for_others(house: House, at: int) -> None:
    """Completing what was complete leaves no trace, and must not be tried at every later start."""

    async def told() -> None:
        async with house.daemon() as daemon:
            await daemon.up(SHOP)
            await daemon.passes(5)
        crash = CrashPoint()

        async def die(daemon: Daemon) -> None:
            await daemon.passes(3)
            crash.arm(at)
            await daemon.up(NEXT)

        await house.dies(crash, die)
        async with house.daemon() as daemon:
            await daemon.passes(30)
            assert deployed(house, NEXT)
            await daemon.up(LAST)
        for _ in range(2):
            async with house.daemon() as daemon:
                await daemon.passes(30)
                assert deployed(house, LAST)

    house.run(told())
