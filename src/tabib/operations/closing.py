"""Incidents that end without a treatment of tabib's: a person brought it up, or took it down."""

from __future__ import annotations

from collections.abc import Collection

from tabib.decide.backups.witness import BY_LOOKS, about_data_alone
from tabib.decide.grouping import recovered
from tabib.decide.report import abandon, end_treatment
from tabib.model.incident import Incident
from tabib.operations.incidents import change
from tabib.operations.tools import Tools


async def close_for(tools: Tools, project: str, containers: Collection[str]) -> None:
    """Close what was open about ``containers``: a person has started them, and they run; or they
    got well by themselves. A lost volume comes back empty and healthy: what is about data alone
    does not end by that."""
    for incident in await _open(tools, project):
        if incident.container in containers and not about_data_alone(incident):
            await change(tools, incident, lambda one, others: _well(tools, one, others))


async def close_beside(tools: Tools, project: str, containers: Collection[str]) -> None:
    """As :func:`close_for`, of containers that run on restored data; what is being treated just
    now ends by its treatment."""
    for incident in await _open(tools, project):
        treated = incident.treatments and incident.treatments[-1].outcome == "started"
        if incident.container in containers and not treated and not about_data_alone(incident):
            await change(tools, incident, lambda one, others: _well(tools, one, others))


async def close_as_same(tools: Tools, project: str) -> None:
    """Close what was open about the project's data: it is what it was."""
    for incident in await _open(tools, project):
        if incident.cause.code in BY_LOOKS:
            await change(tools, incident, lambda one, others: _well(tools, one, others))


async def give_up(tools: Tools, project: str, containers: Collection[str]) -> None:
    """Close what was being treated about ``containers``: a person has stopped them."""
    said = "It was stopped by a person before this was over."
    for incident in await _open(tools, project):
        if incident.container in containers and incident.outcome == "open":
            await change(tools, incident, lambda one, _: abandon(one, tools.clock.now(), said))


async def abandon_all(tools: Tools, project: str) -> None:
    """Close what was open about a project that was taken down or let go."""
    # Those that are explained by others first: none of them is left to stand for itself.
    for incident in sorted(await _open(tools, project), key=lambda one: not one.parent):
        await change(tools, incident, lambda one, _: abandon(one, tools.clock.now()))


async def _open(tools: Tools, project: str) -> list[Incident]:
    return await tools.journal.incidents(engine_id=tools.info.id, project=project, open_only=True)


def _well(tools: Tools, one: Incident, others: list[Incident]) -> Incident:
    if one.closed_at is not None or one.well_at is not None:
        return one
    now = tools.clock.now()
    if one.treatments and one.treatments[-1].outcome == "started":
        # Its treatment was cut off by a death of tabib's, and has helped.
        one = end_treatment(one, now, "verified")
    return recovered(one, others, now)
