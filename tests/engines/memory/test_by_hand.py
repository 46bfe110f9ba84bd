"""What people and reboots do, as sequences recorded on the real engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from support.bench import OBEDIENT, SLEEPER, Bench, actions, exits
from tabib.engines.memory import World, by_hand
from tabib.model.errors import EngineUnavailable, StartFailed
from tabib.model.event import Event
from tabib.model.plan import Verb


def _of(world: World, name: str) -> list[Event]:
    return [e for e in world.events.log if e.kind == "container" and e.name == name]


async def test_compose_down(bench: Bench, world: World) -> None:
    network, volume = await bench.network(), await bench.volume()
    names = [
        await bench.run(
            service,
            OBEDIENT,
            endpoints=bench.endpoint(network),
            mounts=(bench.mount(volume, "/data"),),
        )
        for service in ("a", "b")
    ]
    world.events.log.clear()
    await by_hand.compose_down(world, "shop")
    for name in names:
        assert actions(_of(world, name)) == ["kill", "die", "stop", "destroy"]
    assert (world.events.log[-1].kind, world.events.log[-1].action) == ("network", "destroy")
    assert list(world.volumes) == [volume]
    assert not world.containers


async def test_compose_force_recreate_creates_before_it_kills(bench: Bench, world: World) -> None:
    name = await bench.run("a", OBEDIENT, mounts=(bench.mount("", "/anon"),))
    old = world.container(name)
    world.events.log.clear()
    await by_hand.compose_force_recreate(world, "shop")
    new = world.container(name)
    assert new.id != old.id
    assert new.mounts[0].name == old.mounts[0].name
    told = [(e.action, e.id == new.id) for e in world.events.log if e.kind == "container"]
    assert told == [
        ("create", True),
        ("kill", False),
        ("die", False),
        ("stop", False),
        ("destroy", False),
        ("rename", True),
        ("start", True),
    ]


async def test_kill_then_remove_looks_like_a_forced_removal(bench: Bench, world: World) -> None:
    for name, act in (
        (await bench.run("a"), by_hand.docker_kill_then_rm),
        (await bench.run("b"), None),
    ):
        world.events.log.clear()
        if act is not None:
            await act(world, name)
        else:
            await by_hand.docker_rm(world, name, force=True)
        assert actions(_of(world, name)) == ["kill", "die", "destroy"]


@pytest.mark.parametrize("killed", [True, False])
async def test_engine_restart(bench: Bench, world: World, killed: bool) -> None:
    policies = ("no", "always", "unless-stopped", "on-failure")
    for policy in policies:
        await bench.run(policy, SLEEPER, service={"restart": policy})
    for policy in ("always", "unless-stopped"):
        stopped = await bench.run(f"stopped-{policy}", service={"restart": policy})
        await bench.apply(Verb.STOP_CONTAINER, stopped, options={"timeout_s": 0})
    before = (await bench.engine.info()).started_at
    stream = bench.engine.events()
    waiting = asyncio.ensure_future(anext(stream))
    await bench.clock.sleep(0.1)
    world.events.log.clear()
    await by_hand.restart_engine(world, killed=killed)
    with pytest.raises(EngineUnavailable):
        await _to_the_end(waiting, stream)
    await bench.clock.sleep(2)
    running = {
        c.service for c in (await bench.engine.observe()).containers if c.status == "running"
    }
    assert running == {"always", "unless-stopped", "on-failure", "stopped-always"}
    told = actions(_of(world, bench.name("no")))
    assert told == ([] if killed else ["kill", "kill", "die", "stop"])
    assert (await bench.engine.look(bench.name("no"))).exit_code == 137
    after = (await bench.engine.info()).started_at
    assert before is not None
    assert after is not None
    assert after > before


async def _to_the_end(first: asyncio.Future[Event], stream: AsyncIterator[Event]) -> None:
    await first
    async for _ in stream:
        pass


async def test_live_restore_keeps_containers(bench: Bench, world: World) -> None:
    name, ending = await bench.run("a"), await bench.run("b", exits(5, 0.5))
    before = await bench.engine.look(name)
    world.events.log.clear()
    await by_hand.restart_engine(world, live_restore=True)
    assert await bench.engine.look(name) == before
    assert (await bench.engine.look(ending)).exit_code == 5
    assert world.events.log == [], "nobody was there to tell that it ended"


async def test_a_lost_volume_comes_back_empty_unless_its_directory_stayed(
    bench: Bench, world: World
) -> None:
    plain = await bench.volume("plain")
    kept = await bench.volume("kept", directory="/state/g1")
    mounts = (bench.mount(plain, "/plain"), bench.mount(kept, "/kept"))
    name = await bench.run("a", mounts=mounts)
    await bench.engine.exec(name, ["touch", "/plain/x", "/kept/x"])
    await by_hand.docker_rm(world, name, force=True)
    by_hand.lose_volume(world, plain)
    by_hand.lose_volume(world, kept, data=False)
    await bench.volume("plain")
    await bench.volume("kept", directory="/state/g1")
    again = await bench.run("a", mounts=mounts)
    assert (await bench.engine.exec(again, ["test", "-f", "/plain/x"])).exit_code == 1
    assert (await bench.engine.exec(again, ["test", "-f", "/kept/x"])).exit_code == 0


async def test_a_missing_directory_stops_the_start(bench: Bench, world: World) -> None:
    volume = await bench.volume(directory="/state/g1")
    name = await bench.create("a", mounts=(bench.mount(volume, "/data"),))
    world.missing_paths.add("/state/g1")
    with pytest.raises(StartFailed) as caught:
        await bench.apply(Verb.START_CONTAINER, name)
    assert caught.value.details["code"] == "storage.volume-lost"
