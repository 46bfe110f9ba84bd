"""What care makes of the time when nobody watched: the daemon was dead, the engine went away, or
events were lost, doubled or late."""

from __future__ import annotations

import random
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from support import plans
from support.projects import HEALTHY, after, project, service
from support.site import House
from support.story import story
from tabib.engines.memory import by_hand
from tabib.model.incident import Incident

DB = service("db", check=True, volumes={"/data": "data"}, anonymous=["/anon"])
API = service("api", depends_on=after("db", condition=HEALTHY), check=True)
SHOP = project(DB, API, service("web", anonymous=["/cache"], ports=[8001]))
WORKERS = project(service("worker"))
CALM_S = 90.0


async def up_and_dead(house: House) -> None:
    """A project runs; the daemon that brought it up does not."""
    async with house.daemon() as daemon:
        await daemon.up(SHOP)
        await daemon.passes(10)
    await house.clock.sleep(60)


def status(house: House) -> dict[str, str]:
    return {name: house.world.container(name).status for name in sorted(plans.ids(house.world))}


def acted(incident: Incident) -> bool:
    return any(one.outcome not in ("offered", "refused") for one in incident.treatments)


RUNNING = {"tale-api-1": "running", "tale-db-1": "running", "tale-web-1": "running"}


@story
async def test_failed_while_the_daemon_was_dead_it_is_treated_at_its_return(house: House) -> None:
    await up_and_dead(house)
    by_hand.main_process_dies(house.world, "tale-web-1", 1)
    await house.clock.sleep(60)
    async with house.daemon() as daemon:
        await daemon.passes(CALM_S)
        found = await daemon.incidents()
        assert [(one.service, one.outcome) for one in found] == [("web", "recovered")]
    assert status(house) == RUNNING


@pytest.mark.parametrize("code", [0, 137, 143])
def test_ended_in_a_way_a_person_may_have_caused_it_is_reported(house: House, code: int) -> None:
    async def told() -> None:
        await up_and_dead(house)
        by_hand.main_process_dies(house.world, "tale-web-1", code)
        await house.clock.sleep(60)
        async with house.daemon() as daemon:
            await daemon.passes(CALM_S)
            found = await daemon.incidents()
            assert [(one.service, one.outcome) for one in found] == [("web", "needs_human")]
            assert [one.outcome for one in found[0].treatments] == ["offered"]
        assert status(house)["tale-web-1"] == "exited"
        async with house.daemon() as daemon:
            await daemon.passes(CALM_S)
            assert len((await daemon.incidents())[0].case_ids) == 1, "told once, not at every start"
            await daemon.act("start", "tale", "web")
            await daemon.passes(20)
            assert (await daemon.incidents())[0].outcome == "recovered"

    house.run(told())


@story
async def test_removed_while_nobody_watched_it_is_offered(house: House) -> None:
    await up_and_dead(house)
    await by_hand.docker_rm(house.world, "tale-web-1", force=True)
    await house.clock.sleep(60)
    async with house.daemon() as daemon:
        await daemon.passes(CALM_S)
        found = await daemon.incidents()
        assert [(one.service, one.outcome) for one in found] == [("web", "needs_human")]
        kept = await daemon.up(SHOP)
        assert kept["created"] == ["tale-web-1"]
    assert status(house) == RUNNING


@story
async def test_taken_down_while_nobody_watched_it_stays_down(house: House) -> None:
    await up_and_dead(house)
    await by_hand.compose_down(house.world, "tale")
    async with house.daemon() as daemon:
        await daemon.passes(CALM_S)
        assert await daemon.incidents() == []
    assert status(house) == {}


@story
async def test_stopped_before_the_daemon_died_it_is_still_stopped(house: House) -> None:
    async with house.daemon() as daemon:
        await daemon.up(SHOP)
        await daemon.passes(5)
        await by_hand.docker_stop(house.world, "tale-web-1")
        await daemon.passes(10)
    async with house.daemon() as daemon:
        await daemon.passes(CALM_S)
        assert await daemon.incidents() == []
    assert status(house)["tale-web-1"] == "exited"


# ── the engine goes away ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("killed", [False, True], ids=["shut down", "killed"])
def test_after_an_engine_restart_what_ran_is_brought_back(house: House, killed: bool) -> None:
    async def told() -> None:
        async with house.daemon() as daemon:
            await daemon.up(SHOP)
            await daemon.passes(5)
            await by_hand.docker_stop(house.world, "tale-web-1")
            await daemon.passes(60)
            await by_hand.restart_engine(house.world, down_s=5.0, killed=killed)
            await daemon.passes(CALM_S)
            assert {one.outcome for one in await daemon.incidents()} <= {"recovered"}
            assert (await daemon.care("tale")).halted == {"tale-web-1": "stopped"}

    house.run(told())
    assert status(house) == {**RUNNING, "tale-web-1": "exited"}


@story
async def test_after_a_reboot_what_ran_is_brought_back(house: House) -> None:
    """Engine and daemon were both down; the daemon is back first."""
    await up_and_dead(house)
    await by_hand.restart_engine(house.world, down_s=30.0, killed=True)
    async with house.daemon() as daemon:
        await daemon.passes(CALM_S)
        assert {one.outcome for one in await daemon.incidents()} <= {"recovered"}
    assert status(house) == RUNNING


@story
async def test_started_a_moment_before_the_engine_went_it_is_brought_back(house: House) -> None:
    """Recorded as stopped, then started: nobody had time to look at it again."""
    async with house.daemon() as daemon:
        await daemon.up(SHOP)
        await daemon.passes(5)
        await daemon.act("stop", "tale", "web")
        await daemon.passes(5)
        await daemon.act("start", "tale", "web")
        await daemon.act("stop", "tale", "web")
        await daemon.passes(5)
        await daemon.act("start", "tale", "web")
        await daemon.passes(0.3)
    await by_hand.restart_engine(house.world, down_s=30.0, killed=True)
    async with house.daemon() as daemon:
        await daemon.passes(CALM_S)
    assert status(house) == RUNNING


@story
async def test_a_worker_that_ends_gracefully_with_its_engine_is_brought_back(house: House) -> None:
    async with house.daemon() as daemon:
        await daemon.up(WORKERS)
        await daemon.passes(10)
    await by_hand.restart_engine(house.world, down_s=30.0)
    assert status(house) == {"tale-worker-1": "exited"}
    async with house.daemon() as daemon:
        await daemon.passes(CALM_S)
    assert status(house) == {"tale-worker-1": "running"}


@story
async def test_an_engine_that_is_away_for_a_while_costs_nothing(house: House) -> None:
    async with house.daemon() as daemon:
        await daemon.up(SHOP)
        await daemon.passes(5)
        await by_hand.restart_engine(house.world, down_s=120.0, live_restore=True)
        await daemon.passes(CALM_S)
        assert await daemon.incidents() == []
        by_hand.main_process_dies(house.world, "tale-web-1", 1)
        await daemon.passes(CALM_S)
        assert [one.outcome for one in await daemon.incidents()] == ["recovered"]
    assert status(house) == RUNNING


# ── events that do not come as they should ─────────────────────────────────────────────────────

Harm = Callable[[House], Coroutine[Any, Any, None]]


async def _crash(house: House) -> None:
    by_hand.main_process_dies(house.world, "tale-web-1", 1)


async def _rm(house: House) -> None:
    await by_hand.docker_rm(house.world, "tale-web-1", force=True)


async def _stop(house: House) -> None:
    await by_hand.docker_stop(house.world, "tale-web-1")


async def _kill(house: House) -> None:
    await by_hand.docker_kill(house.world, "tale-web-1")


async def _down(house: House) -> None:
    await by_hand.compose_down(house.world, "tale")


async def _forced(house: House) -> None:
    await by_hand.compose_force_recreate(house.world, "tale")


HARMS: dict[str, tuple[Harm, dict[str, str]]] = {
    "crash": (_crash, RUNNING),
    "rm -f": (_rm, RUNNING),
    "stop": (_stop, {**RUNNING, "tale-web-1": "exited"}),
    "kill": (_kill, {**RUNNING, "tale-web-1": "exited"}),
    "compose down": (_down, {}),
    "compose up --force-recreate": (_forced, RUNNING),
}


async def _harmed(house: House, harm: Harm, muddle: Callable[[], None]) -> list[Incident]:
    async with house.daemon() as daemon:
        await daemon.up(SHOP)
        await daemon.passes(5)
        muddle()
        await harm(house)
        await daemon.passes(5)
        house.world.faults.clear()
        await daemon.passes(CALM_S * 2)
        return await daemon.incidents()


@pytest.mark.parametrize("name", HARMS)
@pytest.mark.parametrize("seed", range(4))
def test_doubled_and_late_events_change_nothing(house: House, name: str, seed: int) -> None:
    harm, end = HARMS[name]
    late_s = random.Random(seed).uniform(0.01, 2.0)

    def muddle() -> None:
        # A stream keeps its order: what is late is late altogether.
        if seed % 2:
            house.world.faults.delay(late_s)
        else:
            house.world.faults.duplicate(probability=0.5)

    found = house.run(_harmed(house, harm, muddle))
    assert status(house) == end
    expected = 1 if name in ("crash", "rm -f") else 0
    assert len(found) == expected, [(one.container, one.cause.code) for one in found]
    assert all(one.outcome == "recovered" for one in found)


@pytest.mark.parametrize("name", ["crash", "stop", "kill", "rm -f", "compose down"])
def test_lost_events_end_safely(house: House, name: str) -> None:
    """What no event tells is found by looking: a failure is treated, what a person may have done
    is reported at most, and nothing that a person stopped is started."""
    harm, end = HARMS[name]

    def lose() -> None:
        house.world.faults.lose(lambda event: event.name == "tale-web-1" or name == "compose down")

    found = house.run(_harmed(house, harm, lose))
    if name == "crash":
        assert status(house) == RUNNING
        assert [one.outcome for one in found] == ["recovered"]
        return
    left = {key: value for key, value in end.items() if not (name == "rm -f" and "web" in key)}
    assert status(house) == left
    assert not any(acted(one) for one in found)


@story
async def test_a_broken_event_stream_is_taken_up_again(house: House) -> None:
    async with house.daemon() as daemon:
        await daemon.up(SHOP)
        await daemon.passes(5)
        for _ in range(3):
            house.world.events.disconnect()
            by_hand.main_process_dies(house.world, "tale-web-1", 1)
            await daemon.passes(CALM_S)
        found = await daemon.incidents()
        assert {one.outcome for one in found} == {"recovered"}
        assert sum(len(one.treatments) for one in found) == 3
    assert status(house) == RUNNING
