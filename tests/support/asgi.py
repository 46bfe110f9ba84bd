"""Calls of the API's application without a socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from starlette.applications import Starlette


@dataclass(frozen=True)
class Answered:
    status: int
    body: bytes
    kind: str = ""

    @property
    def json(self) -> Any:
        assert self.status == 200, self.body
        return json.loads(self.body)

    @property
    def rows(self) -> list[Any]:
        assert self.status == 200, self.body
        return [json.loads(line) for line in self.body.splitlines()]

    @property
    def error(self) -> Any:
        assert self.status >= 400, self.body
        return json.loads(self.body)["error"]


def _scope(path: str, query: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "headers": [],
        "query_string": urlencode(query, doseq=True).encode(), "http_version": "1.1",
        "scheme": "http", "server": ("test", 80), "client": None, "root_path": "",
        "asgi": {"version": "3.0", "spec_version": "2.0"},
    }  # fmt: skip


async def get(app: Starlette, path: str, **query: Any) -> Answered:
    """The whole answer."""
    status, kind, body = 0, "", b""
    gone = asyncio.Event()

    async def receive() -> dict[str, Any]:
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        nonlocal status, kind, body
        if message["type"] == "http.response.start":
            status = message["status"]
            kind = dict(message["headers"]).get(b"content-type", b"").decode()
        else:
            body += message.get("body", b"")

    await app(_scope(path, query), receive, send)
    return Answered(status, body, kind)


@asynccontextmanager
async def following(app: Starlette, path: str, **query: Any) -> AsyncIterator[asyncio.Queue[Any]]:
    """The rows of a stream as they come; leaving the block is the reader going away."""
    rows: asyncio.Queue[Any] = asyncio.Queue()
    gone = asyncio.Event()

    async def receive() -> dict[str, Any]:
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        for line in message.get("body", b"").splitlines():
            rows.put_nowait(json.loads(line))

    task = asyncio.create_task(app(_scope(path, query), receive, send))
    try:
        yield rows
    finally:
        gone.set()
        await task
