"""Checkups."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tabib.api.answers import json
from tabib.api.context import flag, site
from tabib.operations.checkup import Wanted, checkup


async def get_checkup(request: Request) -> Response:
    tools = (await site(request)).tools
    query = request.query_params
    wanted = Wanted(
        targets=tuple(text for text in query.getlist("target") if text),
        project=query.get("project", ""),
        ignored=tuple(query.getlist("ignore")),
        offline=flag(request, "offline"),
    )
    return json(await checkup(tools, wanted))


ROUTES = [Route("/v1/checkup", get_checkup)]
