"""Care as stories: something fails, and this is what tabib makes of it."""

from __future__ import annotations

from support import plans
from support.patients import (
    ALONE,
    CALM_S,
    DB,
    ONCE,
    SHOP,
    acted,
    halted,
    look,
    only_incident,
    settled,
)
from support.projects import HEALTHY, after, project, service
from support.site import House
from support.story import story
from tabib.engines.memory import Program, by_hand
from tabib.model.errors import EngineError
from tabib.model.event import Event


@story
async def test_a_crash_is_healed_and_its_case_sealed_before_the_first_action(house: House) -> None:
    house.world.programs.set(*ONCE, service="web")
    async with house.daemon() as daemon:
        await settled(daemon)
        before = (await look(daemon, "tale-web-1")).id
        await daemon.passes(60)
        incident = await only_incident(daemon, "recovered")
        state = await look(daemon, "tale-web-1")
        assert (state.status, state.id) == ("running", before)
        case = await daemon.case(incident)
        assert (case.trigger, case.exit_code) == ("died", 1)
        treatment = incident.treatments[0]
        assert (treatment.action, treatment.outcome) == ("start", "verified")
        own = [one for one in await daemon.entries("intent") if one.at >= case.sealed_at]
        assert [one.data["verb"] for one in own] == ["start_container"]
        assert case.sealed_at <= own[0].at
        assert incident.rto_seconds is not None
        assert incident.rto_seconds < 5


@story
async def test_a_death_that_must_settle_was_seen_when_it_was_told(house: House) -> None:
    killed = Program(exit_code=137, after_s=20.0)
    house.world.programs.set(killed, Program(), service="web")
    async with house.daemon() as daemon:
        await settled(daemon)
        await daemon.passes(60)
        incident = await only_incident(daemon, "recovered")
        assert incident.seen_at is not None
        assert (incident.seen_at - incident.opened_at).total_seconds() < 0.1


@story
async def test_removed_by_force_it_is_recreated_with_its_anonymous_volumes(house: House) -> None:
    async with house.daemon() as daemon:
        await settled(daemon, SHOP)
        kept, before = plans.mounts(house.world), plans.ids(house.world)
        await by_hand.docker_rm(house.world, "tale-db-1", force=True)
        await daemon.passes(CALM_S)
        await only_incident(daemon, "recovered")
        assert plans.mounts(house.world) == kept
        after_ = plans.ids(house.world)
        changed = {name for name in before if before[name] != after_[name]}
        assert changed == {"tale-db-1"}
        assert (await daemon.up(SHOP))["changed"] is False


@story
async def test_unhealthy_it_is_restarted(house: House) -> None:
    async with house.daemon() as daemon:
        await settled(daemon, SHOP)
        by_hand.make_healthy(house.world, "tale-api-1", False)

        def cured(event: Event) -> None:
            if event.action == "start" and event.name == "tale-api-1":
                by_hand.make_healthy(house.world, "tale-api-1", None)

        daemon.listen(cured)
        await daemon.passes(CALM_S)
        incident = await only_incident(daemon, "recovered")
        assert [one.action for one in incident.treatments] == ["restart"]


@story
async def test_unhealthy_because_of_its_dependency_it_waits_for_that(house: House) -> None:
    async with house.daemon() as daemon:
        await settled(daemon, SHOP)
        by_hand.make_healthy(house.world, "tale-db-1", False)
        by_hand.make_healthy(house.world, "tale-api-1", False)

        def cured(event: Event) -> None:
            if event.action == "start" and event.name == "tale-db-1":
                by_hand.make_healthy(house.world, "tale-db-1", None)
                by_hand.make_healthy(house.world, "tale-api-1", None)

        daemon.listen(cured)
        await daemon.passes(CALM_S)
        found = {one.service: one for one in await daemon.incidents()}
        assert {one.outcome for one in found.values()} == {"recovered"}
        assert [one.action for one in found["db"].treatments] == ["restart"]
        assert found["api"].treatments == ()


@story
async def test_no_restart_storm_when_a_shared_dependency_is_down(house: House) -> None:
    """Three depend on db; db is stopped by hand, and all three turn unhealthy."""
    needs = after("db", condition=HEALTHY)
    many = project(DB, *(service(n, depends_on=needs, check=True) for n in ("a", "b", "c")))
    async with house.daemon() as daemon:
        await settled(daemon, many)
        await by_hand.docker_stop(house.world, "tale-db-1")
        for name in ("a", "b", "c"):
            by_hand.make_healthy(house.world, f"tale-{name}-1", False)
        before = len(await daemon.entries("intent"))
        await daemon.passes(600)
        assert len(await daemon.entries("intent")) == before
        assert {one.service for one in await daemon.incidents()} == {"a", "b", "c"}
        assert all(not acted(one) for one in await daemon.incidents())


@story
async def test_with_the_budget_spent_it_is_quarantined_until_a_person_starts_it(
    house: House,
) -> None:
    house.world.programs.set(Program(exit_code=1, after_s=20.0), service="web")
    async with house.daemon() as daemon:
        await settled(daemon)
        await daemon.until(lambda: halted(daemon, "tale-web-1"), 3000)
        incident = await only_incident(daemon, "needs_human")
        assert [one.action for one in incident.treatments] == ["start"] * 5 + ["quarantine"]
        assert (await look(daemon, "tale-web-1")).status == "exited"
        await daemon.passes(4000)
        assert len((await only_incident(daemon)).treatments) == 6
        house.world.programs.set(Program(), service="web")
        await daemon.act("start", "tale", "web")
        await daemon.passes(60)
        await only_incident(daemon, "recovered")
        assert (await daemon.care("tale")).halted == {}


@story
async def test_a_restart_policy_is_the_engines_turn(house: House) -> None:
    house.world.programs.set(*ONCE, service="web")
    async with house.daemon() as daemon:
        await settled(daemon, project(service("web", restart="unless-stopped")))
        await daemon.passes(CALM_S)
        incident = await only_incident(daemon, "recovered")
        assert not acted(incident)
        assert (await daemon.case(incident)).exit_code == 1


@story
async def test_a_restart_loop_is_quarantined(house: House) -> None:
    house.world.programs.set(Program(), Program(exit_code=3, after_s=0.2), service="web")
    looping = project(service("web", restart="always"))
    async with house.daemon() as daemon:
        await settled(daemon, looping)
        by_hand.main_process_dies(house.world, "tale-web-1", 3)
        await daemon.until(lambda: halted(daemon, "tale-web-1"))
        await daemon.passes(CALM_S)
        incident = await only_incident(daemon, "needs_human")
        assert [one.action for one in incident.treatments] == ["quarantine"]
        assert (await look(daemon, "tale-web-1")).status == "exited"


@story
async def test_with_its_network_gone_it_is_recreated_on_a_new_one(house: House) -> None:
    """A network can be pruned from under containers that crashed; they are attached by id."""
    house.world.programs.set(Program(exit_code=1, after_s=20.0), Program(), service="web")
    async with house.daemon() as daemon:
        await settled(daemon)
        kept = plans.anonymous(house.world)
        network = house.world.network("tale_default")
        assert network is not None
        by_hand.main_process_dies(house.world, "tale-web-1", 1)
        house.world.networks.pop(network.id)
        await daemon.passes(CALM_S)
        assert (await look(daemon, "tale-web-1")).status == "running"
        assert plans.anonymous(house.world) == kept
        assert {one.outcome for one in await daemon.incidents()} == {"recovered"}
        assert (await daemon.up(ALONE))["changed"] is False


@story
async def test_a_treatment_that_fails_is_tried_again(house: House) -> None:
    house.world.programs.set(*ONCE, service="web")
    async with house.daemon() as daemon:
        await settled(daemon)
        house.world.faults.fail(EngineError("no"), verb="start_container")
        await daemon.passes(CALM_S)
        incident = await only_incident(daemon, "recovered")
        assert [one.outcome for one in incident.treatments] == ["failed", "verified"]


@story
async def test_an_engine_that_stops_answering_during_a_treatment_delays_it(house: House) -> None:
    house.world.programs.set(*ONCE, service="web")
    async with house.daemon() as daemon:
        await settled(daemon)
        house.world.faults.fail(verb="observe", times=3)
        house.world.faults.fail(verb="inspect", times=3)
        await daemon.passes(CALM_S * 2)
        await only_incident(daemon, "recovered")
        assert (await look(daemon, "tale-web-1")).status == "running"
