"""An operation in the journal: begun, ended. What has no end was cut off; see ``resume.py``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from tabib.model.errors import Interrupted, TabibError
from tabib.model.release import JournalEntry
from tabib.operations.operation import Operation
from tabib.operations.tools import Tools


@asynccontextmanager
async def journalled(
    tools: Tools,
    project: str,
    operation: Operation,
    asked: Mapping[str, Any],
    *,
    changes: bool,
) -> AsyncIterator[None]:
    """Journal the block as one operation; one that changes nothing leaves no trace.

    ``asked`` is all that planning it anew needs. Only death leaves an operation without an end;
    cancelled, it is cut off by the daemon's own.
    """
    if not changes:
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


async def still_asked_for(tools: Tools, project: str, operation: Operation) -> None:
    """Refuse to complete a cut-off operation that a later one has replaced; under the lease.

    :raises Interrupted: something else was done to the project since.
    """
    if not operation.resumes:
        return
    begun = await tools.journal.entries(
        engine_id=tools.info.id, project=project, kinds=("operation_started",), limit=1
    )
    if not begun or begun[-1].operation != operation.resumes:
        raise Interrupted(
            "something else was asked for since",
            attempted=f"complete {operation.name}",
            target=project,
        )


async def close_cut_off(tools: Tools, project: str, operation: Operation) -> None:
    """Note that the operation which ``operation`` resumes is taken up: it is not taken up twice."""
    cut_off = Operation(operation.resumes, operation.name, project)
    await _write(tools, project, cut_off, "operation_ended", {"outcome": "cut off"})


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
