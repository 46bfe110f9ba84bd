"""Reports of incidents and of days: gathered from the journal and the recorder, and rendered."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tabib.decide.recorded import readings
from tabib.decide.reports.dossier import Dossier
from tabib.decide.reports.html import incident_html, summary_html
from tabib.decide.reports.incident import page
from tabib.decide.reports.markdown import incident_markdown, summary_markdown
from tabib.decide.reports.summary import Consumer, Days, Summary, summarise
from tabib.decide.reports.window import span
from tabib.model.codec import builtins
from tabib.model.errors import TabibError, UsageError
from tabib.model.incident import Case, Incident, Readings
from tabib.model.sample import Known
from tabib.operations.monitor.monitor import Monitor
from tabib.operations.tools import Tools

FORMATS = ("html", "md", "json")
CASES = 10
"""The first case and the newest of a loop; each is some tens of kilobytes."""
EARLIER = timedelta(hours=1)
NEAR = 500
"""Where what came of an incident is looked for: what opened from an hour before it on."""
INCIDENTS = 5000
SEALED = 500
"""So many incidents, the newest, are asked for when their evidence was sealed."""
CONSUMERS = 5
_CONSUMED = ("cpu_us", "memory_working_set_bytes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which days. ``project``: empty for all."""

    project: str
    since: datetime
    until: datetime


async def incident_report(tools: Tools, incident_id: str, form: str) -> str | dict[str, Any]:
    """The report of an incident: a text, or the JSON values.

    :raises UsageError: there is no such incident or format.
    """
    known(form)
    incident = await tools.journal.incident(incident_id)
    if incident is None:
        raise UsageError(
            "there is no such incident",
            attempted="report on incident",
            target=incident_id,
            advice="`tabib incidents --all` lists them.",
        )
    dossier = await _dossier(tools, incident, drawn=form != "json")
    if form == "json":
        return {
            "incident": builtins(incident),
            "cases": [builtins(one) for one in dossier.cases],
            "parent": builtins(dossier.parent),
            "children": [builtins(one) for one in dossier.children],
            "absent": list(dossier.absent),
        }
    # A few dozen milliseconds of computing, in which care must not wait.
    render = incident_html if form == "html" else incident_markdown
    return await asyncio.to_thread(lambda: render(page(dossier)))


async def summary_report(tools: Tools, wanted: Wanted, form: str) -> str | dict[str, Any]:
    """The report of some days: a text, or the JSON values.

    :raises UsageError: there is no such format.
    """
    known(form)
    days = await _days(tools, wanted)
    if form == "json":
        values: dict[str, Any] = builtins(summarise(days))
        return values
    render = summary_html if form == "html" else summary_markdown

    def rendered() -> str:
        summary: Summary = summarise(days)
        return render(summary)

    return await asyncio.to_thread(rendered)


def known(form: str) -> None:
    """
    :raises UsageError: there is no such format.
    """
    if form not in FORMATS:
        raise UsageError(
            f"there is no format {form!r}",
            attempted="make",
            target="a report",
            advice=f"There are: {', '.join(FORMATS)}.",
        )


# ── an incident ────────────────────────────────────────────────────────────────────────────────


async def _dossier(tools: Tools, incident: Incident, *, drawn: bool) -> Dossier:
    ids = incident.case_ids
    chosen = ids if len(ids) <= CASES else (ids[0], *ids[-CASES + 1 :])
    found = [await tools.journal.case(id) for id in chosen]
    cases = tuple(sorted((one for one in found if one), key=lambda one: one.sealed_at))
    absent = [f"case {id}: it is not in the journal" for id, one in zip(chosen, found, strict=True)
              if one is None]  # fmt: skip
    container, node = Readings(), Readings()
    if drawn:
        container, node = await _after(tools, incident, cases, absent)
    parent = await tools.journal.incident(incident.parent) if incident.parent else None
    near = await tools.journal.incidents(
        engine_id=tools.info.id, since=incident.opened_at - EARLIER, limit=NEAR
    )
    return Dossier(
        incident=incident,
        made_at=tools.clock.now(),
        cases=cases,
        cases_left_out=len(ids) - len(chosen),
        parent=parent,
        children=tuple(one for one in reversed(near) if one.parent == incident.id),
        container_after=container,
        node_after=node,
        absent=tuple(absent),
    )


async def _after(
    tools: Tools, incident: Incident, cases: Sequence[Case], absent: list[str]
) -> tuple[Readings, Readings]:
    """What the recorder has from the sealing of the newest case on: did it help?"""
    since, until = span(incident, tools.clock.now())
    begin = max((one.sealed_at for one in cases), default=since)
    monitor = tools.monitor
    if monitor is None:
        absent.append("figures of the time after: this daemon records nothing")
        return Readings(), Readings()
    if begin >= until:
        return Readings(), Readings()
    try:
        await monitor.flush()
        subjects = await monitor.series.known(tools.info.id)
        mine = [one for one in subjects if one.subject.kind == "container"
                and one.subject.name == incident.container]  # fmt: skip
        nodes = [one for one in subjects if one.subject.kind == "node"]
        return (
            await _readings(monitor, mine, begin, until),
            await _readings(monitor, nodes[:1], begin, until),
        )
    except TabibError as error:
        absent.append(f"figures of the time after: {error.happened}")
        return Readings(), Readings()


async def _readings(
    monitor: Monitor, subjects: Sequence[Known], since: datetime, until: datetime
) -> Readings:
    """Of all that bore the name, one after the other."""
    samples = []
    for one in subjects:
        if one.first_seen <= until and one.last_seen >= since:
            samples += await monitor.series.samples(one.subject, since, until)
    samples.sort(key=lambda one: one[0])
    return readings(subjects[0].subject.kind, samples, until) if samples else Readings()


# ── days ───────────────────────────────────────────────────────────────────────────────────────


async def _days(tools: Tools, wanted: Wanted) -> Days:
    engine_id, absent = tools.info.id, []  # type: str, list[str]
    project = wanted.project or None
    found = await tools.journal.incidents(engine_id=engine_id, project=project, limit=INCIDENTS)
    if len(found) == INCIDENTS:
        absent.append(f"incidents: only the newest {INCIDENTS} are counted")
    within = [one for one in found
              if one.opened_at < wanted.until
              and (one.closed_at is None or one.closed_at >= wanted.since)]  # fmt: skip
    sealed = {}
    for one in within[:SEALED]:
        case = await tools.journal.case(one.case_ids[0]) if one.case_ids else None
        if case is not None:
            sealed[one.id] = case.sealed_at
    projects = [wanted.project] if project else await _projects(tools, within)
    releases = [one for name in projects for one in await tools.journal.releases(engine_id, name)]
    newest = {one.project: one for one in reversed(releases)}
    return Days(
        project=wanted.project,
        since=wanted.since,
        until=wanted.until,
        incidents=within,
        sealed=sealed,
        services=[(name, service) for name, one in newest.items()
                  for service in one.model.get("services") or ()],
        releases=releases,
        consumers=await _consumers(tools, wanted, absent),
        absent=absent,
    )  # fmt: skip


async def _projects(tools: Tools, found: Sequence[Incident]) -> list[str]:
    records = await tools.journal.all_care(tools.info.id)
    return sorted({one.project for one in records} | {one.project for one in found if one.project})


async def _consumers(tools: Tools, wanted: Wanted, absent: list[str]) -> list[Consumer]:
    monitor = tools.monitor
    if monitor is None:
        absent.append("what took the most: this daemon records nothing")
        return []
    found: list[Consumer] = []
    try:
        for metric in _CONSUMED:
            ranked = await monitor.series.top(
                tools.info.id, "container", metric, wanted.since, wanted.until, 500
            )
            mine = [one for one in ranked if wanted.project in ("", one.subject.project)]
            found += [
                Consumer(metric=metric, name=one.subject.name, mean=one.mean, peak=one.peak)
                for one in mine[:CONSUMERS]
            ]
    except TabibError as error:
        absent.append(f"what took the most: {error.happened}")
    return found
