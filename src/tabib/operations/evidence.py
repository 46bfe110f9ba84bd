"""Gathers the evidence of a case under deadlines; what could not be had is recorded as absent."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from typing import Any, TypeVar

from tabib.decide.casefile import CaseParts, build
from tabib.decide.labels import dependencies
from tabib.decide.verdict import Verdict
from tabib.model.container import ContainerState, Observed
from tabib.model.errors import NotFound, TabibError
from tabib.model.event import Event
from tabib.model.incident import Case
from tabib.model.release import LastSeen, Release
from tabib.operations.facts import Cared
from tabib.operations.monitor.before import before_trouble
from tabib.operations.record import Record
from tabib.operations.tools import Tools

DEADLINE_S = 2.0
"""For each piece of evidence: trouble must not wait for a slow engine."""
TAIL_LINES = 200
T = TypeVar("T")


async def gather(
    tools: Tools, record: Record, cared: Cared, verdict: Verdict, event: Event | None
) -> Case:
    """The sealed case of a verdict. Nothing has been touched before; nothing is touched here."""
    absent: list[str] = []
    project = cared.record.project
    container = verdict.container_id or verdict.container
    seen = await tools.journal.last_seen(tools.info.id, project)
    inspection, log, observed, recorded = await asyncio.gather(
        bounded(tools.engine.inspect(container), "inspection", absent),
        bounded(_log(tools, container), "log", absent),
        bounded(tools.engine.observe(project, detail=False), "the other containers", absent),
        bounded(before_trouble(tools, verdict), "recorded figures", absent),
    )
    last_seen = _last(seen, verdict)
    look: Mapping[str, Any] = inspection or (last_seen.inspection if last_seen else {})
    redactor = tools.secrets.redactor(look)
    tail = redactor.lines(log) if log else list(record.tail(verdict.container_id))
    good, present = await _specs(tools, cared, verdict.service)
    parts = CaseParts(
        id=tools.new_id(),
        sealed_at=tools.clock.now(),
        engine_id=tools.info.id,
        cluster=tools.cluster,
        project=project,
        verdict=verdict,
        event=event,
        inspection=redactor.tree(inspection) if inspection else None,
        last_seen=last_seen,
        events=tools.watch.history(project),
        log_tail=tail or None,
        dependencies=dependency_states(observed, verdict, last_seen),
        good_spec=good,
        present_spec=present,
        recent_deaths=[
            one.at
            for one in tools.watch.history(project)
            if one.action == "die" and (one.service, one.slot) == (verdict.service, verdict.slot)
        ],
        release=cared.release.number if cared.release else None,
        recorded=recorded,
        absent=absent,
    )
    return build(parts)


def dependency_states(
    observed: Observed | None, verdict: Verdict, last_seen: LastSeen | None
) -> dict[str, str]:
    """Service that the patient depends on → healthy, running, unhealthy, down or unknown."""
    if observed is None:
        return {}
    mine = next((one for one in observed.containers if one.name == verdict.container), None)
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
    return {
        edge.service: _service_state(observed, edge.service)
        for edge in dependencies(mine)
        if edge.condition != "service_completed_successfully"
    }


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


async def _specs(
    tools: Tools, cared: Cared, service: str
) -> tuple[Mapping[str, Any] | None, Mapping[str, Any] | None]:
    """The service as the last good release before this one had it, and as it is now; sealed."""
    current = cared.release
    releases = await tools.journal.releases(tools.info.id, cared.record.project, 20)
    good = next(
        (
            one
            for one in releases
            if one.verdict == "good" and (current is None or one.number < current.number)
        ),
        None,
    )
    return _spec(good, service), _spec(current, service)


def _spec(release: Release | None, service: str) -> Mapping[str, Any] | None:
    if release is None:
        return None
    found = (release.model.get("services") or {}).get(service) or {}
    spec: Mapping[str, Any] | None = found.get("spec")
    return spec
