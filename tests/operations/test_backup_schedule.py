"""The schedule of copies on a memory engine: when, how often, and what is told when it fails."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

from support.memory_repositories import MemoryRepository, backup_tools
from support.projects import project, service
from support.site import Daemon, House
from support.story import story
from tabib.model.backup import DrillResult, Snapshot
from tabib.model.errors import CopyFailed
from tabib.model.incident import Incident
from tabib.operations.backups import schedule as scheduling
from tabib.operations.backups.schedule import Schedule
from tabib.operations.operation import Operation
from tabib.operations.tools import Tools

WEB = project(service("web", volumes={"/srv/uploads": "uploads"}))
BARE = project(service("web"))
HOUR = 3600.0
DAY = 24 * HOUR


def prepared(house: House, daemon: Daemon) -> MemoryRepository:
    daemon.tools.backups = backup_tools(house.world)
    return daemon.tools.backups.repositories.repository  # type: ignore[attr-defined,no-any-return]


async def snapshots(daemon: Daemon) -> list[Snapshot]:
    return await daemon.journal.snapshots(daemon.tools.info.id, "tale")


async def incidents(daemon: Daemon, *, open_only: bool = True) -> list[Incident]:
    return await daemon.journal.incidents(project="tale", open_only=open_only)


def about(one: timedelta, other: timedelta) -> bool:
    return abs(one - other) < timedelta(seconds=1)


@story
async def test_the_first_snapshot_comes_soon_and_the_next_ones_by_the_schedule(
    house: House,
) -> None:
    async with house.daemon(acts=False) as daemon:
        repository = prepared(house, daemon)
        task = asyncio.create_task(Schedule(daemon.tools).run())
        leaving_out = {"backup": {"exclude": ["*.tmp"]}}
        uploads = {"/srv/uploads": "uploads"}
        await daemon.up(project(service("web", volumes=uploads, extension=leaving_out)))
        await house.clock.sleep(240)
        assert await snapshots(daemon) == []
        await house.clock.sleep(120)
        (first,) = await snapshots(daemon)
        assert (first.trigger, first.volumes) == ("schedule", ("uploads",))
        assert repository.excludes == ("*.tmp",)
        for days in range(1, 3):
            await house.clock.sleep(DAY)
            assert len(await snapshots(daemon)) == days + 1
        assert await incidents(daemon, open_only=False) == []
        task.cancel()


@story
async def test_downtime_is_caught_up_with_once(house: House) -> None:
    async with house.daemon(acts=False) as daemon:
        prepared(house, daemon)
        await daemon.up(WEB)
        schedule = Schedule(daemon.tools)
        await house.clock.sleep(400)
        await schedule.once()
        assert len(await snapshots(daemon)) == 1
        await house.clock.sleep(5 * DAY)
        await schedule.once()
        await schedule.once()
        assert len(await snapshots(daemon)) == 2
        assert await incidents(daemon, open_only=False) == []


@story
async def test_at_rest_it_sleeps_until_something_is_due(house: House) -> None:
    async with house.daemon(acts=False) as daemon:
        prepared(house, daemon)
        await daemon.up(WEB)
        schedule = Schedule(daemon.tools)
        await house.clock.sleep(400)
        again = await schedule.once()
        assert about(again - house.clock.now(), timedelta(seconds=scheduling.LONGEST_S))


@story
async def test_a_failure_is_an_incident_that_the_next_success_ends(house: House) -> None:
    async with house.daemon(acts=False) as daemon:
        repository = prepared(house, daemon)
        await daemon.up(WEB)
        repository.trouble = CopyFailed("the pipe broke", attempted="copy", target="uploads")
        schedule = Schedule(daemon.tools)
        await house.clock.sleep(400)
        again = await schedule.once()
        assert about(again - house.clock.now(), timedelta(minutes=5))
        (incident,) = await incidents(daemon)
        assert (incident.cause.code, incident.severity) == ("backup.failed", "warning")
        assert "the pipe broke" in incident.findings[0].evidence[0].text
        assert incident.outcome == "needs_human"
        for _ in range(2):
            await house.clock.sleep(HOUR)
            await schedule.once()
        (incident,) = await incidents(daemon)
        assert incident.severity == "error"
        repository.trouble = None
        await house.clock.sleep(HOUR)
        await schedule.once()
        assert len(await snapshots(daemon)) == 1
        assert await incidents(daemon) == []
        (ended,) = await incidents(daemon, open_only=False)
        assert ended.outcome == "recovered"


@story
async def test_copies_that_are_too_old_are_an_incident(house: House) -> None:
    async with house.daemon(acts=False) as daemon:
        repository = prepared(house, daemon)
        await daemon.up(WEB)
        schedule = Schedule(daemon.tools)
        await house.clock.sleep(400)
        await schedule.once()
        repository.trouble = CopyFailed("no way", attempted="copy", target="uploads")
        for _ in range(30):
            await house.clock.sleep(2 * HOUR)
            await schedule.once()
        codes = {one.cause.code: one for one in await incidents(daemon)}
        assert set(codes) == {"backup.failed", "backup.stale"}
        assert "no way" in codes["backup.stale"].findings[0].evidence[0].text
        repository.trouble = None
        await house.clock.sleep(7 * HOUR)
        await schedule.once()
        assert await incidents(daemon) == []


@story
async def test_what_has_no_data_or_is_only_observed_is_left_alone(house: House) -> None:
    async with house.daemon(acts=False) as daemon:
        prepared(house, daemon)
        schedule = Schedule(daemon.tools)
        await daemon.up(BARE)
        for _ in range(4):
            await house.clock.sleep(DAY)
            await schedule.once()
        await daemon.up(WEB, care="observe")
        await house.clock.sleep(DAY)
        await schedule.once()
        assert await snapshots(daemon) == []
        assert await incidents(daemon, open_only=False) == []
        await daemon.up(WEB, care="act")
        await house.clock.sleep(400)
        await schedule.once()
        assert len(await snapshots(daemon)) == 1


@story
async def test_drills_come_by_their_schedule_and_what_fails_is_told(house: House) -> None:
    drilled: list[str] = []
    outcome = ["passed"]

    async def drill(
        tools: Tools, name: str, operation: Operation, *, snapshot: str = ""
    ) -> Snapshot:
        drilled.append(name)
        if outcome[0] == "failed":
            raise CopyFailed("rows: 3 of 4", attempted="drill", target=name)
        newest = (await tools.journal.snapshots(tools.info.id, name))[0]
        at = tools.clock.now()
        result = DrillResult(at=at, outcome="passed")
        found = replace(newest, drill=result, verified_at=at)
        await tools.journal.put_snapshot(found)
        return found

    async with house.daemon(acts=False) as daemon:
        prepared(house, daemon)
        task = asyncio.create_task(Schedule(daemon.tools, drill=drill).run())
        await daemon.up(WEB)
        await house.clock.sleep(14 * DAY)
        assert len(drilled) == 2
        outcome[0] = "failed"
        await house.clock.sleep(7 * DAY)
        (incident,) = await incidents(daemon)
        assert incident.cause.code == "backup.unverified"
        assert "rows: 3 of 4" in incident.findings[0].summary
        outcome[0] = "passed"
        await house.clock.sleep(DAY)
        assert await incidents(daemon) == []
        task.cancel()
