"""The daemon itself: version, status, stopping, ownership of the engine."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from tabib import __version__
from tabib.api.answers import json
from tabib.api.context import context, site
from tabib.model.codec import builtins
from tabib.model.errors import Refused, UsageError
from tabib.model.wire import API_VERSION
from tabib.operations.guard import take_over
from tabib.operations.site import Site


async def version(request: Request) -> Response:
    here = context(request)
    status = here.sites.status()
    return json(
        {
            "version": __version__,
            "api": API_VERSION,
            "pid": os.getpid(),
            "installation": status["state"]["installation"],
            "started_at": here.started_at,
            "background": here.background,
            "private": here.private,
            "state_dir": status["state"]["dir"],
        }
    )


async def status(request: Request) -> Response:
    here = context(request)
    found = here.sites.status()
    engines = []
    for one in here.sites.known:
        records = await one.tools.journal.all_care(one.tools.info.id)
        engines.append(
            {
                "endpoint": one.tools.address.url,
                "id": one.tools.info.id,
                "version": one.tools.info.version,
                "connected": one.tools.watch.connected.is_set(),
                "owner": one.tools.ownership.owner,
                "mode": one.care.mode,
                "events_seen": one.tools.watch.seen,
                "resyncs": one.tools.watch.resyncs,
                "projects": [record.project for record in records],
                "recorder": _recorder(one),
            }
        )
    return json(
        {
            "version": __version__,
            "pid": os.getpid(),
            "started_at": here.started_at,
            "background": here.background,
            "operations": [
                {"id": one.id, "name": one.name, "project": one.project}
                for one in here.operations.running
            ],
            "engines": engines,
            "notify": await here.notifying.rows() if here.notifying else [],
            **found,
        }
    )


def _recorder(one: Site) -> dict[str, Any] | None:
    if one.monitor is None:
        return None
    status: dict[str, Any] = builtins(one.monitor.status())
    series, logs = one.monitor.series.status(), one.monitor.logs.status()
    return {**status, "series": builtins(series), "logs": builtins(logs)}


async def engine(request: Request) -> Response:
    here = await site(request)
    info = await here.tools.engine.info()
    records = await here.tools.journal.all_care(here.tools.info.id)
    return json(
        {
            "engine": info,
            "owner": here.tools.ownership.owner,
            "mode": here.care.mode,
            "projects": [record.project for record in records],
        }
    )


async def takeover(request: Request) -> Response:
    here = await site(request)
    await take_over(here.tools)
    return json({})


async def stop_operation(request: Request) -> Response:
    operation = context(request).operations.get(request.path_params["id"])
    if operation is None:
        raise UsageError(
            "there is no such operation", attempted="stop", target=request.path_params["id"]
        )
    operation.stop()
    return json({})


async def post_context(request: Request) -> Response:
    """The context of a build that waits for it; answers once the build wants no more of it."""
    operation = context(request).operations.get(request.path_params["id"])
    step = request.query_params.get("step", "")
    if operation is None:
        raise UsageError("there is no such operation", attempted="send context", target=step)
    body = request.stream()
    upload = operation.contexts.offer(step, body)
    await upload.done.wait()
    with suppress(ClientDisconnect):
        # A build that failed early leaves a rest, and its sender waiting to be rid of it.
        async for _ in body:
            pass
    return json({})


async def stop(request: Request) -> Response:
    here = context(request)
    if not here.background:
        raise Refused(
            "it was installed or started in the foreground",
            attempted="stop",
            target="the tabib daemon",
            advice="Stop it where it was started: `systemctl stop tabib`, or Ctrl-C there.",
        )
    here.stop()
    return json({})


ROUTES = [
    Route("/v1/version", version),
    Route("/v1/engine", engine),
    Route("/v1/engine/takeover", takeover, methods=["POST"]),
    Route("/v1/daemon/status", status),
    Route("/v1/daemon/stop", stop, methods=["POST"]),
    Route("/v1/operations/{id}/contexts", post_context, methods=["POST"]),
    Route("/v1/operations/{id}/stop", stop_operation, methods=["POST"]),
]
