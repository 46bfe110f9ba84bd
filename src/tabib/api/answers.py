"""Answers: JSON, errors with a status by kind, and streams of one message per line."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import structlog
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Send

from tabib.model.codec import encode
from tabib.model.errors import TabibError
from tabib.operations.operation import Operation, bug

log = structlog.get_logger("tabib.api")
_STATUS = {
    "usage": 400,
    "config": 400,
    "not_found": 404,
    "conflict": 409,
    "refused": 409,
    "owned_elsewhere": 409,
    "lease_held": 409,
    "needs_confirmation": 409,
    "engine_unavailable": 503,
    "engine_forbidden": 503,
    "engine_timeout": 504,
    "repository_missing": 404,
    "repository_key_wrong": 403,
    "repository_locked": 409,
    "repository_unreachable": 502,
    "repository_full": 507,
    "state_unusable": 507,
}


def json(value: object) -> Response:
    return Response(encode(value), media_type="application/json")


def error_answer(error: TabibError) -> Response:
    return Response(
        encode({"error": error.to_wire()}),
        status_code=_STATUS.get(error.kind, 500),
        media_type="application/json",
    )


async def on_tabib_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, TabibError)
    return error_answer(error)


async def on_bug(request: Request, error: Exception) -> Response:
    return error_answer(bug(error, request.method, request.url.path))


def stream(operation: Operation) -> Response:
    """Follow an operation. A reader that goes away does not stop it."""

    async def lines() -> AsyncIterator[bytes]:
        async for message in operation.messages():
            yield encode(message) + b"\n"

    return StreamingResponse(lines(), media_type="application/x-ndjson")


def rows(source: AsyncIterator[Mapping[str, Any]]) -> Response:
    """A stream of rows; an error in the middle becomes its last line."""

    async def lines() -> AsyncIterator[bytes]:
        try:
            async for row in source:
                yield encode(row) + b"\n"
        except TabibError as error:
            yield encode({"type": "error", "error": error.to_wire()}) + b"\n"

    return StreamingResponse(lines(), media_type="application/x-ndjson")


class Content(StreamingResponse):
    """Bytes that are whole, or break off: an error after the first of them ends the connection
    without the answer's end, so that nobody takes a part for all."""

    async def stream_response(self, send: Send) -> None:
        head = {"status": self.status_code, "headers": self.raw_headers}
        await send({"type": "http.response.start", **head})
        try:
            async for chunk in self.body_iterator:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        except TabibError as error:
            log.warning("api.content_broke_off", why=str(error))
            return
        await send({"type": "http.response.body", "body": b"", "more_body": False})
