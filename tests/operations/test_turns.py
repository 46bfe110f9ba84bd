"""Who gets a turn at the engine: bounded, what has come furthest first, none lost."""

from __future__ import annotations

import asyncio

import pytest

from support.projects import after, project, service
from support.site import House
from support.story import story
from tabib.engines.memory.program import Latency
from tabib.model.plan import Plan, Step, Verb
from tabib.operations.execute import PARALLEL_CALLS, execute
from tabib.operations.turns import Turns


@pytest.mark.virtual
async def test_the_highest_rank_goes_first_and_equals_in_order() -> None:
    turns, order = Turns(1), []

    async def take(name: str, rank: int) -> None:
        async with turns.taken(rank):
            order.append(name)
            await asyncio.sleep(1)

    async with asyncio.TaskGroup() as group:
        for name, rank in (("first", 1), ("low", 1), ("high", 3), ("mid", 2), ("mid too", 2)):
            group.create_task(take(name, rank))
    assert order == ["first", "high", "mid", "mid too", "low"]


@pytest.mark.virtual
async def test_no_more_than_there_are_turns() -> None:
    turns, now, most = Turns(3), 0, 0

    async def take() -> None:
        nonlocal now, most
        async with turns.taken(1):
            now += 1
            most = max(most, now)
            await asyncio.sleep(1)
            now -= 1

    await asyncio.gather(*(take() for _ in range(10)))
    assert (now, most) == (0, 3)


@pytest.mark.virtual
@pytest.mark.parametrize("at_the_same_moment", [True, False])
async def test_who_leaves_the_queue_loses_nobodys_turn(at_the_same_moment: bool) -> None:
    turns = Turns(1)
    entered = asyncio.Event()

    async def hold() -> None:
        async with turns.taken(1):
            entered.set()
            await asyncio.sleep(1)

    async def take() -> str:
        async with turns.taken(1):
            return "had it"

    holder = asyncio.create_task(hold())
    await entered.wait()
    leaving, staying = asyncio.create_task(take()), asyncio.create_task(take())
    await asyncio.sleep(0.5)
    if at_the_same_moment:
        holder.add_done_callback(lambda _: leaving.cancel())
    else:
        leaving.cancel()
    async with asyncio.timeout(5):
        assert await staying == "had it"
        assert await take() == "had it"


@story
async def test_second_steps_begin_before_all_first_ones_have(house: House) -> None:
    """All stops before all removals would leave the engine with one kind of work at a time."""
    names = [f"c{number:02}" for number in range(3 * PARALLEL_CALLS)]
    steps = []
    for name in names:
        steps += [
            Step(id=f"one:{name}", verb=Verb.PULL_IMAGE, subject=name, reason="t", target=name),
            Step(id=f"two:{name}", verb=Verb.PULL_IMAGE, subject=name, reason="t", target=name,
                 after=(f"one:{name}",)),
        ]  # fmt: skip
    async with house.daemon() as daemon:
        for name in names:
            house.world.add_image(name, remote=True)
        await execute(
            daemon.tools, Plan(project="p", steps=tuple(steps)), daemon.operation("t", "p")
        )
        begun = [one.data["step"] for one in await daemon.entries("intent")]
    assert begun.index("two:c00") < begun.index(f"one:{names[-1]}")


@story
async def test_a_dependency_is_stopped_once_its_dependent_has_ended(house: House) -> None:
    """Not only once the engine has cleared up behind the dependent, and never before."""
    world = project(service("db"), service("web", depends_on=after("db")))
    async with house.daemon() as daemon:
        await daemon.up(world)
        house.world.latency = Latency(teardown_s=5.0)
        told = len(house.world.events.log)
        await daemon.down("tale", project=world)
        log = [(e.action, e.name) for e in house.world.events.log[told:]]
    assert log.index(("die", "tale-web-1")) < log.index(("kill", "tale-db-1"))
    assert log.index(("kill", "tale-db-1")) < log.index(("stop", "tale-web-1"))
