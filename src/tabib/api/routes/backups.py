"""Snapshots: taken, listed, read, held, let go; and how data is backed up."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tabib.api.answers import Content, json, stream
from tabib.api.context import body, context, site
from tabib.model.backup import Snapshot
from tabib.model.codec import builtins
from tabib.model.wire import BackupRequest, HoldRequest, KeyRequest, RepositoryRequest
from tabib.operations.backups import asked, keep
from tabib.operations.backups.entry import Found, entries, find_entry
from tabib.operations.backups.outlook import outlook
from tabib.operations.backups.rows import snapshot_page, snapshot_row
from tabib.operations.operation import Operation
from tabib.operations.tools import Tools

TYPE_HEADER = "X-Tabib-Type"
"""Of content: ``file`` or ``tar``, an archive of a folder."""
NAME_HEADER = "X-Tabib-Name"
"""Of content: what a file of it may be called, percent-encoded."""


async def post_backup(request: Request) -> Response:
    wanted, name = await body(request, BackupRequest), request.path_params["name"]
    tools = (await site(request)).tools
    operation = context(request).operations.start(
        "backup", name, lambda op: asked.back_up(tools, name, wanted, op)
    )
    return stream(operation)


async def get_plan(request: Request) -> Response:
    tools = (await site(request)).tools
    return json(await outlook(tools, request.path_params["name"]))


async def post_key(request: Request) -> Response:
    wanted = await body(request, KeyRequest)
    return json(await asked.show_key((await site(request)).tools, wanted))


async def post_repository_snapshots(request: Request) -> Response:
    wanted = await body(request, RepositoryRequest)
    return json(await asked.read_repository((await site(request)).tools, wanted))


async def list_snapshots(request: Request) -> Response:
    tools = (await site(request)).tools
    project = request.query_params.get("project") or None
    found = await tools.journal.snapshots(tools.info.id, project)
    return json([snapshot_row(one) for one in found])


async def get_snapshot(request: Request) -> Response:
    _, snapshot = await _meant(request, "show snapshot")
    return json(snapshot_page(snapshot))


async def get_entries(request: Request) -> Response:
    tools, snapshot = await _meant(request, "read snapshot")
    found = await entries(tools, snapshot, request.query_params.get("path", ""))
    return json([builtins(one) for one in found])


async def get_content(request: Request) -> Response:
    """The bytes, once the first of them are there: what fails before is a proper error answer,
    what fails later breaks the answer off."""
    tools, snapshot = await _meant(request, "read snapshot")
    found = await find_entry(tools, snapshot, request.query_params.get("path", ""))
    source = found.read()
    first = await anext(source, b"")

    async def chunks() -> AsyncIterator[bytes]:
        try:
            yield first
            async for chunk in source:
                yield chunk
        finally:
            if isinstance(source, AsyncGenerator):
                await source.aclose()

    kind = "tar" if found.entry.type == "dir" else "file"
    media = "application/x-tar" if kind == "tar" else "application/octet-stream"
    headers = {TYPE_HEADER: kind, NAME_HEADER: quote(_file_name(snapshot, found), safe="")}
    return Content(chunks(), media_type=media, headers=headers)


def _file_name(snapshot: Snapshot, found: Found) -> str:
    """``shop-3fa21b0c-uploads.tar``; of a file or folder below a data set its own name."""
    path, of = found.entry.path.strip("/"), found.part.dataset.name.strip("/")
    is_stream = found.part.form != "files"
    if path != of and not is_stream:
        name = path.rpartition("/")[2]
        return f"{name}.tar" if found.entry.type == "dir" else name
    stream = found.part.path.strip("/").replace("/", "_")
    ending = f"-{stream}" if is_stream else ".tar"
    return f"{snapshot.project}-{snapshot.id[:8]}-{of.replace('/', '_')}{ending}"


async def post_hold(request: Request) -> Response:
    wanted = await body(request, HoldRequest)
    tools, snapshot = await _meant(request, "hold snapshot")
    return json(snapshot_row(await asked.hold(tools, snapshot, wanted)))


async def delete_snapshot(request: Request) -> Response:
    tools, snapshot = await _meant(request, "remove snapshot")

    async def work(operation: Operation) -> Mapping[str, Any]:
        await keep.remove(tools, snapshot, operation)
        return {"removed": snapshot.id}

    operations = context(request).operations
    return stream(operations.start("remove snapshot", snapshot.project, work))


async def _meant(request: Request, attempted: str) -> tuple[Tools, Snapshot]:
    tools = (await site(request)).tools
    return tools, await asked.find(tools, request.path_params["id"], attempted)


ROUTES = [
    Route("/v1/projects/{name}/backup", post_backup, methods=["POST"]),
    Route("/v1/projects/{name}/backup/plan", get_plan),
    Route("/v1/backup/key", post_key, methods=["POST"]),
    Route("/v1/repository/snapshots", post_repository_snapshots, methods=["POST"]),
    Route("/v1/snapshots", list_snapshots),
    Route("/v1/snapshots/{id}", get_snapshot, methods=["GET"]),
    Route("/v1/snapshots/{id}", delete_snapshot, methods=["DELETE"]),
    Route("/v1/snapshots/{id}/entries", get_entries),
    Route("/v1/snapshots/{id}/content", get_content),
    Route("/v1/snapshots/{id}/hold", post_hold, methods=["POST"]),
]
