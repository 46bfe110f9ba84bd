"""One run of restic in a helper container: its lines, its end, and how it is stopped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from tabib.model.errors import TabibError
from tabib.model.oneshot import OneShot
from tabib.ports.engine import Process
from tabib.stores.repository.trouble import NO_ANSWER

_KEPT = 256 * 1024
"""So much of what it says on stderr is kept: the beginning and the end."""
_STOP_S = 15.0


class Runner(Protocol):
    """What runs a helper: an engine, or this host."""

    def start_one_shot(self, spec: OneShot) -> AbstractAsyncContextManager[Process]: ...


OnLine = Callable[[dict[str, Any]], None]


@dataclass(slots=True)
class Said:
    """What a run said. ``lines``: of stdout, that were no JSON or that nobody took."""

    out: bytearray = field(default_factory=bytearray)
    err: bytearray = field(default_factory=bytearray)

    def add_error(self, data: bytes) -> None:
        self.err += data
        if len(self.err) > 2 * _KEPT:
            del self.err[_KEPT:-_KEPT]

    @property
    def text(self) -> str:
        return self.out.decode(errors="replace")

    @property
    def stderr(self) -> str:
        return self.err.decode(errors="replace")


async def run(
    runner: Runner,
    spec: OneShot,
    *,
    on_line: OnLine | None = None,
    deadline_s: float | None = None,
) -> tuple[int, Said]:
    """Its exit code and what it said. ``on_line``: takes each line of stdout as JSON instead.

    Cancelled, it is interrupted and its end awaited for a while before it is killed. After
    ``deadline_s`` it is killed; the code then is :data:`NO_ANSWER`.
    """
    said = Said()
    async with runner.start_one_shot(spec) as process:
        try:
            async with asyncio.timeout(deadline_s):
                await read(process, on_line, said)
                return await process.exit_code(), said
        except TimeoutError:
            return NO_ANSWER, said
        except BaseException:
            await stop(process)
            raise


async def feed(
    runner: Runner,
    spec: OneShot,
    chunks: AsyncIterator[bytes],
    on_bytes: Callable[[int], None],
    begin: Callable[[], bytes] = bytes,
) -> tuple[int, Said]:
    """As :func:`run`, with ``chunks`` as its input, which ends only when they have ended well.
    ``begin`` is called when the first is there; what it gives goes before it.

    What ``chunks`` raises comes out, once the run was interrupted.
    """
    async with runner.start_one_shot(spec) as process:
        said = Said()
        reader = asyncio.ensure_future(read(process, None, said))
        pump = asyncio.ensure_future(_pump(process, chunks, on_bytes, begin, reader))
        try:
            await asyncio.wait({reader, pump}, return_when=asyncio.FIRST_COMPLETED)
            if not pump.done():
                # It ended before its input did: why, its words say.
                await _cancelled(pump)
            elif not pump.cancelled() and (error := pump.exception()) is not None:
                raise error
            await reader
            return await process.exit_code(), said
        except BaseException:
            await _cancelled(pump)
            await stop(process, reader)
            raise


async def _pump(
    process: Process,
    chunks: AsyncIterator[bytes],
    on_bytes: Callable[[int], None],
    begin: Callable[[], bytes],
    reader: asyncio.Future[None],
) -> None:
    begun = False
    async for chunk in chunks:
        if not chunk:
            continue
        try:
            if not begun:
                begun = True
                await process.write(begin())
            await process.write(chunk)
        except TabibError:
            # Its end is in sight: the reader has the reason.
            await asyncio.wait({reader})
            return
        on_bytes(len(chunk))
    await process.end_input()


async def read(process: Process, on_line: OnLine | None, said: Said) -> None:
    """Hear all that it says, until it has closed both streams."""
    rest = b""
    async for stream, data in process.output():
        if stream == "stderr":
            said.add_error(data)
        elif on_line is None:
            said.out += data
        else:
            *whole, rest = (rest + data).split(b"\n")
            for line in whole:
                take(line, on_line, said)
    if rest and on_line is not None:
        take(rest, on_line, said)


def take(line: bytes, on_line: OnLine, said: Said) -> None:
    try:
        value = msgspec.json.decode(line)
    except msgspec.DecodeError:
        said.out += line + b"\n"
        return
    if isinstance(value, dict):
        on_line(value)


async def stop(process: Process, reader: asyncio.Future[None] | None = None) -> None:
    """Interrupt it and wait for its end; leaving its context kills it where it does not."""
    with suppress(TabibError, TimeoutError):
        async with asyncio.timeout(_STOP_S):
            await process.signal("INT")
            await process.exit_code()
    if reader is not None:
        await _cancelled(reader)


async def _cancelled(task: asyncio.Future[Any]) -> None:
    if not task.done():
        task.cancel()
        await asyncio.wait({task})
