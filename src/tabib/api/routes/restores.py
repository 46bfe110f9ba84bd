"""Data brought back, and restores rehearsed."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tabib.api.answers import stream
from tabib.api.context import body, context, site
from tabib.model.wire import DrillRequest, RecoverRequest, RestoreRequest
from tabib.operations.backups.drill import asked
from tabib.operations.backups.put_back import undo_restore
from tabib.operations.backups.recover import recover
from tabib.operations.backups.restore import restore


async def post_restore(request: Request) -> Response:
    wanted, name = await body(request, RestoreRequest), request.path_params["name"]
    tools = (await site(request)).tools
    what = undo_restore if wanted.undo else restore
    operation = context(request).operations.start(
        "restore", name, lambda op: what(tools, name, wanted, op)
    )
    return stream(operation)


async def post_recover(request: Request) -> Response:
    wanted = await body(request, RecoverRequest)
    tools = (await site(request)).tools
    operation = context(request).operations.start(
        "recover", "", lambda op: recover(tools, wanted, op)
    )
    return stream(operation)


async def post_drill(request: Request) -> Response:
    wanted, name = await body(request, DrillRequest), request.path_params["name"]
    tools = (await site(request)).tools
    operation = context(request).operations.start(
        "drill", name, lambda op: asked(tools, name, wanted, op)
    )
    return stream(operation)


ROUTES = [
    Route("/v1/recover", post_recover, methods=["POST"]),
    Route("/v1/projects/{name}/restore", post_restore, methods=["POST"]),
    Route("/v1/projects/{name}/drill", post_drill, methods=["POST"]),
]
