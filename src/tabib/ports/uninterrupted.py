"""Clean-up that is done whole, whoever asks meanwhile to stop: every adapter and operation that
holds something foreign (a container, a pause) lets go of it so."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


async def uninterrupted(work: Awaitable[T]) -> T:
    """What ``work`` gives or raises. Whoever waits may be cancelled meanwhile, however often: the
    work ends all the same, and only then the cancellation is raised."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled from (None if task.cancelled() else task.exception())
    return task.result()
