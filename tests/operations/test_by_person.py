"""What a person asks of an incident: treat, undo, close."""

from __future__ import annotations

from dataclasses import replace

import pytest

from support.patients import ALONE, CALM_S, DIES, ONCE, SHOP, acted, look, only_incident, settled
from support.projects import edited, project, service
from support.site import Daemon, House
from support.story import story
from tabib.engines.memory import Program, by_hand
from tabib.model.errors import NotHealthy, Refused, TabibError
from tabib.model.incident import Incident
from tabib.operations.by_person import close, treat_offered, undo

GOOD, BAD = ["serve"], ["serve", "--broken"]
APP = project(service("web", command=GOOD, expose=["80"]))
CRASHES = Program(exit_code=1, after_s=0.3)


async def treat(daemon: Daemon, incident: Incident) -> None:
    operation = daemon.operation("treat", "tale")
    await treat_offered(daemon.site, incident.id, "ada", operation)


async def take_back(daemon: Daemon, incident: Incident) -> None:
    await undo(daemon.site, incident.id, "ada", daemon.operation("undo", "tale"))


async def offered(house: House, daemon: Daemon) -> Incident:
    await settled(daemon, project(service("web", expose=["80"], extension={"care": "advise"})))
    await daemon.passes(60)
    incident = await only_incident(daemon, "needs_human")
    assert incident.treatments[-1].outcome == "offered"
    assert not acted(incident)
    return incident


@story
async def test_what_is_offered_is_done_when_a_person_says_so(house: House) -> None:
    house.world.programs.set(*ONCE, service="web")
    async with house.daemon() as daemon:
        incident = await offered(house, daemon)
        await treat(daemon, incident)
        after = await only_incident(daemon, "recovered")
        done = after.treatments[-1]
        assert (done.action, done.outcome, done.by) == ("start", "verified", "ada")
        assert (await look(daemon, "tale-web-1")).status == "running"
        with pytest.raises(Refused, match="it is over"):
            await treat(daemon, after)


@story
async def test_what_does_not_help_is_said(house: House) -> None:
    house.world.programs.set(DIES, CRASHES, service="web")
    async with house.daemon() as daemon:
        incident = await offered(house, daemon)
        with pytest.raises(NotHealthy, match="did not help"):
            await treat(daemon, incident)
        await daemon.passes(CALM_S)
        after = await only_incident(daemon, "needs_human")
        assert after.treatments[1].outcome == "not_verified"


@story
async def test_nothing_offered_nothing_done(house: House) -> None:
    house.world.programs.set(CRASHES, service="web", command=BAD)
    broken = edited(project(service("web", expose=["80"])), "web", command=BAD)
    async with house.daemon() as daemon:
        try:
            await daemon.up(broken)
        except TabibError:
            pass
        await daemon.until(lambda: _quarantined(daemon), 600)
        incident = await only_incident(daemon)
        before = await daemon.entries("intent")
        with pytest.raises(Refused, match="nothing is offered"):
            await treat(daemon, incident)
        assert await daemon.entries("intent") == before


async def _quarantined(daemon: Daemon) -> bool:
    found = await daemon.incidents()
    return bool(found) and found[0].outcome == "needs_human"


@story
async def test_a_quarantine_is_undone_by_a_start(house: House) -> None:
    house.world.programs.set(*[CRASHES] * 7, Program(), service="web")
    async with house.daemon() as daemon:
        try:
            await daemon.up(ALONE)
        except TabibError:
            pass
        await daemon.until(lambda: _quarantined(daemon), 600)
        incident = await only_incident(daemon)
        assert incident.treatments[-1].action == "quarantine"
        house.world.programs.set(Program(), service="web")
        await take_back(daemon, incident)
        await daemon.passes(30)
        after = await only_incident(daemon, "recovered")
        assert after.treatments[-1].outcome == "undone"
        assert (await look(daemon, "tale-web-1")).status == "running"


@story
async def test_a_rollback_is_undone_and_then_left_to_the_person(house: House) -> None:
    house.world.programs.set(CRASHES, service="web", command=BAD)
    async with house.daemon() as daemon:
        await settled(daemon, APP)
        try:
            await daemon.up(edited(APP, "web", command=BAD))
        except TabibError:
            pass
        await daemon.passes(CALM_S)
        incident = await only_incident(daemon, "recovered")
        assert incident.treatments[-1].action == "rollback"
        await take_back(daemon, incident)
        record = house.world.container("tale-web-1", "look")
        assert list(record.command) == BAD
        await daemon.passes(CALM_S)
        after = await only_incident(daemon)
        assert [one.action for one in after.treatments].count("rollback") == 1


@story
async def test_a_restart_cannot_be_undone(house: House) -> None:
    house.world.programs.set(*ONCE, service="web")
    async with house.daemon() as daemon:
        await settled(daemon)
        await daemon.passes(60)
        with pytest.raises(Refused, match="undone by a stop"):
            await take_back(daemon, await only_incident(daemon, "recovered"))


@story
async def test_closed_by_a_person_it_stays_closed_until_something_happens(house: House) -> None:
    house.world.programs.set(*ONCE, service="web")
    async with house.daemon() as daemon:
        incident = await offered(house, daemon)
        await close(daemon.tools, incident.id, "known", "ada")
        await daemon.passes(CALM_S * 2)  # looked at several times
        after = await only_incident(daemon, "mitigated")
        assert (after.closed_by, after.closed_at is not None) == ("user", True)
        assert after.timeline[-1].text == "closed by ada: known"
        with pytest.raises(Refused, match="closed already"):
            await close(daemon.tools, incident.id, "", "ada")
        await by_hand.docker_start(house.world, "tale-web-1")
        await daemon.passes(20)
        by_hand.main_process_dies(house.world, "tale-web-1", 1)
        await daemon.passes(20)
        again = await only_incident(daemon, "needs_human")
        assert again.reopened == 1


@story
async def test_closing_a_cause_closes_its_symptoms(house: House) -> None:
    async with house.daemon() as daemon:
        await settled(daemon, SHOP)
        by_hand.make_healthy(house.world, "tale-db-1", False)
        by_hand.make_healthy(house.world, "tale-api-1", False)
        await daemon.passes(20)
        found = {one.service: one for one in await daemon.incidents()}
        assert found["api"].parent == found["db"].id
        await close(daemon.tools, found["db"].id, "", "ada")
        assert {one.closed_by for one in await daemon.incidents()} == {"user"}


@story
async def test_an_offered_quarantine_is_a_stop(house: House) -> None:
    looping = project(service("web", restart="always", extension={"care": "advise"}))
    house.world.programs.set(Program(), Program(exit_code=3, after_s=0.2), service="web")
    async with house.daemon() as daemon:
        await settled(daemon, looping)
        by_hand.main_process_dies(house.world, "tale-web-1", 3)
        await daemon.until(lambda: _quarantined(daemon), 200)
        incident = await only_incident(daemon)
        assert (incident.treatments[-1].action, incident.treatments[-1].outcome) == (
            "quarantine",
            "offered",
        )
        await treat(daemon, incident)
        assert (await look(daemon, "tale-web-1")).status == "exited"
        assert (await only_incident(daemon)).outcome == "needs_human"


@story
async def test_with_advice_only_a_symptom_waits_under_its_cause(house: House) -> None:
    """And nothing is offered for it that the cause's treatment makes needless."""
    advised = {name: edited(SHOP, name).services[name] for name in ("db", "api")}
    shop = project(*(replace(one, extension={"care": "advise"}) for one in advised.values()))
    async with house.daemon() as daemon:
        await settled(daemon, shop)
        by_hand.make_healthy(house.world, "tale-db-1", False)
        by_hand.make_healthy(house.world, "tale-api-1", False)
        await daemon.passes(CALM_S)
        found = {one.service: one for one in await daemon.incidents()}
        assert found["db"].treatments[-1].outcome == "offered"
        assert found["api"].treatments == ()
        assert found["api"].parent == found["db"].id
        for name in ("tale-db-1", "tale-api-1"):
            by_hand.make_healthy(house.world, name, None)
        await daemon.passes(CALM_S)
        assert {one.outcome for one in await daemon.incidents()} == {"recovered"}
