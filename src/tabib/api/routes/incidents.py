"""Incidents, with their sealed cases."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tabib.api.answers import json, stream
from tabib.api.context import body, context, flag, instant, site
from tabib.model.wire import IncidentRequest
from tabib.operations import by_person, views
from tabib.operations.operation import Operation
from tabib.operations.site import Site

Work = Callable[[Site, str, str, Operation], Awaitable[Mapping[str, Any]]]


async def list_incidents(request: Request) -> Response:
    tools = (await site(request)).tools
    found = await tools.journal.incidents(
        engine_id=tools.info.id,
        project=request.query_params.get("project") or None,
        open_only=not flag(request, "all"),
        since=instant(request, "since"),
    )
    return json([views.incident_row(one) for one in found])


async def get_incident(request: Request) -> Response:
    tools = (await site(request)).tools
    incident = await by_person.find(tools, request.path_params["id"], "show incident")
    open_or_over = await tools.journal.incidents(engine_id=tools.info.id, limit=1000)
    children = [one for one in open_or_over if one.parent == incident.id]
    cases = [await tools.journal.case(id) for id in incident.case_ids]
    return json(
        {
            "incident": views.incident_row(incident),
            "cases": [c for c in cases if c],
            "children": [views.incident_row(one) for one in children],
        }
    )


async def post_treat(request: Request) -> Response:
    return await _start(request, "treat", by_person.treat_offered)


async def post_undo(request: Request) -> Response:
    return await _start(request, "undo", by_person.undo)


async def post_close(request: Request) -> Response:
    wanted = await body(request, IncidentRequest)
    tools = (await site(request)).tools
    return json(await by_person.close(tools, request.path_params["id"], wanted.reason, wanted.by))


async def _start(request: Request, name: str, work: Work) -> Response:
    """Begin at once what fails at once as an error answer, else as an operation."""
    wanted, id = await body(request, IncidentRequest), request.path_params["id"]
    here = await site(request)
    incident = await by_person.find(here.tools, id, f"{name} incident")
    operation = context(request).operations.start(
        name, incident.project, lambda op: work(here, incident.id, wanted.by, op)
    )
    return stream(operation)


ROUTES = [
    Route("/v1/incidents", list_incidents),
    Route("/v1/incidents/{id}", get_incident),
    Route("/v1/incidents/{id}/treat", post_treat, methods=["POST"]),
    Route("/v1/incidents/{id}/undo", post_undo, methods=["POST"]),
    Route("/v1/incidents/{id}/close", post_close, methods=["POST"]),
]
