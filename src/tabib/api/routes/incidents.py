"""Incidents, with their sealed cases."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tabib.api.answers import json
from tabib.api.context import flag, site
from tabib.model.errors import UsageError
from tabib.operations import views


async def list_incidents(request: Request) -> Response:
    tools = (await site(request)).tools
    found = await tools.journal.incidents(
        engine_id=tools.info.id,
        project=request.query_params.get("project") or None,
        open_only=not flag(request, "all"),
    )
    return json([views.incident_row(one) for one in found])


async def get_incident(request: Request) -> Response:
    tools = (await site(request)).tools
    wanted = request.path_params["id"]
    incident = await tools.journal.incident(wanted)
    if incident is None:
        raise UsageError(
            "there is no such incident",
            attempted="show incident",
            target=wanted,
            advice="`tabib incidents --all` lists them.",
        )
    cases = [await tools.journal.case(id) for id in incident.case_ids]
    return json({"incident": views.incident_row(incident), "cases": [c for c in cases if c]})


ROUTES = [
    Route("/v1/incidents", list_incidents),
    Route("/v1/incidents/{id}", get_incident),
]
