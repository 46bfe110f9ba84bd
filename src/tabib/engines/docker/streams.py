"""Cutting byte streams: lines of JSON, and the frames in which output of a container comes."""

from __future__ import annotations

from collections.abc import AsyncIterator

_HEADER_BYTES = 8
_NAMES = {0: "stdout", 1: "stdout", 2: "stderr"}
MULTIPLEXED = "application/vnd.docker.multiplexed-stream"
"""The content type that says frames follow (API 1.42 and newer; before, the terminal decides)."""


async def lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Non-empty lines without their ends; an unfinished last one comes too."""
    rest = b""
    async for chunk in chunks:
        parts = (rest + chunk).split(b"\n")
        rest = parts.pop()
        for line in parts:
            if line.strip():
                yield line
    if rest.strip():
        yield rest


async def frames(chunks: AsyncIterator[bytes]) -> AsyncIterator[tuple[str, bytes]]:
    """(stream, payload) of a multiplexed stream: one byte stream, three zero, four length.

    Source: Engine API ``ContainerAttach``, "Stream format".
    """
    buffer = bytearray()
    async for chunk in chunks:
        buffer += chunk
        start = 0
        while len(buffer) - start >= _HEADER_BYTES:
            size = int.from_bytes(buffer[start + 4 : start + 8], "big")
            end = start + _HEADER_BYTES + size
            if len(buffer) < end:
                break
            yield _NAMES.get(buffer[start], "stdout"), bytes(buffer[start + _HEADER_BYTES : end])
            start = end
        del buffer[:start]


async def joined(chunks: AsyncIterator[bytes]) -> AsyncIterator[tuple[str, bytes]]:
    """As :func:`frames`, where what came together of one stream comes as one: the engine cuts into
    pieces of 32 KiB at most, and each that is handed on costs as much as a large one. Not for
    records of a log, of which each frame is one."""
    buffer = bytearray()
    async for chunk in chunks:
        buffer += chunk
        found, used = _runs(buffer)
        del buffer[:used]
        for one in found:
            yield one


def _runs(buffer: bytearray) -> tuple[list[tuple[str, bytes]], int]:
    """The payloads of the frames that are there whole, and how many bytes these take."""
    parts: list[tuple[str, list[memoryview]]] = []
    start = 0
    with memoryview(buffer) as view:
        while len(buffer) - start >= _HEADER_BYTES:
            payload = start + _HEADER_BYTES
            end = payload + int.from_bytes(view[start + 4 : payload], "big")
            if len(buffer) < end:
                break
            name = _NAMES.get(buffer[start], "stdout")
            if not parts or parts[-1][0] != name:
                parts.append((name, []))
            parts[-1][1].append(view[payload:end])
            start = end
        found = [(name, b"".join(views)) for name, views in parts]
        for _, views in parts:
            for one in views:
                one.release()
    return found, start
