"""Output of programs, from the frames in which an engine sends it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tabib.engines.docker.streams import joined


def frame(number: int, payload: bytes) -> bytes:
    return bytes([number, 0, 0, 0]) + len(payload).to_bytes(4, "big") + payload


def read(*chunks: bytes) -> list[tuple[str, bytes]]:
    async def source() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    async def collect() -> list[tuple[str, bytes]]:
        return [one async for one in joined(source())]

    return asyncio.run(collect())


def test_what_came_together_of_one_stream_is_one() -> None:
    sent = frame(1, b"a") + frame(1, b"b") + frame(2, b"wrong") + frame(1, b"c")
    assert read(sent) == [("stdout", b"ab"), ("stderr", b"wrong"), ("stdout", b"c")]


@pytest.mark.parametrize("size", [1, 3, 8, 11, 64])
def test_wherever_it_is_cut_nothing_is_lost(size: int) -> None:
    sent = b"".join(frame(1 + number % 3 // 2, bytes([number]) * number) for number in range(20))
    cut = [sent[at : at + size] for at in range(0, len(sent), size)]
    got: dict[str, bytes] = {}
    for name, payload in read(*cut):
        got[name] = got.get(name, b"") + payload
    whole: dict[str, bytes] = {}
    for name, payload in read(sent):
        whole[name] = whole.get(name, b"") + payload
    assert got == whole
    assert sum(map(len, got.values())) == sum(range(20))
