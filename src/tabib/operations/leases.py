"""One writer per project: the lease with its fencing token, waited for with a line."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from tabib.model.errors import LeaseHeld
from tabib.model.release import Lease
from tabib.operations.operation import Operation
from tabib.operations.tools import Tools

TTL = timedelta(seconds=60)
RENEW_S = 20.0
RETRY_S = 0.1


@asynccontextmanager
async def lease(
    tools: Tools, project: str, operation: Operation, *, wait: bool = True
) -> AsyncIterator[Lease]:
    """Hold the project's lease for the length of the block; renewed while it is held.

    :raises LeaseHeld: another operation holds it and ``wait`` is False.
    :raises Interrupted: the operation was asked to stop while it waited.
    """
    scope = f"{tools.info.id}/{project}"
    holder = f"{operation.name} {operation.id}"
    held = await _take(tools, scope, holder, operation, wait)
    renewal = asyncio.create_task(_renew(tools, scope, holder))
    try:
        with tools.actions.working_on(project):
            yield held
    finally:
        renewal.cancel()
        await asyncio.gather(renewal, return_exceptions=True)
        await asyncio.shield(tools.journal.release_lease(held))


async def _take(tools: Tools, scope: str, holder: str, operation: Operation, wait: bool) -> Lease:
    told = False
    while True:
        try:
            return await tools.journal.acquire_lease(scope, holder, TTL)
        except LeaseHeld as error:
            if not wait:
                raise
            if not told:
                operation.note(f"{error.happened}; waiting for it to end")
                told = True
        operation.check_stop()
        await tools.clock.sleep(RETRY_S)


async def _renew(tools: Tools, scope: str, holder: str) -> None:
    while True:
        await tools.clock.sleep(RENEW_S)
        await tools.journal.acquire_lease(scope, holder, TTL)
