"""What is known about damaged data, for the decision about it: its witnesses, the copy that could
be restored, and what forbids that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from tabib.decide.backups.restore import abandoned
from tabib.decide.backups.witness import (
    WINDOW,
    Copy,
    Damage,
    Sort,
    merely_down,
    newest_good,
    restored_at,
    sort_of,
    states_of,
)
from tabib.model.backup import Dataset
from tabib.model.container import RUNNING
from tabib.model.incident import Case, Cause
from tabib.model.release import JournalEntry
from tabib.operations.backups import identities
from tabib.operations.backups.datasets import datasets
from tabib.operations.backups.given_up import given_up
from tabib.operations.backups.policy import policy_of
from tabib.operations.facts import Cared
from tabib.operations.tools import Tools

HOLD = "tabib.hold"
"""A label of a service or volume: its data is restored at a person's word alone."""
_LOOKED_BACK = timedelta(days=7)
_ASIDE = frozenset(("stop", "down", "rm", "kill"))
"""Operations of ours by which people take a service out of work."""


async def concerned(
    tools: Tools, case: Case, causes: Sequence[Cause]
) -> tuple[Sort, list[Dataset]] | None:
    """The damage that a case is about, with the data sets of its service that it concerns; None
    where it is not about data that tabib knows.

    :raises TabibError: the engine does not answer, or the journal cannot be read.
    """
    sort = sort_of(case, causes)
    if sort is None:
        return None
    mine = await known_datasets(tools, case.project)
    mine = [one for one in mine if one.service == case.service and one.kind != "cache"]
    states = {one.dataset for one in states_of(sort, case)}
    if states:
        return sort, [one for one in mine if one.name in states]
    if sort in (Sort.CORRUPT, Sort.FAILING_DISK):
        # What a database says of its data is not about the plain folders beside it.
        databases = [one for one in mine if one.kind != "files"]
        mine = databases or mine
    return (sort, mine) if mine else None


async def known_datasets(tools: Tools, project: str) -> list[Dataset]:
    """The project's data sets as they were while they were well: an empty folder does not tell what
    it held.

    :raises TabibError: the engine does not answer, or the journal cannot be read.
    """
    known = {one.dataset: one for one in await tools.journal.identities(tools.info.id, project)}
    return [
        replace(one, kind=was.kind, inner=was.inner) if (was := known.get(one.name)) else one
        for one in await datasets(tools, project)
    ]


async def facts(
    tools: Tools,
    cared: Cared,
    case: Case,
    causes: Sequence[Cause],
    sort: Sort,
    wanted: Sequence[Dataset],
) -> Damage:
    """All that can be known without touching anything.

    :raises TabibError: the engine does not answer, or the journal cannot be read.
    """
    project, names = cared.record.project, tuple(one.name for one in wanted)
    states = states_of(sort, case)
    now = tools.clock.now()
    since = await identities.frozen_datasets(tools, project)
    seen_at = min((since[name] for name in names if name in since), default=now)
    incidents = await tools.journal.incidents(
        engine_id=tools.info.id, project=project, since=now - _LOOKED_BACK
    )
    well_at = min((one.well_at for one in states if one.well_at), default=None)
    unread = [one for one in case.data if one.verdict == "unreadable"]
    return Damage(
        sort=sort,
        datasets=names,
        kind=wanted[0].kind,
        text="; ".join(one.text for one in states) or causes[0].summary,
        record="; ".join(one.text for one in states),
        engine="; ".join(one.engine for one in states if one.engine),
        signature=causes[0].summary if sort is Sort.CORRUPT else "",
        fails=bool(unread) or _fails(case),
        merely_down=merely_down(case, causes),
        deliberate=await _deliberate(tools, cared, case, well_at if states else None),
        since=max((one.since for one in states if one.since), default=None),
        well_at=well_at,
        seen_at=seen_at,
        copy=await best_copy(tools, project, names, seen_at),
        auto_restore=(await policy_of(tools, project)).auto_restore,
        hold=_held(cared, case.service, wanted),
        last_restore=restored_at(incidents, names, await _begun(tools, project, wanted, now)),
    )


async def _begun(
    tools: Tools, project: str, wanted: Sequence[Dataset], now: datetime
) -> datetime | None:
    """When a person last removed what one of the data sets lay in, within :data:`WINDOW`: what
    befell it before says nothing of what is there since."""
    places = {one.place.source for one in wanted}
    entries = await tools.journal.entries(
        engine_id=tools.info.id,
        project=project,
        kinds=("operation_started", "operation_ended"),
        since=now - WINDOW,
        limit=1000,
    )
    done = {one.operation for one in entries if one.data.get("outcome") == "done"}
    removed = (
        one.at
        for one in entries
        if one.operation in done and places & set(one.data.get("removed_volumes") or ())
    )
    return max(removed, default=None)


def _fails(case: Case) -> bool:
    """Whether it is down or unhealthy: what was removed does not run on either."""
    if case.trigger in ("data", "detached"):
        return case.status not in ("", *RUNNING)
    return True


async def best_copy(
    tools: Tools, project: str, names: Sequence[str], before: datetime, *, but: Sequence[str] = ()
) -> Copy | None:
    """The newest good snapshot of the data sets ``names`` from before the damage was seen, leaving
    out those ``but``; None where there is none.

    :raises StateUnusable: the journal cannot be read.
    """
    known = {one.dataset: one for one in await tools.journal.identities(tools.info.id, project)}
    snapshots = await tools.journal.snapshots(tools.info.id, project)
    behind = await given_up(tools, project)
    left = [one for one in snapshots if one.id not in but and not abandoned(one, names, behind)]
    best = newest_good(left, names, known, before)
    if best is None:
        return None
    return Copy(snapshot=best.id, taken_at=best.taken_at, verified=best.verified_at is not None)


def _held(cared: Cared, service: str, wanted: Sequence[Dataset]) -> bool:
    """Whether a person has put a hold on the service or on one of the volumes."""
    project = cared.project
    if project is None or service not in project.services:
        return False
    places = {one.place.source for one in wanted}
    specs = [project.services[service].spec]
    specs += [one.spec for one in project.volumes.values() if one.name in places]
    return any(_true((spec.get("labels") or {}).get(HOLD)) for spec in specs)


def _true(value: object) -> bool:
    return value is not None and str(value).lower() not in ("", "false", "0", "no")


async def _deliberate(tools: Tools, cared: Cared, case: Case, since: datetime | None) -> str:
    """Whether a person took the service out of work since its data was known to be well: what they
    did to its data meanwhile may be on purpose. ``""``: nobody did."""
    halted = cared.halted(case.container)
    if halted in ("stopped", "removed"):
        return f"it was {halted} by a person before"
    if since is None:
        return ""
    entries = await tools.journal.entries(
        engine_id=tools.info.id,
        project=case.project,
        kinds=("care", "operation_started"),
        since=since,
        limit=200,
    )
    by_hand = [one for one in entries if _takes_out(one, case)]
    if not by_hand:
        return ""
    return f"a person took it out of work at {by_hand[-1].at:%H:%M:%S} UTC, after it was well"


def _takes_out(entry: JournalEntry, case: Case) -> bool:
    if entry.kind == "care":
        ours = entry.subject in (case.container, case.project)
        return ours and entry.data.get("halt") in ("stopped", "removed")
    services = entry.data.get("services") or ()
    return entry.data.get("verb") in _ASIDE and (not services or case.service in services)
