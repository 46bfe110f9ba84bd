"""Injected faults strike where, when and as often as asked."""

from __future__ import annotations

import asyncio

import pytest

from support.bench import Bench
from support.real_engine import step
from tabib.engines.memory import CrashPoint, MemoryEngine, SimulatedCrash, VirtualClock, World
from tabib.model.container import NetworkSpec
from tabib.model.errors import Conflict, EngineUnavailable, TabibError
from tabib.model.event import Event
from tabib.model.plan import Verb


async def test_the_nth_call_fails_and_does_nothing(bench: Bench, world: World) -> None:
    world.faults.fail(verb="create_network", nth=2)
    await bench.network("n1")
    with pytest.raises(EngineUnavailable):
        await bench.network("n2")
    assert world.network("shop-n2") is None
    await bench.network("n2")


async def test_a_lost_answer_leaves_the_effect(bench: Bench, world: World) -> None:
    world.faults.fail(verb="create_network", target="shop-n1", after=True)
    with pytest.raises(EngineUnavailable):
        await bench.network("n1")
    with pytest.raises(Conflict):
        await bench.network("n1")


async def test_probability_is_by_seed(clock: VirtualClock) -> None:
    async def outcomes(seed: int) -> list[bool]:
        world = World(seed=seed, clock=clock)
        world.faults.fail(verb="info", times=-1, probability=0.5)
        engine, found = MemoryEngine(world), []
        for _ in range(30):
            try:
                await engine.info()
                found.append(True)
            except TabibError:
                found.append(False)
        return found

    first = await outcomes(1)
    assert first == await outcomes(1) != await outcomes(2)
    assert {True, False} == set(first)


async def test_slow_calls_take_longer(bench: Bench, world: World, clock: VirtualClock) -> None:
    world.faults.slow(40.0, verb="observe")
    await bench.engine.observe()
    assert clock.monotonic() >= 40.0


async def test_an_engine_that_is_down_answers_nothing(bench: Bench, world: World) -> None:
    world.faults.down = True
    for call in (bench.engine.info(), bench.engine.observe(), bench.network()):
        with pytest.raises(EngineUnavailable):
            await call


async def _seen(bench: Bench, count: int) -> list[Event]:
    found: list[Event] = []

    async def collect() -> None:
        async for event in bench.engine.events():
            found.append(event)
            if len(found) == count:
                return

    task = asyncio.create_task(collect())
    await bench.clock.sleep(0.1)
    for name in ("n1", "n2", "n3"):
        await bench.network(name)
    await asyncio.wait_for(task, 60)
    return found


async def test_lost_events(bench: Bench, world: World) -> None:
    world.faults.lose(lambda event: event.name == "shop-n2")
    assert [e.name for e in await _seen(bench, 2)] == ["shop-n1", "shop-n3"]
    assert [e.name for e in world.events.log] == ["shop-n1", "shop-n2", "shop-n3"]


async def test_duplicated_and_delayed_events(bench: Bench, world: World) -> None:
    world.faults.delay(5.0, lambda event: event.name == "shop-n1")
    world.faults.duplicate(lambda event: event.name == "shop-n2")
    events = await _seen(bench, 4)
    assert [e.name for e in events] == ["shop-n2", "shop-n2", "shop-n3", "shop-n1"]
    assert events[0] == events[1]
    assert events[3].time_ns < events[0].time_ns


async def test_a_broken_stream_raises(bench: Bench, world: World) -> None:
    stream = bench.engine.events()
    waiting = asyncio.ensure_future(anext(stream))
    await bench.clock.sleep(0.1)
    world.events.disconnect()
    with pytest.raises(EngineUnavailable):
        await waiting


async def _create_networks(engine: MemoryEngine) -> None:
    for name in ("n1", "n2", "n3"):
        await engine.apply(step(Verb.CREATE_NETWORK, network=NetworkSpec(name=name)))


@pytest.mark.parametrize("before", [True, False])
async def test_a_crash_before_or_after_the_effect_is_final(world: World, before: bool) -> None:
    crash = CrashPoint(at=2, before=before)
    engine = MemoryEngine(world, crash=crash)
    with pytest.raises(SimulatedCrash):
        await _create_networks(engine)
    assert world.network("n1") is not None
    assert (world.network("n2") is None) is before
    assert world.network("n3") is None
    for call in (engine.info(), engine.observe(), engine.claim({})):
        with pytest.raises(SimulatedCrash):
            await call
    survivor = MemoryEngine(world)
    await survivor.apply(step(Verb.REMOVE_NETWORK, "n1"))


async def test_a_journal_shares_the_count(world: World) -> None:
    class Journal:
        def __init__(self) -> None:
            self.kept: list[str] = []

        async def append(self, entry: str) -> None:
            self.kept.append(entry)

        async def read(self) -> list[str]:
            return self.kept

    crash, real = CrashPoint(at=3), Journal()
    engine, journal = MemoryEngine(world, crash=crash), crash.guard(real, ["append"])
    await journal.append("intent")
    await engine.apply(step(Verb.CREATE_NETWORK, network=NetworkSpec(name="n1")))
    assert await journal.read() == ["intent"]
    with pytest.raises(SimulatedCrash):
        await journal.append("outcome")
    assert real.kept == ["intent", "outcome"]
    with pytest.raises(SimulatedCrash):
        await journal.read()
    assert crash.trace == ["append", "create_network n1", "append"]
