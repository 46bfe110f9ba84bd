"""Each verb on a container: what it does, that it can be repeated, and how it refuses."""

from __future__ import annotations

import pytest

from support.bench import NOWHERE, OBEDIENT, SLEEPER, Bench, exits
from tabib.model.errors import Bug, Conflict, ImageUnavailable, NotFound, PortTaken, StartFailed
from tabib.model.plan import Verb

PORT = 18931


async def test_created_container_does_not_run(bench: Bench) -> None:
    name = await bench.create("a")
    state = await bench.engine.look(name)
    assert (state.status, state.exit_code, state.started_at) == ("created", None, None)


async def test_create_answers_with_the_id(bench: Bench) -> None:
    result = await bench.apply(Verb.CREATE_CONTAINER, container=bench.spec("a"))
    assert (await bench.engine.look(bench.name("a"))).id == result.id


async def test_create_with_a_taken_name_conflicts(bench: Bench) -> None:
    await bench.create("a")
    with pytest.raises(Conflict) as caught:
        await bench.create("a")
    assert caught.value.details["code"] == "config.name-conflict"


async def test_create_without_the_image(bench: Bench) -> None:
    with pytest.raises(ImageUnavailable) as caught:
        await bench.create("a", image=f"{bench.prefix}/none:1")
    assert caught.value.details["code"] == "image.not-found"
    assert not await bench.exists(bench.name("a"))


async def test_start_runs_it_and_can_be_repeated(bench: Bench) -> None:
    name = await bench.run("a")
    first = await bench.engine.look(name)
    await bench.apply(Verb.START_CONTAINER, name)
    again = await bench.engine.look(name)
    assert first.status == again.status == "running"
    assert first.started_at is not None
    assert first.started_at == again.started_at


async def test_start_of_nothing(bench: Bench) -> None:
    with pytest.raises(NotFound):
        await bench.apply(Verb.START_CONTAINER, bench.name("none"))


async def test_start_of_a_missing_command(bench: Bench) -> None:
    name = await bench.create("a", NOWHERE)
    with pytest.raises(StartFailed) as caught:
        await bench.apply(Verb.START_CONTAINER, name)
    assert caught.value.details["code"] == "exit.command-not-found"
    state = await bench.engine.look(name)
    assert (state.status, state.exit_code) == ("created", 127)
    assert "nonesuch" in state.error


async def test_start_with_a_taken_port(bench: Bench) -> None:
    network = await bench.network()
    ports = {
        "ports": [{"target": 80, "published": str(PORT), "protocol": "tcp", "mode": "ingress"}]
    }
    await bench.run("a", service=ports, endpoints=bench.endpoint(network))
    second = await bench.create("b", service=ports, endpoints=bench.endpoint(network))
    with pytest.raises(PortTaken) as caught:
        await bench.apply(Verb.START_CONTAINER, second)
    assert caught.value.details["port"] == PORT
    assert caught.value.details["protocol"] == "tcp"
    assert caught.value.details["holder"] == bench.name("a")
    state = await bench.engine.look(second)
    assert state.status == "created"
    assert str(PORT) in state.error


async def test_a_port_is_free_again_once_its_holder_ends(bench: Bench) -> None:
    network = await bench.network()
    ports = {
        "ports": [{"target": 80, "published": str(PORT), "protocol": "tcp", "mode": "ingress"}]
    }
    first = await bench.run("a", service=ports, endpoints=bench.endpoint(network))
    await bench.apply(Verb.STOP_CONTAINER, first, options={"timeout_s": 0})
    second = await bench.run("b", service=ports, endpoints=bench.endpoint(network))
    assert (await bench.engine.look(second)).status == "running"


async def test_start_without_its_network(bench: Bench) -> None:
    network = await bench.network()
    name = await bench.create("a", endpoints=bench.endpoint(network))
    await bench.apply(Verb.REMOVE_NETWORK, network)
    with pytest.raises(StartFailed) as caught:
        await bench.apply(Verb.START_CONTAINER, name)
    assert caught.value.details["code"] == "network.missing"


async def test_a_network_made_anew_is_another_one(bench: Bench) -> None:
    network = await bench.network()
    name = await bench.run("a", endpoints=bench.endpoint(network))
    await bench.apply(Verb.STOP_CONTAINER, name, options={"timeout_s": 0})
    await bench.apply(Verb.REMOVE_NETWORK, network)
    await bench.network()
    with pytest.raises(StartFailed):
        await bench.apply(Verb.START_CONTAINER, name)
    state = await bench.engine.look(name)
    assert state.status == "exited"
    assert "not found" in state.error


async def test_stop_obeys_and_can_be_repeated(bench: Bench) -> None:
    name = await bench.run("a", OBEDIENT)
    await bench.clock.sleep(0.2)
    await bench.apply(Verb.STOP_CONTAINER, name, options={"timeout_s": 5})
    state = await bench.engine.look(name)
    assert (state.status, state.exit_code) == ("exited", 0)
    assert state.finished_at is not None
    await bench.apply(Verb.STOP_CONTAINER, name)
    assert await bench.engine.look(name) == state


async def test_stop_loses_patience(bench: Bench) -> None:
    name = await bench.run("a", SLEEPER)
    before = bench.clock.monotonic()
    await bench.apply(Verb.STOP_CONTAINER, name, options={"timeout_s": 1})
    assert 0.9 <= bench.clock.monotonic() - before < 5
    assert (await bench.engine.look(name)).exit_code == 137


async def test_stop_waits_as_long_as_the_container_says(bench: Bench) -> None:
    name = await bench.run("a", SLEEPER, service={"stop_grace_period": "1s"})
    before = bench.clock.monotonic()
    await bench.apply(Verb.STOP_CONTAINER, name)
    assert 0.9 <= bench.clock.monotonic() - before < 5


async def test_stop_of_nothing_succeeds(bench: Bench) -> None:
    await bench.apply(Verb.STOP_CONTAINER, bench.name("none"))


async def test_restart_starts_anew(bench: Bench) -> None:
    name = await bench.run("a")
    before = await bench.engine.look(name)
    await bench.apply(Verb.RESTART_CONTAINER, name, options={"timeout_s": 0})
    after = await bench.engine.look(name)
    assert (after.id, after.status, after.restarts) == (before.id, "running", 0)
    assert before.started_at is not None
    assert after.started_at is not None
    assert after.started_at > before.started_at


async def test_restart_starts_what_is_stopped(bench: Bench) -> None:
    name = await bench.create("a")
    await bench.apply(Verb.RESTART_CONTAINER, name, options={"timeout_s": 0})
    assert (await bench.engine.look(name)).status == "running"


async def test_kill_ends_it(bench: Bench) -> None:
    name = await bench.run("a")
    await bench.apply(Verb.KILL_CONTAINER, name, options={"signal": "SIGKILL"})
    state = await bench.until(name, lambda c: c.status == "exited")
    assert state.exit_code == 137


async def test_kill_of_what_does_not_run_conflicts(bench: Bench) -> None:
    name = await bench.create("a")
    with pytest.raises(Conflict):
        await bench.apply(Verb.KILL_CONTAINER, name, options={"signal": "SIGKILL"})


async def test_pause_and_unpause_can_be_repeated(bench: Bench) -> None:
    name = await bench.run("a")
    for verb, status in ((Verb.PAUSE_CONTAINER, "paused"), (Verb.UNPAUSE_CONTAINER, "running")):
        for _ in range(2):
            await bench.apply(verb, name)
            assert (await bench.engine.look(name)).status == status


async def test_pause_of_what_does_not_run_conflicts(bench: Bench) -> None:
    name = await bench.create("a")
    with pytest.raises(Conflict):
        await bench.apply(Verb.PAUSE_CONTAINER, name)


async def test_start_of_a_paused_container_conflicts(bench: Bench) -> None:
    name = await bench.run("a")
    await bench.apply(Verb.PAUSE_CONTAINER, name)
    with pytest.raises(Conflict):
        await bench.apply(Verb.START_CONTAINER, name)


async def test_remove_of_a_running_container_wants_force(bench: Bench) -> None:
    name = await bench.run("a")
    with pytest.raises(Conflict):
        await bench.apply(Verb.REMOVE_CONTAINER, name)
    await bench.apply(Verb.REMOVE_CONTAINER, name, options={"force": True})
    assert not await bench.exists(name)


async def test_remove_of_nothing_succeeds(bench: Bench) -> None:
    await bench.apply(Verb.REMOVE_CONTAINER, bench.name("none"), options={"force": True})


async def test_rename_frees_the_old_name(bench: Bench) -> None:
    name = await bench.create("a")
    identity = (await bench.engine.look(name)).id
    await bench.apply(Verb.RENAME_CONTAINER, name, options={"name": bench.name("b")})
    await bench.apply(Verb.RENAME_CONTAINER, identity, options={"name": bench.name("b")})
    assert (await bench.engine.look(bench.name("b"))).id == identity
    await bench.create("a")


async def test_rename_to_a_taken_name_conflicts(bench: Bench) -> None:
    name = await bench.create("a")
    await bench.create("b")
    with pytest.raises(Conflict):
        await bench.apply(Verb.RENAME_CONTAINER, name, options={"name": bench.name("b")})


async def test_wait_is_no_engine_call(bench: Bench) -> None:
    with pytest.raises(Bug):
        await bench.apply(Verb.WAIT, bench.name("a"))


async def test_wait_gives_the_exit_code(bench: Bench) -> None:
    name = await bench.run("a", exits(3, 0.3))
    assert await bench.engine.wait(name) == 3
    assert await bench.engine.wait(name) == 3


async def test_id_name_and_short_id_name_the_same(bench: Bench) -> None:
    name = await bench.create("a")
    state = await bench.engine.look(name)
    assert await bench.engine.look(state.id) == await bench.engine.look(state.id[:12]) == state
