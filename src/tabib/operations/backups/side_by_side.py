"""Work on several data sets at once, a few at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")
AT_ONCE = 2
"""More would only take turns on the disk."""


async def side_by_side(
    works: Sequence[T], do: Callable[[T], Awaitable[R]], at_once: int = AT_ONCE
) -> list[R]:
    """``do`` each of ``works``, ``at_once`` at a time; what came of each, in their order.

    :raises Exception: the first that one raised; the others were cancelled, and have ended.
    """
    turns = asyncio.Semaphore(at_once)

    async def one(work: T) -> R:
        async with turns:
            return await do(work)

    tasks = [asyncio.ensure_future(one(work)) for work in works]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
