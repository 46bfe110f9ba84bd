"""Incidents that end without a treatment of tabib's: a person brought it up, or took it down."""

from __future__ import annotations

from collections.abc import Collection

from tabib.decide.report import abandon, close
from tabib.operations.tools import Tools


async def close_for(tools: Tools, project: str, containers: Collection[str]) -> None:
    """Close what was open about ``containers``: a person has started them, and they run."""
    for incident in await tools.journal.incidents(
        engine_id=tools.info.id, project=project, open_only=True
    ):
        if incident.container in containers:
            ended = close(incident, "recovered", tools.clock.now())
            await tools.journal.put_incident(ended)


async def give_up(tools: Tools, project: str, containers: Collection[str]) -> None:
    """Close what was being treated about ``containers``: a person has stopped them."""
    for incident in await tools.journal.incidents(
        engine_id=tools.info.id, project=project, open_only=True
    ):
        if incident.container in containers and incident.outcome == "open":
            said = "It was stopped by a person before this was over."
            await tools.journal.put_incident(abandon(incident, tools.clock.now(), said))


async def abandon_all(tools: Tools, project: str) -> None:
    """Close what was open about a project that was taken down or let go."""
    for incident in await tools.journal.incidents(
        engine_id=tools.info.id, project=project, open_only=True
    ):
        await tools.journal.put_incident(abandon(incident, tools.clock.now()))
