"""Work that ends as soon as its operation is asked to stop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from tabib.operations.operation import Operation

T = TypeVar("T")


async def until_stopped(operation: Operation, work: Awaitable[T]) -> T:
    """``work``, cancelled as soon as the operation is asked to stop.

    :raises Interrupted: it was.
    """
    task = asyncio.ensure_future(work)
    asked = asyncio.ensure_future(operation.stop_requested())
    try:
        await asyncio.wait((task, asked), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            task.cancel()
            await asyncio.wait((task,))
        if task.cancelled():
            operation.check_stop()
        return await task
    finally:
        asked.cancel()
        if not task.done():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
