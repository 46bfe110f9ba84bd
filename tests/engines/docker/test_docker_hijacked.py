"""Both directions of one connection, let go of by several at once."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tabib.engines.docker.call import Call
from tabib.engines.docker.hijack import hijack
from tabib.model.wire import EndpointAddress


async def test_who_is_cancelled_while_it_closes_cancels_nobody_else(tmp_path: Path) -> None:
    """It did once: the helper whose end was seen just then was never removed."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 101 UPGRADED\r\n\r\n")
        await reader.read()
        writer.close()

    path = tmp_path / "engine.sock"
    async with await asyncio.start_unix_server(answer, path):
        call = Call(attempted="attach to", target="a")
        wire = await hijack(call, EndpointAddress(url=f"unix://{path}"), None, "/attach")
        first = asyncio.create_task(wire.abort())
        await asyncio.sleep(0)
        first.cancel()
        await wire.abort()
        await asyncio.wait({first})
        assert first.cancelled()
