"""Copies data, and drills the copies, when that is due: one task for each engine.

It sleeps until the next thing is due, and is woken when something changes (``BackupTools.changed``)
or an hour has passed: the wall clock may be set. One project after the other.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Protocol
from zoneinfo import ZoneInfo

import structlog

from tabib.decide.backups.coverage import waived_of
from tabib.decide.backups.due import Due, Standing, next_backup, next_drill, stale_after
from tabib.decide.backups.retention import usable
from tabib.host.disk import room
from tabib.model.backup import BackupPolicy, Snapshot
from tabib.model.container import Observed
from tabib.model.errors import Bug, Interrupted, TabibError, UsageError
from tabib.model.release import CareRecord
from tabib.model.settings import BackupSettings
from tabib.operations.backups import standing as stand
from tabib.operations.backups import troubles
from tabib.operations.backups.datasets import datasets
from tabib.operations.backups.facts import known
from tabib.operations.backups.keep import apply_retention
from tabib.operations.backups.policy import policy_from
from tabib.operations.backups.take import take
from tabib.operations.backups.tools import BackupTools
from tabib.operations.operation import Operation
from tabib.operations.tools import Tools

log = structlog.get_logger("tabib.backup")

SETTLES_S = 30.0
"""After the start of the daemon, and after something changed, before anything is done."""
LONGEST_S = 3600.0
"""Between two looks at what is due."""
SHORTEST_S = 1.0
POSTPONED = timedelta(minutes=15)
"""Until the next try, where there is no room."""
LEAST_FREE_BYTES = 512 * 1024**2
LEAST_FREE_SHARE = 0.02
_DAY = timedelta(days=1)


class Drill(Protocol):
    def __call__(
        self, tools: Tools, project: str, operation: Operation, *, snapshot: str = ""
    ) -> Awaitable[Snapshot]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Project:
    """One project, as far as its copies are concerned."""

    name: str
    since: datetime
    release: str
    policy: BackupPolicy
    zone: tzinfo
    snapshots: tuple[Snapshot, ...]
    kept: stand.Kept
    backup: Due | None
    drill: Due | None
    stale_at: datetime | None

    @property
    def copies(self) -> Standing:
        return stand.of_copies(self.since, self.snapshots, self.kept)


class Schedule:
    """Of one engine. ``drill`` None: none are made by themselves."""

    def __init__(self, tools: Tools, *, drill: Drill | None = None) -> None:
        self._tools = tools
        self._drill = drill
        self._no_room_until: datetime | None = None

    async def run(self) -> None:
        """Do what is due, for ever."""
        await self._tools.clock.sleep(SETTLES_S)
        while True:
            await self._sleep(await self.once())

    async def once(self) -> datetime:
        """Do all that is due now; when to look again."""
        backups = self._backups
        backups.changed.clear()
        tools = self._tools
        again = tools.clock.now() + timedelta(seconds=LONGEST_S)
        try:
            observed = await tools.glance.look()
            for record in await tools.journal.all_care(tools.info.id):
                at = await self._serve(record, observed)
                again = min(again, at) if at else again
        except TabibError as error:
            # Of the engine or the journal; what is due stays so.
            log.warning("backup.schedule_held_up", why=str(error))
        return again

    @property
    def _backups(self) -> BackupTools:
        if self._tools.backups is None:
            raise Bug("a schedule without repositories", attempted="back up", target="")
        return self._tools.backups

    async def _sleep(self, until: datetime) -> None:
        """Until then, or until something has changed and settled."""
        clock, changed = self._tools.clock, self._backups.changed
        seconds = max(SHORTEST_S, (until - clock.now()).total_seconds())
        waits = {
            asyncio.ensure_future(clock.sleep(seconds)),
            asyncio.ensure_future(changed.wait()),
        }
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waits:
                one.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
        if changed.is_set():
            await clock.sleep(SHORTEST_S)

    # ── one project ────────────────────────────────────────────────────────────────────────────

    async def _serve(self, record: CareRecord, observed: Observed) -> datetime | None:
        """Do what is due of one project; when it is its turn again. Trouble with one is its own."""
        try:
            project = await self._look(record, observed)
            if project is not None and self._is_due(project, project.backup):
                await self._copy(project, project.backup.why if project.backup else "")
                project = await self._look(record, observed)
            if project is not None and self._is_due(project, project.drill):
                await self._drilled(project)
                project = await self._look(record, observed)
            if project is None:
                return None
            await self._judge(project)
            return self._again(project)
        except TabibError as error:
            log.warning("backup.not_served", project=record.project, why=str(error))
            return self._tools.clock.now() + POSTPONED

    async def _look(self, record: CareRecord, observed: Observed) -> _Project | None:
        return await _read(self._tools, record, observed, drills=self._drill is not None)

    def _is_due(self, project: _Project, due: Due | None) -> bool:
        """Whether it is time, and it may be done now."""
        now = self._tools.clock.now()
        if due is None or due.at > now:
            return False
        if self._tools.actions.busy(project.name):
            return False  # an operation has it in hand; that ends soon
        if self._no_room_until is not None and now < self._no_room_until:
            return False
        self._no_room_until = now + POSTPONED if self._short_of_room() else None
        return self._no_room_until is None

    def _short_of_room(self) -> bool:
        tools = self._tools
        if tools.state.mode() != "act":
            return True
        try:
            found = room(tools.state.path)
        except OSError:
            return False
        least = min(LEAST_FREE_BYTES, found.total_bytes * LEAST_FREE_SHARE)
        return found.free_bytes < least

    async def _copy(self, project: _Project, why: str) -> None:
        """Take a snapshot, and let go of what is not kept any more."""
        tools, name = self._tools, project.name
        began = tools.clock.now()
        if not await self._has_data(project):
            return
        operation = Operation(tools.new_id(), "backup", name)
        try:
            tools.require_act("back up", name)
            async with self._backups.turn:
                await take(tools, name, operation, trigger="schedule", reason=why)
        except Interrupted:
            return
        except UsageError:
            await self._nothing(project)
            return
        except TabibError as error:
            said = str(error)
            log.warning("backup.failed", project=name, why=said)
            after = await stand.keep(
                tools,
                name,
                lambda one: replace(one, copy=stand.failed(one.copy, began, said)),
            )
            await troubles.copy_failed(tools, name, error, after.copy.failures)
            await troubles.tell_damage(tools, name, error)
            return
        finally:
            operation.finish()
        await stand.keep(
            tools, name, lambda one: replace(one, copy=stand.Tried(), nothing="", nothing_at=None)
        )
        await troubles.well_again(tools, name, (troubles.FAILED, troubles.STALE))
        try:
            await apply_retention(tools, name, Operation(tools.new_id(), "backup", name))
        except TabibError as error:
            # Too many copies harm nobody; the next run tries again.
            log.warning("backup.nothing_let_go", project=name, why=str(error))

    async def _has_data(self, project: _Project) -> bool:
        """Whether there is anything to copy; what is left out on purpose is remembered."""
        tools = self._tools
        found = await datasets(tools, project.name)
        waived = waived_of(found)
        await stand.keep(tools, project.name, lambda one: replace(one, waived=waived))
        if any(one.covered for one in found):
            return True
        await self._nothing(project)
        return False

    async def _nothing(self, project: _Project) -> None:
        """There is no data: remembered for a day, or until the next release."""
        release, now = project.release, self._tools.clock.now()
        await stand.keep(
            self._tools, project.name, lambda one: replace(one, nothing=release, nothing_at=now)
        )

    async def _drilled(self, project: _Project) -> None:
        tools, name = self._tools, project.name
        began = tools.clock.now()
        if self._drill is None:
            return
        operation = Operation(tools.new_id(), "drill", name)
        try:
            tools.require_act("drill", name)
            async with self._backups.turn:
                found = await self._drill(tools, name, operation)
            if found.drill is not None and found.drill.outcome == "failed":
                raise _drill_found(name, found)
        except Interrupted:
            return
        except TabibError as error:
            said = str(error)
            log.warning("drill.failed", project=name, why=said)
            await stand.keep(
                tools,
                name,
                lambda one: replace(one, drill=stand.failed(one.drill, began, said)),
            )
            await troubles.drill_failed(tools, name, error)
            return
        finally:
            operation.finish()
        now = tools.clock.now()
        await stand.keep(tools, name, lambda one: replace(one, drill=stand.Tried(), drilled_at=now))
        await troubles.well_again(tools, name, (troubles.UNVERIFIED,))

    async def _judge(self, project: _Project) -> None:
        """Open what is too old; close what a person's own backup has put right."""
        tools, now = self._tools, self._tools.clock.now()
        done = project.copies.done_at
        if project.stale_at is not None and project.stale_at <= now:
            why = project.kept.copy.why
            if self._no_room_until is not None:
                why = "there is too little room on the disk of tabib's state folder"
            await troubles.gone_stale(tools, project.name, done, project.since, why)
        elif done is not None:
            tried = project.kept.copy
            if tried.failures and tried.at is not None and done > tried.at:
                await stand.keep(tools, project.name, lambda one: replace(one, copy=stand.Tried()))
                await troubles.well_again(tools, project.name, (troubles.FAILED, troubles.STALE))
            elif not tried.failures:
                await troubles.well_again(tools, project.name, (troubles.FAILED, troubles.STALE))

    def _again(self, project: _Project) -> datetime | None:
        now = self._tools.clock.now()
        times = [one.at for one in (project.backup, project.drill) if one is not None]
        if project.stale_at is not None and project.stale_at > now:
            times.append(project.stale_at + timedelta(seconds=1))
        if not times:
            return None
        soonest = min(times)
        # What is due and could not be done (no room, busy) is tried again in a while.
        return soonest if soonest > now else now + timedelta(minutes=1)


async def next_times(tools: Tools, project: str) -> tuple[Due | None, Due | None]:
    """When the project's data is copied by itself next, and when the copies are drilled; what lies
    in the past is done at once."""
    record = await tools.journal.care(tools.info.id, project)
    if record is None:
        return None, None
    found = await _read(tools, record, await tools.glance.look(), drills=True)
    return (found.backup, found.drill) if found else (None, None)


async def _read(
    tools: Tools, record: CareRecord, observed: Observed, *, drills: bool
) -> _Project | None:
    """None: nothing is done to it by itself."""
    name = record.project
    host = tools.backups.settings if tools.backups else BackupSettings()
    found = await known(tools, name, observed=observed)
    policy = await policy_from(tools, found)
    if not policy.enabled or not policy.schedule:
        return None
    kept = await stand.kept(tools, name)
    since = await stand.in_care_since(tools, record)
    release = str(found.release.number if found.release else "")
    empty = kept.nothing_at is not None and kept.nothing == release
    if empty and tools.clock.now() - (kept.nothing_at or since) < _DAY:
        return None
    snapshots = tuple(await tools.journal.snapshots(tools.info.id, name))
    zone = zone_of(policy.timezone)
    copies = stand.of_copies(since, snapshots, kept)
    seed = f"{tools.info.id} {name}"
    first_after = timedelta(seconds=host.first_after_s)
    backup = next_backup(copies, policy.schedule, zone, seed=seed, first_after=first_after)
    good = [one.taken_at for one in snapshots if usable(one)]
    drill = None
    if drills:
        drilled = stand.of_drills(since, snapshots, kept)
        drill = next_drill(
            drilled, policy.drill_schedule, zone, seed=seed, first_at=min(good, default=None)
        )
    oldest = stale_after(policy.schedule, zone, tools.clock.now())
    stale_at = (copies.done_at or since) + oldest if oldest else None
    return _Project(
        name=name,
        since=since,
        release=release,
        policy=policy,
        zone=zone,
        snapshots=snapshots,
        kept=kept,
        backup=backup,
        drill=drill,
        stale_at=stale_at,
    )


def zone_of(name: str) -> tzinfo:
    """The time zone of that name; ``""``: the host's own, with its changes of the clock where they
    are known."""
    if name:
        return ZoneInfo(name)
    host = os.environ.get("TZ", "").lstrip(":")
    try:
        link = host or os.path.realpath("/etc/localtime")
        return ZoneInfo(link.partition("/zoneinfo/")[2] or link)
    except (OSError, ValueError, LookupError):
        return datetime.now().astimezone().tzinfo or UTC


def _drill_found(project: str, snapshot: Snapshot) -> TabibError:
    checks = snapshot.drill.checks if snapshot.drill else ()
    return TabibError(
        "; ".join(checks[-3:]) or "what was restored is not as it was",
        attempted="drill",
        target=project,
        advice=f"`tabib -p {project} drill` shows each check; `tabib backup` makes a new snapshot.",
        details={"snapshot": snapshot.id},
    )
