"""The daemon dies at every journal write and engine call of a treatment; its successor goes on."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from support import plans
from support.projects import after, project, service
from support.site import Daemon, House
from tabib.engines.memory import CrashPoint, by_hand
from tabib.model.incident import Incident

DB = service("db", check=True, volumes={"/data": "data"}, anonymous=["/anon"])
SHOP = project(DB, service("web", depends_on=after("db"), ports=[8001], anonymous=["/cache"]))
CALM_S = 60.0
Harm = Callable[[House], Coroutine[Any, Any, None]]


async def _crash(house: House) -> None:
    by_hand.main_process_dies(house.world, "tale-web-1", 1)


async def _removed(house: House) -> None:
    await by_hand.docker_rm(house.world, "tale-web-1", force=True)


async def _unhealthy(house: House) -> None:
    """Until it is started again."""
    house.world.container("tale-db-1").program = plans.SICK


HARMS = {"crash": _crash, "rm -f": _removed, "unhealthy": _unhealthy}


async def harmed(house: House, harm: Harm, crash: CrashPoint, at: int = 0) -> list[Incident]:
    async with house.daemon() as daemon:
        await daemon.up(SHOP)
        await daemon.passes(5)
    kept = plans.mounts(house.world)

    async def suffers(daemon: Daemon) -> None:
        await daemon.passes(5)
        crash.arm(at)
        await harm(house)
        await daemon.passes(CALM_S)

    await house.dies(crash, suffers)
    async with house.daemon() as daemon:
        await daemon.passes(CALM_S * 2)
        found = await daemon.incidents()
        assert (await daemon.care("tale")).halted == {}
        if found and found[-1].outcome == "needs_human":
            await daemon.up(SHOP)
        assert (await daemon.up(SHOP))["changed"] is False
    assert plans.mounts(house.world) == kept
    return found


def unseen(crash: CrashPoint) -> bool:
    """Whether it died before it had opened an incident: then nobody knows what happened."""
    return "put_incident" not in crash.trace[: crash.at - crash.before]


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("name", HARMS)
def test_a_treatment_goes_on_after_any_death(name: str, before: bool, folder: Path) -> None:
    house = House(folder / "whole")
    whole = CrashPoint()
    assert [one.outcome for one in house.run(harmed(house, HARMS[name], whole))] == ["recovered"]
    assert "put_case" in whole.trace
    for number in range(1, whole.calls + 1):
        house = House(folder / str(number))
        crash = CrashPoint(before=before)
        found = house.run(harmed(house, HARMS[name], crash, at=number))
        outcomes = [one.outcome for one in found]
        if name == "rm -f" and unseen(crash):
            assert outcomes in (["recovered"], ["needs_human"]), crash.trace[-1]
        else:
            assert outcomes == ["recovered"], (crash.trace[-1], found)
