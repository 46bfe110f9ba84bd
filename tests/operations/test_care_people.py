"""Care as stories: people stop, remove and recreate things, and limit what care may do."""

from __future__ import annotations

import pytest

from support import plans
from support.patients import (
    CALM_S,
    SHOP,
    WEB,
    acted,
    dead,
    halted,
    look,
    only_incident,
    settled,
)
from support.projects import project
from support.site import House
from support.story import story
from tabib.engines.memory import Program, by_hand


@story
async def test_stopped_by_hand_it_stays_stopped(house: House) -> None:
    async with house.daemon() as daemon:
        await settled(daemon, SHOP)
        await by_hand.docker_stop(house.world, "tale-web-1")
        await daemon.passes(CALM_S)
        assert (await look(daemon, "tale-web-1")).status == "exited"
        assert await daemon.incidents() == []
        assert await halted(daemon, "tale-web-1") == "stopped"
        await by_hand.docker_start(house.world, "tale-web-1")
        await daemon.passes(20)
        assert await halted(daemon, "tale-web-1") == ""


@story
async def test_killed_by_hand_it_stays_stopped(house: House) -> None:
    async with house.daemon() as daemon:
        await settled(daemon, SHOP)
        await by_hand.docker_kill(house.world, "tale-web-1")
        await daemon.passes(CALM_S)
        assert (await look(daemon, "tale-web-1")).status == "exited"
        assert await daemon.incidents() == []


@story
async def test_restarted_by_hand_nothing_is_said(house: House) -> None:
    async with house.daemon() as daemon:
        await settled(daemon, SHOP)
        await by_hand.docker_restart(house.world, "tale-web-1")
        await daemon.passes(CALM_S)
        assert await daemon.incidents() == []
        assert (await daemon.care("tale")).halted == {}


@story
async def test_taken_down_by_hand_it_stays_down(house: House) -> None:
    async with house.daemon() as daemon:
        await settled(daemon, SHOP)
        await by_hand.compose_down(house.world, "tale")
        await daemon.passes(CALM_S)
        assert plans.ids(house.world) == {}
        assert await daemon.incidents() == []
        assert (await daemon.care("tale")).halted["*"] == "removed"


@story
async def test_recreated_by_others_nothing_is_done(house: House) -> None:
    async with house.daemon() as daemon:
        await settled(daemon, SHOP)
        before = len(await daemon.entries("intent"))
        await by_hand.compose_force_recreate(house.world, "tale")
        ids = plans.ids(house.world)
        await daemon.passes(CALM_S)
        assert plans.ids(house.world) == ids
        assert len(await daemon.entries("intent")) == before
        assert await daemon.incidents() == []


@story
async def test_after_a_stop_a_removal_is_intent(house: House) -> None:
    async with house.daemon() as daemon:
        await settled(daemon, SHOP)
        await by_hand.docker_stop(house.world, "tale-web-1")
        await daemon.passes(5)
        await by_hand.docker_rm(house.world, "tale-web-1")
        await daemon.passes(CALM_S)
        assert "tale-web-1" not in plans.ids(house.world)
        assert await daemon.incidents() == []


@story
async def test_brought_up_again_by_others_after_a_down_it_is_cared_for_again(house: House) -> None:
    """Only what they start is: the others stay down."""
    async with house.daemon() as daemon:
        await settled(daemon, SHOP)
        copy = house.world.container("tale-db-1")
        await by_hand.compose_down(house.world, "tale")
        await daemon.passes(20)
        await by_hand.create_again(house.world, copy)
        await daemon.passes(20)
        halted = (await daemon.care("tale")).halted
        assert halted == {"tale-api-1": "removed", "tale-web-1": "removed"}
        by_hand.main_process_dies(house.world, "tale-db-1", 1)
        await daemon.passes(CALM_S)
        await only_incident(daemon, "recovered")


@story
async def test_our_own_stop_start_restart_kill_and_rm_open_nothing(house: House) -> None:
    async with house.daemon() as daemon:
        await settled(daemon, SHOP)
        for verb in ("restart", "stop", "start", "kill", "start"):
            await daemon.act(verb, "tale", "web")
            await daemon.passes(15)
        await daemon.act("rm", "tale", "web", stop=True)
        await daemon.passes(CALM_S)
        assert await daemon.incidents() == []
        assert (await daemon.care("tale")).halted == {"tale-web-1": "removed"}


@story
async def test_rm_leaves_what_runs_in_care(house: House) -> None:
    async with house.daemon() as daemon:
        await settled(daemon, SHOP)
        await daemon.act("stop", "tale", "web")
        await daemon.act("rm", "tale")
        assert (await daemon.care("tale")).halted == {"tale-web-1": "removed"}
        by_hand.main_process_dies(house.world, "tale-api-1", 1)
        await daemon.passes(CALM_S)
        await only_incident(daemon, "recovered")


@story
async def test_stopped_while_it_is_treated_it_stays_stopped(house: House) -> None:
    house.world.programs.set(Program(exit_code=1, after_s=20.0), service="web")
    async with house.daemon() as daemon:
        await settled(daemon)
        await daemon.until(lambda: dead(house, "tale-web-1", 3), 600)
        await daemon.act("stop", "tale", "web")
        treated = len((await only_incident(daemon)).treatments)
        await daemon.passes(600)
        incident = await only_incident(daemon)
        assert len(incident.treatments) == treated
        assert incident.outcome != "open"
        assert (await look(daemon, "tale-web-1")).status == "exited"


# ── how far care goes ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("mode", ["observe", "advise"])
def test_care_that_must_not_act_does_not(house: House, mode: str) -> None:
    async def told() -> None:
        house.world.programs.set(Program(exit_code=1, after_s=20.0), service="web")
        limited = project(WEB, extensions={"x-tabib": {"care": mode}})
        async with house.daemon() as daemon:
            await settled(daemon, limited)
            before = len(await daemon.entries("intent"))
            await daemon.passes(1000)
            assert len(await daemon.entries("intent")) == before
            incident = await only_incident(daemon, "needs_human")
            assert not acted(incident)
            assert len(incident.case_ids) == 1, "the same trouble is a case once"

    house.run(told())


@story
async def test_an_engine_that_others_own_is_only_observed(house: House) -> None:
    house.world.programs.set(Program(exit_code=1, after_s=60.0), service="web")
    async with house.daemon() as daemon:
        await settled(daemon)
        labels = {"tabib.installation": "somebody else", "tabib.hostname": "elsewhere"}
        await daemon.tools.engine.unclaim()
        await daemon.tools.engine.claim(labels)
        before = len(await daemon.entries("intent"))
        await daemon.passes(200)
        assert len(await daemon.entries("intent")) == before
        assert not acted(await only_incident(daemon, "needs_human"))


@story
async def test_detached_from_its_network_it_is_attached_again(house: House) -> None:
    async with house.daemon() as daemon:
        await settled(daemon, SHOP)
        by_hand.docker_network_disconnect(house.world, "tale_default", "tale-web-1")
        await daemon.passes(CALM_S)
        before = await look(daemon, "tale-web-1")
        assert "tale_default" in before.networks
        incident = await only_incident(daemon)
        assert incident.cause.code == "network.disconnected"
        assert [one.action for one in incident.treatments] == ["reconnect"]
        assert incident.outcome == "recovered"


@story
async def test_who_was_stopped_is_not_attached_again(house: House) -> None:
    async with house.daemon() as daemon:
        await settled(daemon, SHOP)
        await by_hand.docker_stop(house.world, "tale-web-1")
        by_hand.docker_network_disconnect(house.world, "tale_default", "tale-web-1")
        await daemon.passes(CALM_S)
        assert await daemon.incidents() == []
