"""Log records from the frames in which an engine sends them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from tabib.engines.docker import logs
from tabib.model.container import LogLine

STAMP = b"2026-01-01T12:00:00.000000000Z "


def frame(text: bytes) -> bytes:
    payload = STAMP + text
    return b"\x01\x00\x00\x00" + len(payload).to_bytes(4, "big") + payload


def read(*records: bytes) -> list[LogLine]:
    async def chunks() -> AsyncIterator[bytes]:
        for record in records:
            yield frame(record)

    async def collect() -> list[LogLine]:
        return [line async for line in logs._of_frames(chunks())]

    return asyncio.run(collect())


def test_a_long_line_comes_in_one() -> None:
    (line,) = read(b"a" * 16384, b"b" * 100 + b"\n")
    assert line.text == "a" * 16384 + "b" * 100


def test_a_line_that_never_ends_does_not_fill_the_memory() -> None:
    found = read(*[b"x" * 16384] * 200, b"end\n")
    assert len(found) > 2
    assert max(len(line.text) for line in found) <= logs.LONGEST_LINE + 16384
    assert "".join(line.text for line in found) == "x" * 16384 * 200 + "end"
