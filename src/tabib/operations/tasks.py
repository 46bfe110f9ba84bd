"""Background tasks: a mistake in one of them is logged, and ends neither the others nor care."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import structlog

from tabib.ports import Clock

log = structlog.get_logger("tabib.tasks")

PAUSE_S = 1.0
PAUSE_MAX_S = 60.0


def spawn(
    group: asyncio.TaskGroup, work: Coroutine[Any, Any, None], what: str
) -> asyncio.Task[None]:
    """Run ``work`` in the group; what it raises is logged instead of ending the group."""
    return group.create_task(_guarded(work, what), name=what)


def keep_running(
    group: asyncio.TaskGroup, work: Callable[[], Awaitable[None]], what: str, clock: Clock
) -> asyncio.Task[None]:
    """Run ``work`` for ever: started anew, ever more slowly, whenever it ends by a mistake."""
    return group.create_task(_again_and_again(work, what, clock), name=what)


async def _guarded(work: Coroutine[Any, Any, None], what: str) -> None:
    try:
        await work
    except Exception:  # logged with its traceback; nobody awaits it
        log.exception("task.failed", task=what)


async def _again_and_again(work: Callable[[], Awaitable[None]], what: str, clock: Clock) -> None:
    pause_s = PAUSE_S
    while True:
        try:
            await work()
            return
        except Exception:  # logged with its traceback; started again
            log.exception("task.failed", task=what, again_in_s=pause_s)
        await clock.sleep(pause_s)
        pause_s = min(PAUSE_MAX_S, pause_s * 2)
