"""Health checks and restart policies: what the engine does by itself."""

from __future__ import annotations

from support.bench import SLEEPER, Bench, actions, exits
from tabib.model.plan import Verb

ALWAYS = {"restart": "always"}


async def test_no_health_check_no_health(bench: Bench) -> None:
    name = await bench.run("a")
    assert (await bench.engine.look(name)).health == ""


async def test_health_goes_from_starting_to_healthy(bench: Bench) -> None:
    check = {"test": ["CMD", "true"], "interval": "300ms"}
    name = await bench.run("a", service={"healthcheck": check})
    assert (await bench.engine.look(name)).health == "starting"
    await bench.until(name, lambda c: c.health == "healthy")
    log = (await bench.engine.inspect(name))["State"]["Health"]
    assert (log["Status"], log["FailingStreak"]) == ("healthy", 0)
    assert log["Log"][0]["ExitCode"] == 0


async def test_unhealthy_after_its_retries_and_never_restarted_for_it(bench: Bench) -> None:
    check = {"test": ["CMD-SHELL", "echo no; exit 1"], "interval": "250ms", "retries": 3}
    name = await bench.run("a", service={"healthcheck": check, **ALWAYS})
    started = (await bench.engine.look(name)).started_at
    assert started is not None
    state = await bench.until(name, lambda c: c.health == "unhealthy")
    assert (bench.clock.now() - started).total_seconds() >= 0.7
    assert (state.status, state.restarts) == ("running", 0)
    health = (await bench.engine.inspect(name))["State"]["Health"]
    assert health["FailingStreak"] >= 3
    assert health["Log"][-1]["ExitCode"] == 1
    assert health["Log"][-1]["Output"] == "no\n"


async def test_failures_in_the_start_period_do_not_count(bench: Bench) -> None:
    check = {
        "test": ["CMD", "test", "-f", "/ok"],
        "interval": "200ms",
        "retries": 1,
        "start_period": "30s",
    }
    name = await bench.run("a", service={"healthcheck": check})
    await bench.clock.sleep(1.0)
    assert (await bench.engine.look(name)).health == "starting"
    await bench.engine.exec(name, ["touch", "/ok"])
    await bench.until(name, lambda c: c.health == "healthy")
    await bench.engine.exec(name, ["rm", "/ok"])
    await bench.until(name, lambda c: c.health == "unhealthy")


async def test_a_disabled_check_is_none(bench: Bench) -> None:
    name = await bench.run("a", service={"healthcheck": {"disable": True}})
    await bench.clock.sleep(0.3)
    assert (await bench.engine.look(name)).health == ""


async def test_always_restarts_and_backs_off(bench: Bench) -> None:
    async with bench.recording() as seen:
        name = await bench.run("a", exits(3), service=ALWAYS)
        state = await bench.until(name, lambda c: c.restarts >= 4)
        await bench.apply(Verb.REMOVE_CONTAINER, name, options={"force": True})
    assert state.restart_policy == "always"
    events = [event for event in seen.of(name) if event.action in ("start", "die")]
    assert actions(events[:7]) == ["start", "die"] * 3 + ["start"]
    for turn in range(3):
        died, started = events[2 * turn + 1], events[2 * turn + 2]
        assert (started.time_ns - died.time_ns) / 1e9 >= 0.1 * 2**turn


async def test_between_two_tries_it_is_restarting(bench: Bench) -> None:
    name = await bench.run("a", exits(3), service=ALWAYS)
    state = await bench.until(name, lambda c: c.status == "restarting" and c.restarts >= 2)
    assert state.exit_code == 3
    await bench.apply(Verb.STOP_CONTAINER, name, options={"timeout_s": 0})
    stopped = await bench.engine.look(name)
    await bench.clock.sleep(1.0)
    assert (await bench.engine.look(name)).status == stopped.status == "exited"
    assert (await bench.engine.look(name)).restarts == stopped.restarts


async def test_on_failure_gives_up(bench: Bench) -> None:
    name = await bench.run("a", exits(3), service={"restart": "on-failure:2"})
    state = await bench.until(name, lambda c: c.restarts == 2 and c.status == "exited")
    assert state.exit_code == 3
    await bench.clock.sleep(1.0)
    assert (await bench.engine.look(name)).restarts == 2


async def test_on_failure_lets_success_be(bench: Bench) -> None:
    name = await bench.run("a", exits(0), service={"restart": "on-failure"})
    await bench.until(name, lambda c: c.status == "exited")
    await bench.clock.sleep(0.5)
    assert (await bench.engine.look(name)).restarts == 0


async def test_no_policy_no_restart(bench: Bench) -> None:
    name = await bench.run("a", exits(3))
    await bench.until(name, lambda c: c.status == "exited")
    await bench.clock.sleep(0.5)
    assert (await bench.engine.look(name)).restarts == 0


async def test_a_kill_through_the_engine_is_not_restarted_one_past_it_is(bench: Bench) -> None:
    name = await bench.run("a", SLEEPER, service=ALWAYS)
    await bench.kill_main_process(name)
    await bench.until(name, lambda c: c.restarts == 1 and c.status == "running")
    await bench.apply(Verb.KILL_CONTAINER, name, options={"signal": "SIGKILL"})
    state = await bench.until(name, lambda c: c.status == "exited")
    await bench.clock.sleep(0.5)
    assert await bench.engine.look(name) == state


async def test_starting_by_hand_counts_restarts_anew(bench: Bench) -> None:
    name = await bench.run("a", exits(3), service={"restart": "on-failure:1"})
    await bench.until(name, lambda c: c.restarts == 1 and c.status == "exited")
    async with bench.recording() as seen:
        await bench.apply(Verb.START_CONTAINER, name)
        await bench.clock.sleep(0.2)
        await bench.until(name, lambda c: c.restarts == 1 and c.status == "exited")
    assert actions(seen.of(name)) == ["start", "die", "start", "die"]
