"""The user's commands before and after a data set is copied."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tabib.model.backup import Dataset
from tabib.model.container import ContainerState
from tabib.model.errors import CopyFailed, TabibError
from tabib.operations.backups.kinds.programs import run
from tabib.operations.operation import Operation
from tabib.operations.tools import Tools

_HOOK_S = 600.0
_BEFORE, _AFTER = "before", "after"


@asynccontextmanager
async def hooks(
    tools: Tools, dataset: Dataset, container: ContainerState | None, operation: Operation
) -> AsyncIterator[None]:
    """The user's commands around a copy; the one after it runs whatever happened.

    :raises CopyFailed: the one before it failed.
    """
    if container is None or not dataset.hooks:
        yield
        return
    if command := dataset.hooks.get(_BEFORE):
        said = await _hook(tools, container, command)
        if said:
            raise CopyFailed(
                f"its command before a backup failed: {said}",
                attempted="back up",
                target=dataset.name,
                advice="Correct the command in `backup.hooks.before`, or take it away.",
            )
    try:
        yield
    finally:
        if command := dataset.hooks.get(_AFTER):
            said = await asyncio.shield(_hook(tools, container, command))
            if said:
                operation.note(
                    f"{dataset.name}: its command after a backup failed: {said}", "warning"
                )


async def _hook(tools: Tools, container: ContainerState, command: str) -> str:
    """Why a command failed; ``""`` where it did not."""
    try:
        ran = await run(tools, container.id, ["sh", "-c", command], timeout_s=_HOOK_S)
    except TabibError as error:
        return error.happened
    if ran.exit_code == 0:
        return ""
    last = (ran.stderr or ran.text).strip().splitlines()[-1:]
    return f"exit code {ran.exit_code}" + (f": {last[0]}" if last else "")
