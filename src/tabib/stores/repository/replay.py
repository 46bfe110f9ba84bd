"""A stream that can be begun again while little of it has passed: a repository that turns out to be
locked has read none of it, though some lies in the pipes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

_KEPT = 4 * 1024 * 1024
ALL = float("inf")


class Replayed:
    """``whole``: :meth:`again` gives the stream from its beginning, which holds until more than
    ``most`` bytes have passed. ``ended``: it was read to its end."""

    def __init__(self, chunks: AsyncIterator[bytes], most: float = _KEPT) -> None:
        self._chunks = chunks
        self._most = most
        self._kept: list[bytes] = []
        self._size = 0
        self.whole = True
        self.ended = False

    async def again(self) -> AsyncIterator[bytes]:
        for chunk in list(self._kept):
            yield chunk
        if self.ended:
            return
        async for chunk in self._chunks:
            if self.whole:
                self._keep(chunk)
            yield chunk
        self.ended = True

    def _keep(self, chunk: bytes) -> None:
        self._size += len(chunk)
        if self._size > self._most:
            self.whole = False
            self._kept.clear()
        else:
            self._kept.append(bytes(chunk))


class Outlasting:
    """A stream whose next chunk is still to come when who waited for it stops waiting; a generator
    would be at its end. A task for each chunk: for short ones."""

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self._chunks = chunks
        self._coming: asyncio.Task[bytes | None] | None = None

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if self._coming is None:
            self._coming = asyncio.ensure_future(self._next())
        come = await asyncio.shield(self._coming)
        self._coming = None
        if come is None:
            raise StopAsyncIteration
        return come

    async def close(self) -> None:
        """Nobody reads on. Idempotent."""
        if self._coming is not None:
            self._coming.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await self._coming
            self._coming = None

    async def _next(self) -> bytes | None:
        return await anext(self._chunks, None)
