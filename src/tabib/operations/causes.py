"""Whose trouble a service's trouble comes from: what is known of the other services of its project,
gathered within a deadline once the case is sealed, and ranked by ``decide/causes``."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta

import structlog

from tabib.decide.causes.blame import (
    SYMPTOMS,
    USED_UP,
    blamed,
    lines,
    told,
    told_by_log,
    with_blame,
)
from tabib.decide.causes.network import calls, calls_of
from tabib.decide.causes.question import Change, Line, Question, Told
from tabib.decide.causes.sockets import connections
from tabib.decide.recorded import BEFORE
from tabib.host.sockets import tables
from tabib.model.container import Observed
from tabib.model.errors import TabibError
from tabib.model.incident import Case, Cause, Finding
from tabib.model.sample import Known
from tabib.operations.facts import Cared
from tabib.operations.tools import Tools

log = structlog.get_logger("tabib.care")

DEADLINE_S = 1.0
"""For all of it: a diagnosis without it is better than one that comes late."""
_COMPLAINTS = timedelta(minutes=5)
_HEALED = timedelta(seconds=30)
"""A caller may notice a little late."""

Graph = Mapping[str, Collection[str]]
Diagnosed = tuple[tuple[Finding, ...], tuple[Cause, ...]]


async def across_services(
    tools: Tools, cared: Cared, case: Case, findings: tuple[Finding, ...], causes: tuple[Cause, ...]
) -> Diagnosed:
    """The diagnosis, and where another service is the cause, that one in its first cause. Never
    fails: what cannot be had in time is left out."""
    if not causes or causes[0].code not in SYMPTOMS:
        return findings, causes
    try:
        async with asyncio.timeout(DEADLINE_S):
            return await _across(tools, cared, case, findings, causes)
    except TimeoutError:
        log.warning("causes.late", case=case.id, seconds=DEADLINE_S)
    except TabibError as error:
        log.warning("causes.not_gathered", case=case.id, why=str(error))
    return findings, causes


async def _across(
    tools: Tools, cared: Cared, case: Case, findings: tuple[Finding, ...], causes: tuple[Cause, ...]
) -> Diagnosed:
    used_up = any(one.code in USED_UP for one in findings)
    observed: Observed | None = None
    if cared.project is None or used_up:
        observed = await tools.engine.observe(case.project, detail=used_up)
    containers = [one for one in (observed.containers if observed else ()) if not one.oneoff]
    graph = calls(cared.project) if cared.project else calls_of(containers)
    if len(graph) < 2:
        return findings, causes
    images = _images(cared, observed)
    at = case.sealed_at
    mine = told(case.service, findings, causes, _began(case).timestamp(), graph, images)
    others = await _incidents(tools, case, graph, images)
    others += await _complaints(tools, case, graph, images)
    question = Question(
        at=at.timestamp(),
        series=await _series(tools, cared, case),
        calls=graph,
        findings=[*mine, *others],
        changes=await _changes(tools, cared, case),
        connections=await _connections(tools, observed) if used_up else {},
        target=case.service,
    )
    suspects = blamed(case, causes[0].code, question)
    if suspects:
        log.info("causes.blamed", case=case.id, service=suspects[0].service, by=suspects[0].metric)
    return with_blame(findings, causes, suspects)


def _began(case: Case) -> datetime:
    return case.finished_at if case.finished_at and case.trigger == "died" else case.sealed_at


def _images(cared: Cared, observed: Observed | None) -> dict[str, str]:
    found = {one.service: one.image for one in (observed.containers if observed else ())}
    if cared.project is not None:
        found |= {one.name: one.image for one in cared.project.services.values()}
    return found


async def _series(tools: Tools, cared: Cared, case: Case) -> list[Line]:
    """The last minutes of every service that shall run; of each slot its newest container."""
    monitor = tools.monitor
    if monitor is None:
        return []
    until = case.sealed_at
    found: list[Line] = []
    for known in _newest(await monitor.series.known(tools.info.id), cared, until - BEFORE):
        samples = await monitor.series.samples(known.subject, until - BEFORE, until)
        times = [moment.timestamp() for moment, _ in samples]
        found += lines(known.subject.service, times, [values for _, values in samples])
    return found


def _newest(known: Iterable[Known], cared: Cared, since: datetime) -> list[Known]:
    slots = cared.facts({}).slots
    over = {service for (service, _), fact in slots.items() if fact.declared_job or fact.halted}
    newest: dict[tuple[str, int], Known] = {}
    for one in known:
        subject = one.subject
        if subject.kind != "container" or subject.project != cared.record.project:
            continue
        if one.last_seen < since or not subject.service or subject.service in over:
            continue
        key = (subject.service, subject.slot)
        if key not in newest or one.last_seen > newest[key].last_seen:
            newest[key] = one
    return [newest[key] for key in sorted(newest)]


async def _incidents(
    tools: Tools, case: Case, graph: Graph, images: Mapping[str, str]
) -> list[Told]:
    """What is wrong with the others by their own incidents of these minutes."""
    found: list[Told] = []
    for one in await tools.journal.incidents(
        engine_id=tools.info.id, project=case.project, since=case.sealed_at - BEFORE
    ):
        if one.service == case.service or one.outcome == "false_alarm":
            continue
        if one.closed_at is not None and one.closed_at < _began(case) - _HEALED:
            # Over before this began: it explains nothing of it.
            continue
        at = one.opened_at.timestamp()
        told_now = told(one.service, one.findings, [one.cause], at, graph, images)
        if one.cause.code not in SYMPTOMS:
            told_now = [
                Told(
                    service=one.service,
                    code=one.cause.code,
                    summary=one.cause.summary,
                    weight=one.cause.confidence,
                    at=at,
                )
            ]
        found += told_now
    return found


async def _complaints(
    tools: Tools, case: Case, graph: Graph, images: Mapping[str, str]
) -> list[Told]:
    """What the others complain of in their logs."""
    monitor = tools.monitor
    if monitor is None:
        return []
    since = (case.sealed_at - _COMPLAINTS).timestamp()
    found: list[Told] = []
    for live in monitor.live("container"):
        subject = live.known.subject
        if subject.project != case.project or subject.service == case.service:
            continue
        patterns = await monitor.patterns(subject.id)
        found += told_by_log(subject.service, patterns, since, graph, images)
    return found


async def _changes(tools: Tools, cared: Cared, case: Case) -> list[Change]:
    """The services that the present release changed, where it is that young; and restarts."""
    since = case.sealed_at - BEFORE
    found: list[Change] = []
    current = cared.release
    if current is not None and current.created_at >= since:
        releases = await tools.journal.releases(tools.info.id, case.project, 20)
        former = next((one for one in releases if one.number == (current.parent or -1)), None)
        former = former or next((one for one in releases if one.number < current.number), None)
        if former is not None:
            old, new = (one.model.get("services") or {} for one in (former, current))
            found = [
                Change(
                    service=name,
                    kind="release",
                    at=current.created_at.timestamp(),
                    summary=f"{name} was changed by release {current.number}",
                )
                for name in sorted(new)
                if name in old and new[name] != old[name]
            ]
    changed = {one.service for one in found}
    for event in tools.watch.history(case.project):
        if event.action != "restart" or event.service in ("", case.service, *changed):
            continue
        if event.at >= since:
            summary = f"{event.service} was restarted"
            at = event.at.timestamp()
            found.append(Change(service=event.service, kind="restart", at=at, summary=summary))
    return found


async def _connections(tools: Tools, observed: Observed | None) -> dict[tuple[str, str], int]:
    """Who holds connections to whom, where the containers run on this machine."""
    if observed is None or not tools.address.url.startswith("unix://"):
        return {}
    pids: dict[str, list[int]] = {}
    for one in observed.containers:
        if one.pid and not one.oneoff:
            pids.setdefault(one.service, []).append(one.pid)
    return connections(await asyncio.to_thread(tables, pids))
