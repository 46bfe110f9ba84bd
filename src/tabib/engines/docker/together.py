"""Several calls at once, failing as one of them does and not as a group."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import TypeVar

T = TypeVar("T")

AT_ONCE = 16
"""Calls in flight: more gain nothing, and the engine has other callers."""


async def together(calls: Iterable[Coroutine[None, None, T]], at_once: int = AT_ONCE) -> list[T]:
    """The results in order. The first failure cancels the others and is raised itself."""
    limit = asyncio.Semaphore(at_once)

    async def one(call: Coroutine[None, None, T]) -> T:
        async with limit:
            return await call

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(call)) for call in calls]
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from failed.exceptions[0].__cause__
    return [task.result() for task in tasks]
