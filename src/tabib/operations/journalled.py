"""An operation in the journal: begun, ended. What has no end was cut off; see ``resume.py``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from tabib.model.errors import Interrupted, TabibError
from tabib.model.plan import Plan
from tabib.model.release import JournalEntry
from tabib.operations.operation import Operation
from tabib.operations.tools import Tools


@asynccontextmanager
async def journalled(
    tools: Tools, project: str, operation: Operation, asked: Mapping[str, Any], plan: Plan
) -> AsyncIterator[None]:
    """Journal the block, which applies ``plan``, as one operation; an empty plan leaves no trace.

    ``asked`` is all that planning it anew needs. Only death leaves an operation without an end;
    cancelled, it is cut off by the daemon's own.
    """
    if plan.empty:
        yield
        return
    started = {"verb": operation.name, **asked}
    if operation.resumes:
        started["resumes"] = operation.resumes
    await _write(tools, project, operation, "operation_started", started)
    try:
        yield
    except Interrupted:
        await _write(tools, project, operation, "operation_ended", {"outcome": "stopped"})
        raise
    except TabibError as error:
        ended = {"outcome": "failed", "error": error.to_wire()}
        await _write(tools, project, operation, "operation_ended", ended)
        raise
    except Exception as error:
        ended = {"outcome": "bug", "error": f"{type(error).__name__}: {error}"}
        await _write(tools, project, operation, "operation_ended", ended)
        raise
    await _write(tools, project, operation, "operation_ended", {"outcome": "done"})


async def _write(
    tools: Tools, project: str, operation: Operation, kind: str, data: Mapping[str, Any]
) -> None:
    await tools.journal.append(
        JournalEntry(
            at=tools.clock.now(),
            kind=kind,
            engine_id=tools.info.id,
            project=project,
            operation=operation.id,
            subject=operation.name,
            data=data,
        )
    )
