"""Gathers the evidence of a case under deadlines; what could not be had is recorded as absent."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, TypeVar

from tabib.decide import changes
from tabib.decide.casefile import CaseParts, build
from tabib.decide.labels import dependencies
from tabib.decide.verdict import Verdict
from tabib.model.container import ContainerState, Observed
from tabib.model.errors import NotFound, TabibError
from tabib.model.event import Event
from tabib.model.incident import Case, DataState
from tabib.model.release import LastSeen, Release
from tabib.operations.backups import identities
from tabib.operations.facts import Cared
from tabib.operations.monitor.before import before_trouble
from tabib.operations.record import Record
from tabib.operations.remedy import missing_networks
from tabib.operations.tools import Tools

DEADLINE_S = 2.0
"""For each piece of evidence: trouble must not wait for a slow engine."""
TAIL_LINES = 200
MOST_LOOKED_AT = 10
"""So many containers of dependencies are inspected."""
T = TypeVar("T")


async def gather(
    tools: Tools, record: Record, cared: Cared, verdict: Verdict, event: Event | None
) -> Case:
    """The sealed case of a verdict. Nothing has been touched before; nothing is touched here."""
    absent: list[str] = []
    project = cared.record.project
    container = verdict.container_id or verdict.container
    seen = await tools.journal.last_seen(tools.info.id, project)
    inspection, log, observed, recorded, data = await asyncio.gather(
        bounded(tools.engine.inspect(container), "inspection", absent),
        bounded(_log(tools, container), "log", absent),
        bounded(tools.engine.observe(project, detail=False), "the other containers", absent),
        bounded(before_trouble(tools, verdict), "recorded figures", absent),
        bounded(
            identities.look(tools, project, service=verdict.service, room=True), "its data", absent
        ),
    )
    last_seen = _last(seen, verdict)
    look: Mapping[str, Any] = inspection or (last_seen.inspection if last_seen else {})
    redactor = tools.secrets.redactor(look)
    tail = redactor.lines(log) if log else list(record.tail(verdict.container_id))
    former = await _former(tools, cared)
    dependencies = await dependency_states(tools, observed, verdict, last_seen)
    now = tools.clock.now()
    happened = event.at if event is not None else now
    history = tools.watch.history(project)
    parts = CaseParts(
        id=tools.new_id(),
        sealed_at=now,
        engine_id=tools.info.id,
        cluster=tools.cluster,
        project=project,
        verdict=verdict,
        event=event,
        inspection=redactor.tree(inspection) if inspection else None,
        last_seen=last_seen,
        events=history,
        log_tail=tail or None,
        dependencies=dependencies,
        good_spec=_spec(former, verdict.service),
        present_spec=_spec(cared.release, verdict.service),
        recent_changes=changes.newest(
            changes.of_release(former, cared.release, (verdict.service, *dependencies), now),
            changes.of_events(history, dependencies, verdict.container_id, happened),
            changes.of_host(tools.info.started_at, happened),
        ),
        recent_deaths=[
            one.at
            for one in history
            if one.action == "die" and (one.service, one.slot) == (verdict.service, verdict.slot)
        ],
        release=cared.release.number if cared.release else None,
        recorded=recorded,
        missing_networks=missing_networks(cared, verdict.service, _mine(observed, verdict)),
        data=_data(data or (), verdict),
        absent=absent,
    )
    return build(parts)


def _data(looked: Sequence[DataState], verdict: Verdict) -> list[DataState]:
    """As they are now; with what was found of them that a look does not show."""
    found = {one.dataset: one for one in looked}
    for one in verdict.data:
        if one.verdict in ("shrunk", "unreadable") and (
            one.dataset not in found or found[one.dataset].verdict in ("same", "unknown", "full")
        ):
            found[one.dataset] = one
    return list(found.values())


def _mine(observed: Observed | None, verdict: Verdict) -> ContainerState | None:
    containers = observed.containers if observed else ()
    return next((one for one in containers if one.name == verdict.container), None)


async def dependency_states(
    tools: Tools, observed: Observed | None, verdict: Verdict, last_seen: LastSeen | None
) -> dict[str, str]:
    """Service that the patient depends on, directly or through others → healthy, failing, running,
    unhealthy, down or unknown; the nearest first."""
    states = _states(observed, verdict, last_seen)
    healthy = [
        one
        for one in (observed.containers if observed else ())
        if states.get(one.service) == "healthy" and one.health == "healthy" and not one.oneoff
    ]
    failing = await asyncio.gather(*(_failing(tools, one.id) for one in healthy[:MOST_LOOKED_AT]))
    by_service: dict[str, list[bool]] = {}
    for one, fails in zip(healthy, failing, strict=False):
        by_service.setdefault(one.service, []).append(fails)
    return states | {name: "failing" for name, each in by_service.items() if all(each)}


async def _failing(tools: Tools, container: str) -> bool:
    """Whether its latest health checks fail, though it is not yet called unhealthy."""
    try:
        async with asyncio.timeout(DEADLINE_S):
            inspection = await tools.engine.inspect(container)
    except (TabibError, TimeoutError):
        return False
    health = (inspection.get("State") or {}).get("Health") or {}
    return int(health.get("FailingStreak") or 0) > 0


def _states(
    observed: Observed | None, verdict: Verdict, last_seen: LastSeen | None
) -> dict[str, str]:
    if observed is None:
        return {}
    mine = _mine(observed, verdict)
    if mine is None and last_seen is not None:
        labels = (last_seen.inspection.get("Config") or {}).get("Labels") or {}
        mine = ContainerState(
            id="",
            name=verdict.container,
            status="",
            image="",
            image_id="",
            created_at=observed.at,
            labels=labels,
        )
    if mine is None:
        return {}
    of = {one.service: one for one in observed.containers if not one.oneoff}
    states: dict[str, str] = {}
    todo = [mine]
    while todo:
        for edge in dependencies(todo.pop(0)):
            if edge.condition == "service_completed_successfully" or edge.service in states:
                continue
            if edge.service == verdict.service:
                continue
            states[edge.service] = _service_state(observed, edge.service)
            if edge.service in of:
                todo.append(of[edge.service])
    return states


def _service_state(observed: Observed, service: str) -> str:
    states = [one for one in observed.containers if one.service == service and not one.oneoff]
    if any(one.status == "running" and one.health == "healthy" for one in states):
        return "healthy"
    if any(one.status == "running" and one.health == "" for one in states):
        return "running"
    if any(one.health == "unhealthy" for one in states):
        return "unhealthy"
    if any(one.health == "starting" for one in states):
        return "unknown"
    return "down"


async def bounded(wanted: Awaitable[T], what: str, absent: list[str]) -> T | None:
    """What ``wanted`` gives, None where it is not there or not had in time; ``absent`` says why."""
    try:
        async with asyncio.timeout(DEADLINE_S):
            return await wanted
    except NotFound:
        return None
    except TimeoutError:
        absent.append(f"{what}: the engine did not answer within {DEADLINE_S:g} s")
    except TabibError as error:
        absent.append(f"{what}: {error.happened}")
    return None


async def _log(tools: Tools, container: str) -> list[str]:
    return [line.text async for line in tools.engine.logs(container, tail=TAIL_LINES)]


def _last(seen: list[LastSeen], verdict: Verdict) -> LastSeen | None:
    mine = [one for one in seen if one.container_id == verdict.container_id]
    mine = mine or [one for one in seen if one.name == verdict.container]
    return max(mine, key=lambda one: one.seen_at, default=None)


async def _former(tools: Tools, cared: Cared) -> Release | None:
    """The last good release before the one in care."""
    current = cared.release
    releases = await tools.journal.releases(tools.info.id, cared.record.project, 20)
    return next(
        (
            one
            for one in releases
            if one.verdict == "good" and (current is None or one.number < current.number)
        ),
        None,
    )


def _spec(release: Release | None, service: str) -> Mapping[str, Any] | None:
    if release is None:
        return None
    found = (release.model.get("services") or {}).get(service) or {}
    spec: Mapping[str, Any] | None = found.get("spec")
    return spec
