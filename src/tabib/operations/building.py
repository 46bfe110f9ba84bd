"""One build: its context from the command, its progress to it, and its end when asked to stop."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import suppress

from tabib.model.errors import Interrupted
from tabib.model.plan import Step, StepResult
from tabib.operations.operation import Operation
from tabib.ports import Credentials, Engine, ProgressSink

TOLD_LINES = 5_000
"""Of one build; the daemon keeps the messages of its last operations."""


async def build_image(
    engine: Engine,
    step: Step,
    operation: Operation,
    progress: ProgressSink,
    credentials: Credentials | None,
) -> StepResult:
    """Build, unless the operation is asked to stop meanwhile: that ends it on the engine too, and
    leaves nothing but cached layers.

    :raises BuildFailed: see :meth:`tabib.ports.Engine.build`.
    :raises Interrupted: it was asked to stop.
    """
    if step.build is not None and step.build.remote:
        return await _stoppable(engine, step, None, operation, progress, credentials)
    async with operation.contexts.take(step) as context:
        return await _stoppable(engine, step, context, operation, progress, credentials)


async def _stoppable(
    engine: Engine,
    step: Step,
    context: AsyncIterator[bytes] | None,
    operation: Operation,
    progress: ProgressSink,
    credentials: Credentials | None,
) -> StepResult:
    told = itertools.count(1)

    def output(text: str) -> None:
        number = next(told)
        if number == TOLD_LINES:
            text = "… what it writes from here on is not shown"
        if number <= TOLD_LINES:
            operation.emit("output", id=step.id, subject=step.subject, text=text)

    building = asyncio.ensure_future(
        engine.build(step, context, progress=progress, output=output, credentials=credentials)
    )
    asked = asyncio.ensure_future(operation.stop_requested())
    try:
        await asyncio.wait({building, asked}, return_when=asyncio.FIRST_COMPLETED)
        if not building.done():
            building.cancel()
            with suppress(asyncio.CancelledError):
                await building
            raise Interrupted("stopped as asked", attempted="build image", target=step.target)
        return building.result()
    finally:
        asked.cancel()
        building.cancel()
