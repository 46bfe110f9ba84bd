"""Projects: what runs, and everything that changes one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tabib.api.answers import json, rows, stream
from tabib.api.context import body, context, flag, instant, site
from tabib.model.errors import UsageError
from tabib.model.wire import (
    ActionRequest,
    AdoptRequest,
    BuildRequest,
    DownRequest,
    ImagesRequest,
    RunRequest,
    UpRequest,
)
from tabib.operations import images, views
from tabib.operations.act import act
from tabib.operations.adopt import adopt, disown
from tabib.operations.down import down
from tabib.operations.logs import project_logs
from tabib.operations.operation import Operation
from tabib.operations.run import run
from tabib.operations.tools import Tools
from tabib.operations.up import up
from tabib.operations.watching import project_changes

Work = Callable[[Tools, Operation], Awaitable[Mapping[str, Any]]]


async def list_projects(request: Request) -> Response:
    here = await site(request)
    observed = await here.tools.engine.observe(detail=False)
    records = await here.tools.journal.all_care(here.tools.info.id)
    return json(views.project_rows(observed.containers, records))


async def post_up(request: Request) -> Response:
    wanted = await body(request, UpRequest)
    return await _start(request, "up", lambda tools, op: up(tools, wanted, op))


async def post_down(request: Request) -> Response:
    wanted, name = await body(request, DownRequest), request.path_params["name"]
    return await _start(request, "down", lambda tools, op: down(tools, name, wanted, op))


async def post_action(request: Request) -> Response:
    wanted, name = await body(request, ActionRequest), request.path_params["name"]
    return await _start(request, wanted.verb, lambda tools, op: act(tools, name, wanted, op))


async def post_run(request: Request) -> Response:
    wanted = await body(request, RunRequest)
    return await _start(request, "run", lambda tools, op: run(tools, wanted, op))


async def post_build(request: Request) -> Response:
    wanted = await body(request, BuildRequest)
    return await _start(request, "build", lambda tools, op: images.build(tools, wanted, op))


async def post_pull(request: Request) -> Response:
    wanted = await body(request, ImagesRequest)
    return await _start(request, "pull", lambda tools, op: images.pull(tools, wanted, op))


async def post_push(request: Request) -> Response:
    wanted = await body(request, ImagesRequest)
    return await _start(request, "push", lambda tools, op: images.push(tools, wanted, op))


async def post_adopt(request: Request) -> Response:
    wanted, name = await body(request, AdoptRequest), request.path_params["name"]
    return await _start(request, "adopt", lambda tools, op: adopt(tools, name, wanted, op))


async def post_disown(request: Request) -> Response:
    name = request.path_params["name"]
    return await _start(request, "disown", lambda tools, op: disown(tools, name, op))


async def get_logs(request: Request) -> Response:
    here = await site(request)
    source = project_logs(
        here.tools,
        request.path_params["name"],
        request.query_params.getlist("service"),
        follow=flag(request, "follow"),
        tail=_tail(request.query_params.get("tail", "")),
        since=instant(request, "since"),
        until=instant(request, "until"),
    )
    return rows(await _begun(source))


async def get_images(request: Request) -> Response:
    here = await site(request)
    name = request.path_params["name"]
    observed = await here.tools.engine.observe(name, detail=False)
    refs = tuple(dict.fromkeys(one.image_id for one in observed.containers))
    looked = await here.tools.engine.observe(name, images=refs, detail=False)
    return json(views.image_rows(observed.containers, looked.images))


async def get_releases(request: Request) -> Response:
    here = await site(request)
    found = await here.tools.journal.releases(here.tools.info.id, request.path_params["name"])
    return json([views.release_row(one) for one in found])


async def get_changes(request: Request) -> Response:
    here = await site(request)
    return rows(project_changes(here.tools, request.path_params["name"]))


async def _start(request: Request, name: str, work: Work) -> Response:
    tools = (await site(request)).tools
    operation = context(request).operations.start(
        name, request.path_params["name"], lambda op: work(tools, op)
    )
    return stream(operation)


async def _begun(source: AsyncIterator[Mapping[str, Any]]) -> AsyncIterator[Mapping[str, Any]]:
    """The same source, its first row already had: what fails at once is a proper error answer."""
    try:
        first = await anext(source)
    except StopAsyncIteration:
        return _nothing()

    async def rest() -> AsyncIterator[Mapping[str, Any]]:
        yield first
        async for row in source:
            yield row

    return rest()


async def _nothing() -> AsyncIterator[Mapping[str, Any]]:
    nothing: tuple[Mapping[str, Any], ...] = ()
    for row in nothing:
        yield row


def _tail(text: str) -> int | None:
    if text in ("", "all"):
        return None
    if not text.isdigit():
        raise UsageError(f"{text!r} is neither a number nor 'all'", attempted="read", target="tail")
    return int(text)


ROUTES = [
    Route("/v1/projects", list_projects),
    Route("/v1/projects/{name}/up", post_up, methods=["POST"]),
    Route("/v1/projects/{name}/down", post_down, methods=["POST"]),
    Route("/v1/projects/{name}/actions", post_action, methods=["POST"]),
    Route("/v1/projects/{name}/run", post_run, methods=["POST"]),
    Route("/v1/projects/{name}/build", post_build, methods=["POST"]),
    Route("/v1/projects/{name}/pull", post_pull, methods=["POST"]),
    Route("/v1/projects/{name}/push", post_push, methods=["POST"]),
    Route("/v1/projects/{name}/adopt", post_adopt, methods=["POST"]),
    Route("/v1/projects/{name}/disown", post_disown, methods=["POST"]),
    Route("/v1/projects/{name}/logs", get_logs),
    Route("/v1/projects/{name}/images", get_images),
    Route("/v1/projects/{name}/releases", get_releases),
    Route("/v1/projects/{name}/watch", get_changes),
]
