"""How the copies of each project stand: what the schedule keeps from one day to the next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from tabib.decide.backups.due import Standing
from tabib.decide.backups.retention import usable
from tabib.model.backup import Snapshot
from tabib.model.codec import decode, encode
from tabib.model.release import CareRecord
from tabib.operations.tools import Tools


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """Tries since the last success. ``why``: what the last failure said."""

    at: datetime | None = None
    failures: int = 0
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Of one project. ``nothing``: the release that was found to have no data to copy, at
    ``nothing_at``; ``""`` where it has."""

    copy: Tried = Tried()
    drill: Tried = Tried()
    drilled_at: datetime | None = None
    nothing: str = ""
    nothing_at: datetime | None = None
    waived: tuple[str, ...] = ()
    """Volumes and folders that nobody expects a copy of, when that was last looked at."""


async def kept(tools: Tools, project: str) -> Kept:
    text = await tools.journal.get_setting(_key(tools, project))
    return decode(text.encode(), Kept) if text else Kept()


async def keep(tools: Tools, project: str, how: Callable[[Kept], Kept]) -> Kept:
    """Change what is kept; it has reached the disk when this returns."""
    before = await kept(tools, project)
    after = how(before)
    if after != before:
        await tools.journal.put_setting(_key(tools, project), encode(after).decode())
    return after


def _key(tools: Tools, project: str) -> str:
    return f"backup-standing:{tools.info.id}:{project}"


def failed(tried: Tried, at: datetime, why: str) -> Tried:
    return replace(tried, at=at, failures=tried.failures + 1, why=why)


def of_copies(since: datetime, snapshots: Sequence[Snapshot], known: Kept) -> Standing:
    good = [one.taken_at for one in snapshots if usable(one)]
    return Standing(
        since=since,
        done_at=max(good, default=None),
        tried_at=known.copy.at,
        failures=known.copy.failures,
    )


def of_drills(since: datetime, snapshots: Sequence[Snapshot], known: Kept) -> Standing:
    drilled = [one.drill.at for one in snapshots if one.drill and one.drill.outcome == "passed"]
    if known.drilled_at is not None:
        drilled.append(known.drilled_at)
    return Standing(
        since=since,
        done_at=max(drilled, default=None),
        tried_at=known.drill.at,
        failures=known.drill.failures,
    )


async def in_care_since(tools: Tools, record: CareRecord) -> datetime:
    """When the project first came into care, as far as is known."""
    releases = await tools.journal.releases(tools.info.id, record.project, 1000)
    begun = [one.created_at for one in releases]
    return min(begun, default=record.updated_at or tools.clock.now())
