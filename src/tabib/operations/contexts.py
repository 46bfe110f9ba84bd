"""Build contexts on their way: the command has the files, the engine wants them.

A build asks for its context by a message of its operation; the command answers with a request whose
body is the tar stream. The bytes go through as the engine takes them: nothing is kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from tabib.model.errors import BuildFailed, UsageError
from tabib.model.plan import Step

ANSWER_WITHIN_S = 30.0
"""A command that is there answers at once."""


class Upload:
    """One context that a command sends. ``done`` is set once nobody reads on."""

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self._chunks = chunks
        self.done = asyncio.Event()

    async def read(self, step: Step) -> AsyncIterator[bytes]:
        """The tar stream.

        :raises BuildFailed: the command broke off.
        """
        try:
            async for chunk in self._chunks:
                if chunk:
                    yield chunk
        except asyncio.CancelledError:
            raise
        except Exception as error:
            raise _gone(step, "the command that sends its files broke off") from error


class Contexts:
    """The contexts of one operation. ``emit`` tells the command that one is wanted."""

    def __init__(self, emit: Callable[..., None]) -> None:
        self._emit = emit
        self._wanted: dict[str, asyncio.Future[Upload]] = {}

    @asynccontextmanager
    async def take(self, step: Step) -> AsyncIterator[AsyncIterator[bytes]]:
        """The context of ``step`` while the block runs.

        :raises BuildFailed: nobody sends it.
        """
        wanted: asyncio.Future[Upload] = asyncio.get_running_loop().create_future()
        self._wanted[step.id] = wanted
        self._emit("context", id=step.id, service=step.service)
        try:
            try:
                async with asyncio.timeout(ANSWER_WITHIN_S):
                    upload = await wanted
            except TimeoutError:
                raise _gone(step, "the command that has its files is gone") from None
            try:
                yield upload.read(step)
            finally:
                upload.done.set()
        finally:
            del self._wanted[step.id]

    def offer(self, step_id: str, chunks: AsyncIterator[bytes]) -> Upload:
        """Here is the context of that step.

        :raises UsageError: no build waits for it.
        """
        wanted = self._wanted.get(step_id)
        if wanted is None or wanted.done():
            raise UsageError("no build waits for it", attempted="send context", target=step_id)
        upload = Upload(chunks)
        wanted.set_result(upload)
        return upload


def _gone(step: Step, happened: str, **details: Any) -> BuildFailed:
    return BuildFailed(
        happened,
        attempted="build image",
        target=step.target,
        advice="Start it again, and leave the command until the build has ended.",
        details=details,
    )
