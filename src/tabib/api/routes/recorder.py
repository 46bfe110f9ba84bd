"""What the flight recorder kept: figures, processes, events, log lines."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tabib.api import openmetrics
from tabib.api.answers import json, rows
from tabib.api.context import context, flag, instant, number, recorded_site
from tabib.model.errors import UsageError
from tabib.model.wire import ENDPOINT_HEADER
from tabib.operations.recorded import events as kept_events
from tabib.operations.recorded import exposed, history, kept_logs, processes
from tabib.operations.recorded import inspect as inspection
from tabib.operations.recorded import top as now
from tabib.operations.recorded.scope import Asked, Span, span
from tabib.operations.site import Site

EVENTS_SPAN = timedelta(days=1)


async def top(request: Request) -> Response:
    here = await recorded_site(request)
    return rows(await now.top(here, _asked(request), follow=flag(request, "follow")))


async def top_processes(request: Request) -> Response:
    here = await recorded_site(request)
    container = request.query_params.get("container", "")
    if not container:
        raise UsageError("the container is missing", attempted="show", target="processes")
    return json(await now.processes_now(here, container))


async def get_history(request: Request) -> Response:
    here = await recorded_site(request)
    metrics = request.query_params.getlist("metric")
    asked, when = _asked(request), _span(request, here)
    if flag(request, "raw"):
        return json(await history.readings(here, asked, when, metrics))
    points = number(request, "points") or history.POINTS
    return json(await history.history(here, asked, when, metrics, points))


async def get_processes(request: Request) -> Response:
    here = await recorded_site(request)
    limit = number(request, "limit") or processes.LIMIT
    return json(await processes.processes(here, _asked(request), _span(request, here), limit))


async def get_events(request: Request) -> Response:
    here = await recorded_site(request)
    source = await kept_events.events(
        here,
        _asked(request),
        _span(request, here, EVENTS_SPAN),
        number(request, "limit") or kept_events.LIMIT,
        follow=flag(request, "follow"),
    )
    return rows(source)


async def get_kept_logs(request: Request) -> Response:
    here = await recorded_site(request)
    wanted = kept_logs.Wanted(
        since=instant(request, "since"),
        until=instant(request, "until"),
        limit=number(request, "limit"),
        search=request.query_params.get("search", "").strip(),
    )
    return rows(await kept_logs.kept_logs(here, _asked(request), wanted))


async def get_patterns(request: Request) -> Response:
    here = await recorded_site(request)
    limit = number(request, "limit") or 100
    return json(await kept_logs.patterns(here, _asked(request), instant(request, "since"), limit))


async def get_inspect(request: Request) -> Response:
    here = await recorded_site(request)
    return json(await inspection.inspect(here, _asked(request), instant(request, "at")))


async def metrics(request: Request) -> Response:
    """For scrapers, which name no engine: then the first that is known is meant."""
    known = context(request).sites.known
    named = ENDPOINT_HEADER in request.headers or not known
    families = await exposed.exposed(await recorded_site(request) if named else known[0])
    wanted = request.query_params.get("format", "")
    if wanted == "json":
        return json([exposed.as_json(one) for one in families])
    accepts = request.headers.get("accept", "")
    plain = "text/plain" in accepts and "openmetrics" not in accepts
    prometheus = wanted == "prometheus" or (not wanted and plain)
    body = await asyncio.to_thread(openmetrics.text, families, prometheus=prometheus)
    kind = openmetrics.PROMETHEUS_TYPE if prometheus else openmetrics.CONTENT_TYPE
    return Response(body, headers={"Content-Type": kind})


def _asked(request: Request) -> Asked:
    query = request.query_params
    return Asked(target=query.get("target", ""), project=query.get("project", ""))


def _span(request: Request, here: Site, usual: timedelta = timedelta(hours=1)) -> Span:
    since, until = instant(request, "since"), instant(request, "until")
    return span(here.tools.clock.now(), since, until, usual)


ROUTES = [
    Route("/metrics", metrics),
    Route("/v1/top", top),
    Route("/v1/top/processes", top_processes),
    Route("/v1/history", get_history),
    Route("/v1/processes", get_processes),
    Route("/v1/events", get_events),
    Route("/v1/kept-logs", get_kept_logs),
    Route("/v1/log-patterns", get_patterns),
    Route("/v1/inspect", get_inspect),
]
