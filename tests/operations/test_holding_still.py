"""Writers held still for a copy, on the memory engine: whatever fails, they are let go."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager

import pytest

from operations.test_execute import FullDisk, container, run
from support.site import Daemon, House
from support.story import story
from tabib.model.container import ContainerState
from tabib.model.errors import EngineError, StateUnusable
from tabib.model.plan import Plan, Verb
from tabib.operations.backups.kinds.holding_still import still

NO_TIME = EngineError("the engine has no time", attempted="do", target="it")
NAMES = ("a", "b")


async def started(daemon: Daemon) -> list[ContainerState]:
    for name in NAMES:
        (await run(daemon, *container(name))).raise_first(Plan(project="p"), "start")
    return await seen(daemon)


async def seen(daemon: Daemon) -> list[ContainerState]:
    observed = await daemon.tools.engine.observe(detail=False)
    mine = [one for one in observed.containers if one.name in NAMES]
    return sorted(mine, key=lambda one: one.name)


async def statuses(daemon: Daemon) -> list[str]:
    return [one.status for one in await seen(daemon)]


def held(daemon: Daemon, containers: Sequence[ContainerState]) -> AbstractAsyncContextManager[None]:
    return still(daemon.tools, containers, Verb.PAUSE_CONTAINER, project="p")


@story
async def test_where_one_cannot_be_paused_the_others_are_let_go(house: House) -> None:
    async with house.daemon() as daemon:
        containers = await started(daemon)
        house.world.faults.fail(NO_TIME, verb="pause_container", nth=2)
        with pytest.raises(EngineError, match="no time"):
            async with held(daemon, containers):
                pytest.fail("it was not held")
        assert await statuses(daemon) == ["running", "running"]


@story
async def test_paused_though_the_answer_was_lost_it_is_let_go(house: House) -> None:
    async with house.daemon() as daemon:
        containers = await started(daemon)
        house.world.faults.fail(NO_TIME, verb="pause_container", after=True)
        with pytest.raises(EngineError, match="no time"):
            async with held(daemon, containers):
                pytest.fail("it was not held")
        assert await statuses(daemon) == ["running", "running"]


@story
async def test_the_engine_is_asked_again_to_let_go(house: House) -> None:
    async with house.daemon() as daemon:
        containers = await started(daemon)
        house.world.faults.fail(NO_TIME, verb="unpause_container", times=5)
        async with held(daemon, containers):
            assert await statuses(daemon) == ["paused", "paused"]
        assert await statuses(daemon) == ["running", "running"]


@story
async def test_one_that_cannot_be_let_go_is_named(house: House) -> None:
    async with house.daemon() as daemon:
        containers = await started(daemon)
        target = containers[1].id
        house.world.faults.fail(NO_TIME, verb="unpause_container", target=target, times=-1)
        with pytest.raises(EngineError) as caught:
            async with held(daemon, containers):
                pass
        assert "`docker unpause b`" in caught.value.advice
        assert await statuses(daemon) == ["running", "paused"]


@story
async def test_cancelled_again_and_again_they_are_let_go(house: House) -> None:
    async with house.daemon() as daemon:
        containers = await started(daemon)
        house.world.faults.slow(2.0, verb="unpause_container")
        entered = asyncio.Event()

        async def hold() -> None:
            async with held(daemon, containers):
                entered.set()
                await asyncio.sleep(3600)

        task = asyncio.create_task(hold())
        await entered.wait()
        for _ in range(3):
            task.cancel()
            await asyncio.sleep(0.1)
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await statuses(daemon) == ["running", "running"]


@story
async def test_cancelled_while_they_are_paused_they_are_let_go(house: House) -> None:
    async with house.daemon() as daemon:
        containers = await started(daemon)
        house.world.faults.slow(2.0, verb="pause_container")

        async def hold() -> None:
            async with held(daemon, containers):
                pytest.fail("it was cancelled before")

        task = asyncio.create_task(hold())
        await asyncio.sleep(0.5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(10)
        assert await statuses(daemon) == ["running", "running"]


@pytest.mark.parametrize("room", range(5))
def test_without_room_in_the_journal_they_are_let_go(house: House, room: int) -> None:
    """The one thing that is done though it is not announced."""

    async def told() -> None:
        async with house.daemon() as daemon:
            containers = await started(daemon)
            journal = daemon.tools.journal
            daemon.tools.journal = FullDisk(journal, room)
            try:
                async with held(daemon, containers):
                    assert "paused" in await statuses(daemon)
                    daemon.tools.journal = FullDisk(journal, 0)
            except StateUnusable:
                assert room < 4
            daemon.tools.journal = journal
            assert await statuses(daemon) == ["running", "running"]

    house.run(told())
