"""Calls of the API's application without a socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from starlette.applications import Starlette


@dataclass(frozen=True)
class Answered:
    status: int
    body: bytes
    kind: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    whole: bool = True
    """Whether the answer came to its end."""

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


def _scope(path: str, query: dict[str, Any], method: str = "GET") -> dict[str, Any]:
    return {
        "type": "http", "method": method, "path": path, "raw_path": path.encode(), "headers": [],
        "query_string": urlencode(query, doseq=True).encode(), "http_version": "1.1",
        "scheme": "http", "server": ("test", 80), "client": None, "root_path": "",
        "asgi": {"version": "3.0", "spec_version": "2.0"},
    }  # fmt: skip


async def get(app: Starlette, path: str, /, **query: Any) -> Answered:
    """The whole answer."""
    return await ask(app, "GET", path, query=query)


async def ask(
    app: Starlette, method: str, path: str, body: Any = None, query: dict[str, Any] | None = None
) -> Answered:
    """The whole answer to ``body``, sent as JSON."""
    sent = b"" if body is None else json.dumps(body).encode()
    return await _exchange(app, _scope(path, query or {}, method), sent)


async def _exchange(app: Starlette, scope: dict[str, Any], sent: bytes) -> Answered:
    status, kind, body, whole = 0, "", b"", False
    headers: dict[str, str] = {}
    gone = asyncio.Event()
    asked = [{"type": "http.request", "body": sent, "more_body": False}]

    async def receive() -> dict[str, Any]:
        if asked:
            return asked.pop()
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        nonlocal status, kind, body, whole
        if message["type"] == "http.response.start":
            status = message["status"]
            headers.update({k.decode(): v.decode() for k, v in message["headers"]})
            kind = headers.get("content-type", "")
        else:
            body += message.get("body", b"")
            whole = not message.get("more_body", False)

    await app(scope, receive, send)
    return Answered(status, body, kind, headers, whole)


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
