"""Containers: rows, one-off containers, archives."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from tabib.api.answers import json
from tabib.api.context import context, flag, site
from tabib.decide.backups.coverage import state_of
from tabib.decide.halts import halted_why
from tabib.model.container import ContainerState
from tabib.model.errors import TabibError, UsageError, from_wire
from tabib.model.release import CareRecord
from tabib.operations import views
from tabib.operations.backups.coverage import copies_of
from tabib.operations.operation import Operation
from tabib.operations.run import remove_oneoff, start_oneoff


async def list_containers(request: Request) -> Response:
    tools = (await site(request)).tools
    query = request.query_params
    observed = await tools.engine.observe(query.get("project") or None)
    services = query.getlist("service")
    chosen = [
        one
        for one in observed.containers
        if one.project
        and (not services or one.service in services)
        and (flag(request, "all") or one.status in ("running", "paused", "restarting"))
    ]
    records = {r.project: r for r in await tools.journal.all_care(tools.info.id)}
    asked = {one.project for one in chosen}
    mine = [record for name, record in records.items() if name in asked]
    copies = await copies_of(tools, mine, observed)
    now = tools.clock.now()
    return json(
        [
            views.container_row(
                one,
                tools.info,
                tools.cluster,
                _halted(records, one),
                state_of(one, copies[one.project], now) if one.project in copies else "",
            )
            for one in chosen
        ]
    )


def _halted(records: Mapping[str, CareRecord], state: ContainerState) -> str:
    record = records.get(state.project)
    return halted_why(record, state.name) if record and state.status != "running" else ""


async def inspect(request: Request) -> Response:
    tools = (await site(request)).tools
    return json(await tools.engine.inspect(request.path_params["id"]))


async def wait(request: Request) -> Response:
    tools = (await site(request)).tools
    return json({"exit_code": await tools.engine.wait(request.path_params["id"])})


async def start(request: Request) -> Response:
    tools, id = (await site(request)).tools, request.path_params["id"]
    operation = context(request).operations.start(
        "start", id, lambda op: start_oneoff(tools, id, op)
    )
    return await _concluded(operation)


async def remove(request: Request) -> Response:
    tools, id = (await site(request)).tools, request.path_params["id"]
    force, volumes = flag(request, "force"), flag(request, "volumes")
    operation = context(request).operations.start(
        "remove", id, lambda op: remove_oneoff(tools, id, op, force=force, volumes_too=volumes)
    )
    return await _concluded(operation)


async def get_archive(request: Request) -> Response:
    tools = (await site(request)).tools
    source = tools.engine.get_archive(request.path_params["id"], _path(request))
    first = await anext(source)

    async def chunks() -> AsyncIterator[bytes]:
        yield first
        async for chunk in source:
            yield chunk

    return StreamingResponse(chunks(), media_type="application/x-tar")


async def put_archive(request: Request) -> Response:
    tools = (await site(request)).tools
    await tools.engine.put_archive(
        request.path_params["id"],
        _path(request),
        request.stream(),
        copy_owner=flag(request, "copy_owner"),
    )
    return json({})


async def _concluded(operation: Operation) -> Response:
    async for message in operation.messages():
        if message["type"] == "error":
            error: TabibError = from_wire(message["error"])
            raise error
    return json({})


def _path(request: Request) -> str:
    path = request.query_params.get("path", "")
    if not path:
        raise UsageError("the path is missing", attempted="copy", target=request.url.path)
    return path


ROUTES = [
    Route("/v1/containers", list_containers),
    Route("/v1/containers/{id}", inspect, methods=["GET"]),
    Route("/v1/containers/{id}", remove, methods=["DELETE"]),
    Route("/v1/containers/{id}/start", start, methods=["POST"]),
    Route("/v1/containers/{id}/wait", wait),
    Route("/v1/containers/{id}/archive", get_archive, methods=["GET"]),
    Route("/v1/containers/{id}/archive", put_archive, methods=["PUT"]),
]
