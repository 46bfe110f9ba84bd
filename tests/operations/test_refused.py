"""What the engine refuses, to an ``up`` or to a treatment, is trouble like any other."""

from __future__ import annotations

import pytest

from support.patients import CALM_S, only_incident, settled
from support.projects import project, service
from support.site import House
from support.story import story
from tabib.engines.memory import Program, by_hand
from tabib.model.errors import TabibError

APP = project(service("web", command=["serve"], expose=["80"]))
REFUSED = 'exec: "serve": executable file not found in $PATH'
NO_COMMAND = Program(exit_code=127, start_error=REFUSED)


@story
async def test_a_refused_up_is_an_incident_until_it_comes_up(house: House) -> None:
    house.world.programs.set(NO_COMMAND, service="web")
    async with house.daemon() as daemon:
        with pytest.raises(TabibError):
            await daemon.up(APP)
        await daemon.passes(1)
        incident = await only_incident(daemon, "needs_human")
        assert incident.cause.code == "exit.command-not-found"
        assert not [one for one in incident.treatments if one.outcome != "refused"]
        case = await daemon.case(incident)
        assert (case.trigger, case.engine_error) == ("start_failed", REFUSED)
        house.world.programs.set(Program(), service="web")
        await daemon.up(APP)
        await daemon.passes(CALM_S)
        await only_incident(daemon, "recovered")


@story
async def test_an_up_that_fails_otherwise_is_none(house: House) -> None:
    """It was not healthy in time: its check, not the engine, tells of it."""
    checked = {"test": ["CMD", "true"], "interval": "1s"}
    app = project(service("web", command=["serve"], healthcheck=checked))
    async with house.daemon() as daemon:
        with pytest.raises(TabibError):
            await daemon.up(app, wait_timeout_s=0.5)
        await daemon.passes(1)
        assert not [one for one in await daemon.incidents() if one.cause.code.startswith("engine")]


@story
async def test_a_refused_treatment_tells_the_cause_anew(house: House) -> None:
    async with house.daemon() as daemon:
        await settled(daemon, APP)
        house.world.programs.set(NO_COMMAND, service="web")
        by_hand.main_process_dies(house.world, "tale-web-1", 137)
        await daemon.passes(CALM_S)
        incident = await only_incident(daemon, "needs_human")
        assert incident.cause.code == "exit.command-not-found"
        assert [one.action for one in incident.treatments][:1] == ["start"]
        assert incident.treatments[0].outcome == "failed"
        assert len([one for one in incident.treatments if one.action == "start"]) == 1
