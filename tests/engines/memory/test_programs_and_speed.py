"""Scripted programs, determinism, many loops on one world, and what it costs."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from support.bench import Bench, actions
from support.real_engine import IMAGE, step
from tabib.engines.memory import MemoryEngine, Program, VirtualClock, World
from tabib.model.container import LABEL_PROJECT, ContainerSpec, Endpoint, NetworkSpec
from tabib.model.event import Event
from tabib.model.plan import Verb

CHECK = {"test": ["CMD", "true"], "interval": "1s"}


async def _scripted(bench: Bench, service: str, /, *programs: Program, **fields: Any) -> str:
    """A running container of ``service`` with these programs."""
    assert isinstance(bench.engine, MemoryEngine)
    name = await bench.create(service, **fields)
    bench.engine.world.programs.set(*programs, service=service)
    await bench.apply(Verb.START_CONTAINER, name)
    return name


async def test_programs_by_service_change_from_start_to_start(bench: Bench) -> None:
    failing = Program(exit_code=1, after_s=0.1, log=["failed"])
    name = await _scripted(bench, "a", failing, Program(log=["fine"]))
    await bench.until(name, lambda c: c.status == "exited")
    await bench.apply(Verb.START_CONTAINER, name)
    await bench.clock.sleep(100)
    assert (await bench.engine.look(name)).status == "running"
    assert [line.text async for line in bench.engine.logs(name)] == ["failed", "fine"]


async def test_out_of_memory_of_a_child_is_an_event_alone(bench: Bench, world: World) -> None:
    child = await _scripted(bench, "a", Program(oom_after_s=1.0, oom_child=True))
    main = await _scripted(bench, "b", Program(oom_after_s=1.0))
    world.events.log.clear()
    await bench.clock.sleep(2)
    told = {
        name: actions([e for e in world.events.log if e.name == name]) for name in (child, main)
    }
    assert told == {child: ["oom"], main: ["oom", "die"]}
    state = await bench.engine.look(main)
    assert (state.exit_code, state.oom_killed) == (137, True)
    assert not (await bench.engine.look(child)).oom_killed


async def test_a_hanging_check_times_out(bench: Bench) -> None:
    check = {**CHECK, "timeout": "2s", "retries": 2}
    name = await _scripted(bench, "a", Program(hangs=True), service={"healthcheck": check})
    await bench.until(name, lambda c: c.health == "unhealthy")
    log = (await bench.engine.inspect(name))["State"]["Health"]["Log"]
    assert log[-1]["ExitCode"] == -1
    assert "exceeded timeout" in log[-1]["Output"]


async def test_history_is_a_ring_that_health_checks_flood(bench: Bench) -> None:
    name = await bench.run("a", service={"healthcheck": CHECK})
    await bench.clock.sleep(120)
    await bench.apply(Verb.STOP_CONTAINER, name, options={"timeout_s": 0})
    kept = [event.action for event in await _until_stop(bench)]
    assert kept[-1] == "stop"
    assert "create" not in kept


async def _until_stop(bench: Bench) -> list[Event]:
    found: list[Event] = []
    async for event in bench.engine.events(since_ns=0):
        found.append(event)
        if event.action == "stop":
            break
    return found


async def _up(world: World, count: int) -> None:
    engine = MemoryEngine(world)
    labels = {LABEL_PROJECT: "p"}
    await engine.apply(step(Verb.CREATE_NETWORK, network=NetworkSpec(name="n", labels=labels)))

    async def one(number: int) -> None:
        spec = ContainerSpec(
            name=f"p-s-{number}",
            project="p",
            service_name="s",
            slot=number,
            image=IMAGE,
            labels=labels,
            endpoints=(Endpoint(network="n"),),
            service={"healthcheck": CHECK},
        )
        await engine.apply(step(Verb.CREATE_CONTAINER, container=spec))
        await engine.apply(step(Verb.START_CONTAINER, spec.name))

    async with asyncio.TaskGroup() as group:
        for number in range(1, count + 1):
            group.create_task(one(number))
    while any(c.health != "healthy" for c in (await engine.observe("p")).containers):
        await world.clock.sleep(0.25)


def test_the_same_seed_gives_the_same_history() -> None:
    def history(seed: int) -> list[tuple[int, str, str]]:
        clock = VirtualClock()
        world = World(seed=seed, clock=clock)
        clock.run(_up(world, 10))
        return [(e.time_ns, e.action, e.id) for e in world.events.log]

    assert history(1) == history(1)
    assert history(1) != history(2)


def test_a_world_outlives_the_loop() -> None:
    clock = VirtualClock()
    world = World(clock=clock)
    world.programs.set(Program(exit_code=4, after_s=10.0), service="s")

    async def begin() -> None:
        engine = MemoryEngine(world)
        spec = ContainerSpec(
            name="x",
            project="p",
            service_name="s",
            slot=1,
            image=IMAGE,
            labels={"com.docker.compose.service": "s"},
        )
        await engine.apply(step(Verb.CREATE_CONTAINER, container=spec))
        await engine.apply(step(Verb.START_CONTAINER, "x"))

    async def end() -> int:
        return await MemoryEngine(world).wait("x")

    clock.run(begin())
    assert clock.run(end()) == 4
    assert 10.0 <= clock.monotonic() < 11.0


def test_thirty_containers_cost_milliseconds() -> None:
    began = time.process_time()
    for _ in range(5):
        clock = VirtualClock()
        clock.run(_up(World(clock=clock), 30))
    each_s = (time.process_time() - began) / (5 * 30)
    assert each_s < 0.003, f"{each_s * 1e3:.2f} ms CPU per container"
