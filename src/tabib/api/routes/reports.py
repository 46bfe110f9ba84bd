"""Reports of incidents and of days, as files: HTML, Markdown, JSON.

What makes them is imported with the first one: a daemon starts 54 ms sooner without.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tabib.api.answers import json
from tabib.api.context import instant, recorded_site
from tabib.operations.recorded.scope import span

DAYS = timedelta(days=7)
_TYPES = {"html": "text/html; charset=utf-8", "md": "text/markdown; charset=utf-8"}


async def get_incident_report(request: Request) -> Response:
    from tabib.operations.reporting import incident_report

    tools = (await recorded_site(request)).tools
    form = request.query_params.get("format") or "html"
    return _answer(await incident_report(tools, request.path_params["id"], form), form)


async def get_summary(request: Request) -> Response:
    from tabib.operations.reporting import Wanted, summary_report

    tools = (await recorded_site(request)).tools
    form = request.query_params.get("format") or "html"
    time = span(tools.clock.now(), instant(request, "since"), instant(request, "until"), DAYS)
    project = request.query_params.get("project", "")
    wanted = Wanted(project=project, since=time.since, until=time.until)
    return _answer(await summary_report(tools, wanted, form), form)


def _answer(report: str | dict[str, Any], form: str) -> Response:
    if not isinstance(report, str):
        return json(report)
    headers = {"Content-Type": _TYPES[form], "X-Content-Type-Options": "nosniff"}
    if form == "html":
        from tabib.decide.reports.html import HEADER

        headers["Content-Security-Policy"] = HEADER
    return Response(report, headers=headers)


ROUTES = [
    Route("/v1/incidents/{id}/report", get_incident_report),
    Route("/v1/report", get_summary),
]
