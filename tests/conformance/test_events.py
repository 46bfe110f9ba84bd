"""Which events a thing causes, in which order, with which attributes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from support.bench import NOWHERE, OBEDIENT, SLEEPER, Bench, actions, exits
from tabib.model.container import LABEL_PROJECT
from tabib.model.errors import StartFailed
from tabib.model.event import Event
from tabib.model.plan import Verb


async def test_create_and_start(bench: Bench) -> None:
    async with bench.recording() as seen:
        name = await bench.run("a", labels={"mine": "yes"})
    events = seen.of(name)
    assert actions(events) == ["create", "start"]
    for event in events:
        assert event.project == bench.prefix
        assert event.service == "a"
        assert event.slot == 1
        assert event.attributes["mine"] == "yes"
        assert event.attributes["image"] == "busybox:1.36"
        assert event.attributes["name"] == name
    times = [event.time_ns for event in seen.events]
    assert times == sorted(set(times))


async def test_stop_is_kill_die_stop(bench: Bench) -> None:
    name = await bench.run("a", OBEDIENT)
    await bench.clock.sleep(0.2)
    async with bench.recording() as seen:
        await bench.apply(Verb.STOP_CONTAINER, name, options={"timeout_s": 5})
    events = seen.of(name)
    assert actions(events) == ["kill", "die", "stop"]
    assert events[0].attributes["signal"] == "15"
    assert next(event.exit_code for event in events if event.action == "die") == 0


async def test_stop_without_patience_kills_twice(bench: Bench) -> None:
    name = await bench.run("a", SLEEPER)
    async with bench.recording() as seen:
        await bench.apply(Verb.STOP_CONTAINER, name, options={"timeout_s": 0})
    events = seen.of(name)
    assert actions(events) == ["kill", "kill", "die", "stop"]
    assert [event.attributes["signal"] for event in events[:2]] == ["15", "9"]
    assert next(event.exit_code for event in events if event.action == "die") == 137


async def test_stop_of_a_paused_container_unpauses_it(bench: Bench) -> None:
    name = await bench.run("a", SLEEPER)
    async with bench.recording() as seen:
        await bench.apply(Verb.PAUSE_CONTAINER, name)
        await bench.apply(Verb.STOP_CONTAINER, name, options={"timeout_s": 1})
    assert actions(seen.of(name)) == ["pause", "kill", "unpause", "kill", "die", "stop"]


async def test_kill_is_kill_die_without_stop(bench: Bench) -> None:
    name = await bench.run("a")
    async with bench.recording() as seen:
        await bench.apply(Verb.KILL_CONTAINER, name, options={"signal": "SIGKILL"})
        await bench.until(name, lambda c: c.status == "exited")
    events = seen.of(name)
    assert actions(events) == ["kill", "die"]
    assert events[0].attributes["signal"] == "9"


async def test_a_harmless_signal_is_only_kill(bench: Bench) -> None:
    name = await bench.run("a")
    async with bench.recording() as seen:
        await bench.apply(Verb.KILL_CONTAINER, name, options={"signal": "SIGHUP"})
    assert [e.attributes["signal"] for e in seen.of(name)] == ["1"]
    assert (await bench.engine.look(name)).status == "running"


async def test_forced_removal_is_kill_die_destroy(bench: Bench) -> None:
    name = await bench.run("a")
    async with bench.recording() as seen:
        await bench.apply(Verb.REMOVE_CONTAINER, name, options={"force": True})
    events = seen.of(name)
    assert actions(events) == ["kill", "die", "destroy"]
    assert events[0].attributes["signal"] == "9"
    assert events[2].project == bench.prefix
    assert (events[2].time_ns - events[1].time_ns) / 1e9 < 1.0


async def test_stop_then_remove_has_a_stop_between(bench: Bench) -> None:
    name = await bench.run("a")
    async with bench.recording() as seen:
        await bench.apply(Verb.STOP_CONTAINER, name, options={"timeout_s": 0})
        await bench.apply(Verb.REMOVE_CONTAINER, name)
    assert actions(seen.of(name)) == ["kill", "kill", "die", "stop", "destroy"]


async def test_main_process_that_dies_by_itself_is_only_die(bench: Bench) -> None:
    async with bench.recording() as seen:
        exiting = await bench.run("a", exits(3))
        await bench.until(exiting, lambda c: c.status == "exited")
        killed = await bench.run("b")
        await bench.kill_main_process(killed)
        await bench.until(killed, lambda c: c.status == "exited")
    assert actions(seen.of(exiting)) == actions(seen.of(killed)) == ["create", "start", "die"]
    assert seen.of(exiting)[2].exit_code == 3
    assert seen.of(killed)[2].exit_code == 137


async def test_restart_ends_in_start_and_restart(bench: Bench) -> None:
    name = await bench.run("a")
    async with bench.recording() as seen:
        await bench.apply(Verb.RESTART_CONTAINER, name, options={"timeout_s": 0})
    assert actions(seen.of(name)) == ["kill", "kill", "die", "stop", "start", "restart"]


async def test_pause_unpause_rename(bench: Bench) -> None:
    name = await bench.run("a")
    async with bench.recording() as seen:
        await bench.apply(Verb.PAUSE_CONTAINER, name)
        await bench.apply(Verb.UNPAUSE_CONTAINER, name)
        await bench.apply(Verb.RENAME_CONTAINER, name, options={"name": bench.name("b")})
    assert actions([e for e in seen.events if e.kind == "container"]) == [
        "pause",
        "unpause",
        "rename",
    ]
    assert seen.events[-1].name == bench.name("b")
    assert seen.events[-1].attributes["oldName"] == f"/{name}"


async def test_networks_and_volumes(bench: Bench) -> None:
    async with bench.recording() as seen:
        network, volume = await bench.network(), await bench.volume()
        mounts = (bench.mount(volume, "/data"),)
        name = await bench.run("a", mounts=mounts, endpoints=bench.endpoint(network))
        identity = (await bench.engine.look(name)).id
        await bench.apply(Verb.REMOVE_CONTAINER, name, options={"force": True})
        await bench.apply(Verb.REMOVE_NETWORK, network)
        await bench.apply(Verb.REMOVE_VOLUME, volume)
    of_network, of_volume = seen.of(network, "network"), seen.of(volume, "volume")
    assert actions(of_network) == ["create", "connect", "disconnect", "destroy"]
    assert {e.attributes.get("container") for e in of_network[1:3]} == {identity}
    assert [a for a in actions(of_volume) if a != "create"] == ["mount", "unmount", "destroy"]
    order = actions([e for e in seen.events if e.attributes.get("container") == identity])
    # Engine 20.10 connects before it mounts, newer ones the other way round
    assert [sorted(order[:2]), order[2:]] == [["connect", "mount"], ["disconnect", "unmount"]]


async def test_a_failed_start_causes_no_die(bench: Bench) -> None:
    async with bench.recording() as seen:
        name = await bench.create("a", NOWHERE)
        try:
            await bench.apply(Verb.START_CONTAINER, name)
        except StartFailed:
            pass
    assert actions(seen.of(name)) == ["create"]


async def test_health_status_says_which(bench: Bench) -> None:
    check = {"test": ["CMD", "test", "-f", "/ok"], "interval": "300ms", "retries": 1}
    async with bench.recording() as seen:
        name = await bench.run("a", service={"healthcheck": check})
        await bench.until(name, lambda c: c.health == "unhealthy")
        await bench.engine.exec(name, ["touch", "/ok"])
        await bench.until(name, lambda c: c.health == "healthy")
    told = [event for event in seen.of(name) if event.action == "health_status"]
    assert [event.attributes["health"] for event in told] == ["unhealthy", "healthy"]


async def test_since_replays_from_that_event_on(bench: Bench) -> None:
    async with bench.recording() as seen:
        name = await bench.create("a")
        await bench.apply(Verb.REMOVE_CONTAINER, name)
    first = seen.of(name)[0]
    again = []
    async with asyncio.timeout(5):
        async for event in bench.engine.events(since_ns=first.time_ns):
            if event.name == name:
                again.append(event)
            if event.name == name and event.action == "destroy":
                break
    assert again == seen.of(name)


async def test_at_die_a_list_may_still_say_running_and_an_inspection_waits(bench: Bench) -> None:
    network = await bench.network()
    name = await bench.run("a", endpoints=bench.endpoint(network))
    async for event in _kill_and_follow(bench, name):
        if event.name == name and event.action == "die":
            state = await bench.engine.look(name)
            assert (state.status, state.exit_code) == ("exited", 137)
            break


async def _kill_and_follow(bench: Bench, name: str) -> AsyncIterator[Event]:
    stream = bench.engine.events()
    waiting = asyncio.ensure_future(anext(stream))
    await bench.clock.sleep(0.3)
    await bench.kill_main_process(name)
    yield await waiting
    async for event in stream:
        yield event


async def test_labels_of_other_projects_do_not_mix(bench: Bench) -> None:
    async with bench.recording() as seen:
        name = await bench.create("a", labels={LABEL_PROJECT: f"{bench.prefix}x"})
    assert seen.of(name)[0].project == f"{bench.prefix}x"
