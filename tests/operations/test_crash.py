"""The daemon dies at every single journal write and engine call, before it and after it; a new one
on the same state folder, and the same command again, come to the same end. Exhaustive."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from support import plans
from support.projects import COMPLETED, HEALTHY, after, edited, network, project, service
from support.site import Daemon, House
from tabib.engines.memory import CrashPoint, Program
from tabib.model.project import Project

DB = service("db", volumes={"/data": "data"}, anonymous=["/anon"], check=True)
JOB = service("job", depends_on=after("db", condition=HEALTHY), extension={"job": True})
API = service("api", depends_on=after("job", condition=COMPLETED), replicas=2)
WEB = service("web", depends_on=after("api"), ports=[8001], anonymous=["/tmp"])
SHOP = project(DB, JOB, API, WEB)
NEXT = edited(edited(SHOP, "db", user="1"), "web", user="1")
RELABELLED = project(DB, WEB, networks={"default": network("default", labels={"v": "2"})})
Command = Callable[[Daemon], Awaitable[Any]]


def up(wanted: Project, **options: Any) -> Command:
    return lambda daemon: daemon.up(wanted, **options)


@dataclass(frozen=True)
class Story:
    """``before`` runs; then ``command`` dies and is given again."""

    command: Command
    before: Project | None = SHOP
    runs: bool = True
    repeats: bool = False
    """Given once more, it changes something again."""


STORIES = {
    "up": Story(up(SHOP), before=None),
    "up with changes": Story(up(NEXT)),
    "up with another network": Story(up(RELABELLED), before=project(DB, WEB)),
    "up --force-recreate": Story(
        up(project(DB, WEB), force_recreate=True), project(DB, WEB), repeats=True
    ),
    "up --scale": Story(up(SHOP, scale={"api": 1})),
    "down": Story(lambda daemon: daemon.down("tale", project=SHOP), runs=False),
    "down -v": Story(
        lambda daemon: daemon.down("tale", project=SHOP, volumes=True, yes=True), runs=False
    ),
    "restart": Story(lambda daemon: daemon.act("restart", "tale"), repeats=True),
    "scale": Story(lambda daemon: daemon.act("scale", "tale", replicas={"api": 3})),
}


async def prepare(house: House, story: Story) -> None:
    house.world.programs.set(Program(after_s=0.05, exit_code=0), service="job")
    if story.before is not None:
        async with house.daemon() as daemon:
            await daemon.up(story.before)
            await daemon.passes(3)


async def tell(house: House, story: Story, crash: CrashPoint) -> tuple[Any, ...]:
    """The story with a death in it; what there is in the end."""
    await prepare(house, story)
    kept = plans.anonymous(house.world)
    await house.dies(crash, story.command)
    async with house.daemon() as daemon:
        await story.command(daemon)
        again = await story.command(daemon) if story.runs else {"changed": False}
        await daemon.passes(20)
        assert again["changed"] is story.repeats
        await nothing_stuck(daemon, story)
        assert await daemon.incidents() == []
    anonymous = plans.anonymous(house.world)
    lost = {key for key, volume in kept.items() if anonymous.get(key, volume) != volume}
    assert not lost
    return (plans.picture(house.world),)


async def nothing_stuck(daemon: Daemon, story: Story) -> None:
    record = await daemon.journal.care(daemon.tools.info.id, "tale")
    if not story.runs:
        assert record is None
        assert "tabib_owner" not in daemon.tools.engine.world.volumes
        return
    assert record is not None
    assert not {name: why for name, why in record.halted.items() if why != "finished"}
    releases = await daemon.journal.releases(daemon.tools.info.id, "tale")
    assert releases[0].verdict == "good"
    assert record.release == releases[0].number


def calls_of(folder: Path, story: Story) -> tuple[int, Any]:
    """How many writes and calls the command makes, and the end without any death."""
    house = House(folder)
    crash = CrashPoint()

    async def whole() -> Any:
        await prepare(house, story)
        await house.dies(crash, story.command)
        async with house.daemon() as daemon:
            await daemon.passes(20)
        return (plans.picture(house.world),)

    end = house.run(whole())
    return crash.calls, end


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("name", STORIES)
def test_a_daemon_that_dies_anywhere(name: str, before: bool, folder: Path) -> None:
    story = STORIES[name]
    calls, end = calls_of(folder / "whole", story)
    assert calls > 5
    for number in range(1, calls + 1):
        house = House(folder / str(number))
        crash = CrashPoint(at=number, before=before)
        told = house.run(tell(house, story, crash))
        assert told == end, crash.trace[-1]
