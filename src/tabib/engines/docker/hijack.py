"""Connections to the engine that turn into a program's own streams.

Source: Engine API ``ContainerAttach`` ("Hijacking") and ``ExecStart``: the request asks for an
upgrade to ``tcp``; after the head of the answer both directions are raw.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import suppress

import msgspec

from tabib.engines.docker.call import Call
from tabib.engines.docker.errors import refused, unreachable
from tabib.model.errors import EngineError, TabibError
from tabib.model.wire import EndpointAddress

_READ_BYTES = 256 * 1024
_HEAD_BYTES = 64 * 1024


class Hijacked:
    """Both directions of one connection. Made by :func:`hijack`."""

    def __init__(
        self, call: Call, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._call = call
        self._reader = reader
        self._writer = writer

    async def write(self, data: bytes) -> None:
        """
        :raises EngineError: the far side reads no more.
        """
        try:
            self._writer.write(data)
            await self._writer.drain()
        except (OSError, RuntimeError) as error:
            raise EngineError(
                "it takes no more input",
                attempted=self._call.attempted,
                target=self._call.target,
            ) from error

    def end_input(self) -> None:
        """Close the sending direction; a connection over TLS is closed whole."""
        with suppress(OSError, RuntimeError):
            if self._writer.can_write_eof():
                self._writer.write_eof()
            else:
                self._writer.close()

    async def chunks(self) -> AsyncIterator[bytes]:
        """What comes, until the far side closes."""
        try:
            while chunk := await self._reader.read(_READ_BYTES):
                yield chunk
        except OSError as error:
            raise unreachable(self._call, error, self._call.target, "") from error

    async def close(self) -> None:
        """Close both directions, once all that was written is on its way."""
        self._writer.close()
        await self._closed()

    async def abort(self) -> None:
        """Close both directions now. A far side that reads no more would hold :meth:`close` up."""
        self._writer.transport.abort()
        await self._closed()

    async def _closed(self) -> None:
        with suppress(OSError, ssl.SSLError):
            # All who wait share one future: without the shield, one who is cancelled would cancel
            # the others.
            await asyncio.shield(self._writer.wait_closed())


async def hijack(
    call: Call, way: EndpointAddress, tls: ssl.SSLContext | None, path: str, body: object = None
) -> Hijacked:
    """POST ``body`` to ``path`` (version and query included) and take the connection over.

    ``way``: a ``unix://`` or ``tcp://`` address.

    :raises EngineUnavailable: the engine cannot be reached.
    :raises EngineError: it refused.
    """
    try:
        async with asyncio.timeout(call.deadline_s):
            reader, writer = await _dial(way, tls)
            try:
                data = msgspec.json.encode(body) if body is not None else b""
                writer.write(_head(path, len(data)) + data)
                await writer.drain()
                await _answer(call, reader)
            except BaseException:
                writer.close()
                raise
    except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
        raise unreachable(call, error, way.url, "") from error
    return Hijacked(call, reader, writer)


async def _dial(
    way: EndpointAddress, tls: ssl.SSLContext | None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    kind, _, rest = way.url.partition("://")
    if kind == "unix":
        return await asyncio.open_unix_connection(rest, limit=4 * _READ_BYTES)
    host, _, port = rest.partition("/")[0].rpartition(":")
    return await asyncio.open_connection(
        host.strip("[]"), int(port), ssl=tls, limit=4 * _READ_BYTES
    )


def _head(path: str, length: int) -> bytes:
    lines = (
        f"POST {path} HTTP/1.1",
        "Host: docker",
        "Connection: Upgrade",
        "Upgrade: tcp",
        "Content-Type: application/json",
        f"Content-Length: {length}",
        "",
        "",
    )
    return "\r\n".join(lines).encode("ascii")


async def _answer(call: Call, reader: asyncio.StreamReader) -> None:
    """Read the head of the answer.

    :raises EngineError: it is a refusal.
    """
    head = await reader.readuntil(b"\r\n\r\n")
    status = int(head.split(b" ", 2)[1])
    if status >= 400:
        raise await _refusal(call, status, reader)


async def _refusal(call: Call, status: int, reader: asyncio.StreamReader) -> TabibError:
    text = await reader.read(_HEAD_BYTES)
    try:
        start = text.index(b"{")
        words = str(msgspec.json.decode(text[start : text.rindex(b"}") + 1])["message"])
    except (ValueError, KeyError, TypeError, msgspec.DecodeError):
        words = text.decode(errors="replace")
    return refused(call, status, words.strip())
