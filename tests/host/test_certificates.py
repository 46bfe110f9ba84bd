"""Certificates that ports show, by a real handshake."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from support.certificates import NOW, made
from tabib.host.certificates import certificate_at


@asynccontextmanager
async def listening(context: ssl.SSLContext | None, says: bytes = b"") -> AsyncIterator[int]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(says)
        await asyncio.sleep(5)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def test_the_certificate_of_a_port(tmp_path: Path) -> None:
    for name, wanted in (("shop.example.com", "shop.example.com"), ("", "alt.example.com")):
        context = made(tmp_path, name, NOW + timedelta(days=5))
        async with listening(context) as port:
            shown = await certificate_at("127.0.0.1", port)
        assert shown is not None
        assert (shown.subject, shown.not_after) == (wanted, NOW + timedelta(days=5))


async def test_what_speaks_no_tls_is_let_go_in_time() -> None:
    begun = time.monotonic()
    async with listening(None, b"220 mail ESMTP\r\n") as port:
        assert await certificate_at("127.0.0.1", port, 0.5) is None
    async with listening(None) as port:
        assert await certificate_at("127.0.0.1", port, 0.3) is None
    assert await certificate_at("127.0.0.1", 1, 0.5) is None
    assert time.monotonic() - begun < 3.0
