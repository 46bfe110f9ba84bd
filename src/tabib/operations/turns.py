"""A bounded number of engine calls at once; what has come furthest goes first."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Turns:
    """A semaphore whose waiters are served by rank, the highest first, then in order.

    With ``stop`` before ``remove`` for thirty containers, a plain semaphore would stop all thirty
    before it removed the first: the engine then does one kind of work at a time, and waits for it.
    """

    def __init__(self, at_once: int) -> None:
        self._free = at_once
        self._count = 0
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []

    @asynccontextmanager
    async def taken(self, rank: int) -> AsyncIterator[None]:
        """Hold a turn for the length of the block."""
        await self._take(rank)
        try:
            yield
        finally:
            self._give()

    async def _take(self, rank: int) -> None:
        if self._free:
            self._free -= 1
            return
        self._count += 1
        turn = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (-rank, self._count, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._give()  # it came at the same moment: the next one has it
            raise

    def _give(self) -> None:
        while self._waiting:
            _, _, turn = heapq.heappop(self._waiting)
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
