"""Who is told about incidents, and whether that works."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tabib.api.answers import json
from tabib.api.context import body, context
from tabib.model.errors import UsageError
from tabib.model.wire import NotifyTestRequest
from tabib.operations.notifying import Notifying


async def list_destinations(request: Request) -> Response:
    found = await _notifying(request).rows(request.query_params.get("project", ""))
    return json(found)


async def test(request: Request) -> Response:
    wanted = await body(request, NotifyTestRequest)
    return json(await _notifying(request).test(wanted.project, wanted.url))


def _notifying(request: Request) -> Notifying:
    found = context(request).notifying
    if found is None:
        raise UsageError("this daemon tells nobody of anything", attempted="read notifications")
    return found


ROUTES = [
    Route("/v1/notify", list_destinations),
    Route("/v1/notify/test", test, methods=["POST"]),
]
