"""The one way to change incidents: read, changed and written under one lock, with all that follows
for those that they explain (``decide/grouping.py``)."""

from __future__ import annotations

from collections.abc import Callable, Collection

import structlog

from tabib.decide.graph import transitive
from tabib.decide.grouping import regrouped, settled
from tabib.decide.labels import depends_on as label_depends_on
from tabib.decide.report import summary
from tabib.model.container import LABEL_DEPENDS_ON, LABEL_SERVICE
from tabib.model.incident import Incident
from tabib.operations.facts import Cared
from tabib.operations.tools import Tools

log = structlog.get_logger("tabib.care")

How = Callable[[Incident, list[Incident]], Incident]
"""An incident and all open ones of its engine → the incident as it shall be."""


async def change(tools: Tools, incident: Incident, how: How) -> Incident:
    """``how`` of the incident as it is in the journal now, written; as it is afterwards.

    ``incident`` itself is changed where the journal does not have it yet.
    """
    async with tools.incident_lock:
        known = await tools.journal.incident(incident.id) or incident
        changed = how(known, await _open(tools))
        if changed != known or known is incident:
            await tools.journal.put_incident(changed)
        await _settle(tools)
        result = await tools.journal.incident(incident.id) or changed
    given_up = result.outcome == "needs_human" != known.outcome
    if given_up or (result.closed_at is not None and known.closed_at is None):
        log.info("incident.ended", id=result.id, outcome=result.outcome, summary=summary(result))
    return result


async def admit(
    tools: Tools, cared: Cared, incident: Incident, how: Callable[[Incident], Incident]
) -> Incident:
    """Write ``how`` of an incident (a new one, or one that is known), and put every open one under
    the one that explains it; as it is then. ``cared``: the project whose dependencies count.

    At once: who is told of incidents is never told of a symptom before its cause is known, where
    it is.
    """
    needs = depends_on(cared)
    now = tools.clock.now()

    def depends(project: str, service: str) -> Collection[str]:
        return needs.get(service, ()) if project == cared.record.project else ()

    async with tools.incident_lock:
        before = await tools.journal.incident(incident.id) or incident
        mine = how(before)
        known = [mine, *(one for one in await _open(tools) if one.id != mine.id)]
        moved = {one.id: one for one in regrouped(known, depends, now)}
        await tools.journal.put_incident(moved.pop(mine.id, mine))
        theirs = {one.id for one in known if one.project != cared.record.project}
        for one in moved.values():
            # Of another project only what this one's trouble explains (an engine's restart).
            if one.id not in theirs or one.parent:
                await tools.journal.put_incident(one)
        await _settle(tools)
        return await tools.journal.incident(mine.id) or mine


def depends_on(cared: Cared) -> dict[str, frozenset[str]]:
    """Service → all that it depends on, by the model, or by the labels of adopted containers."""
    if cared.project is not None:
        edges = {
            service.name: [edge.service for edge in service.depends_on]
            for service in cared.project.services.values()
        }
        return transitive(edges)
    edges = {}
    for inspection in cared.inspections.values():
        labels = (inspection.get("Config") or {}).get("Labels") or {}
        service = str(labels.get(LABEL_SERVICE, ""))
        edges[service] = [
            edge.service for edge in label_depends_on(str(labels.get(LABEL_DEPENDS_ON, "")))
        ]
    return transitive(edges)


async def _open(tools: Tools) -> list[Incident]:
    return await tools.journal.incidents(engine_id=tools.info.id, open_only=True, limit=10_000)


async def _settle(tools: Tools) -> None:
    for one in settled(await _open(tools), tools.clock.now()):
        await tools.journal.put_incident(one)
        if one.closed_at is not None:
            log.info("incident.ended", id=one.id, outcome=one.outcome, summary=summary(one))
