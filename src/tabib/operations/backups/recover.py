"""Rebuilds projects on a machine that has nothing but a repository's address and its key.

The repository is read and never written to. One project after the other: its secrets into the
vault, its release and care record into the journal, the small files it needs onto the host, its
images onto the engine, its data into volumes, then ``up``. What fails in one stops no other, and a
second run goes on where the first one ended: each step that is done is in the journal.
See ``docs/decisions/0048-whole-host-recovery.md``. What is found: ``recovery/plan.py``; what is
done: ``recovery/carry_out.py``; what is told: ``recovery/report.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tabib.model.errors import NeedsConfirmation, Refused
from tabib.model.wire import RecoverRequest
from tabib.operations.backups.recovery.carry_out import CarryingOut
from tabib.operations.backups.recovery.case import DONE, FAILED, RECOVERED, REFUSED
from tabib.operations.backups.recovery.plan import Planning
from tabib.operations.backups.recovery.report import head, row
from tabib.operations.backups.tools import require
from tabib.operations.guard import owning
from tabib.operations.operation import Operation
from tabib.operations.tools import Tools


async def recover(tools: Tools, request: RecoverRequest, operation: Operation) -> Mapping[str, Any]:
    """Show what a repository can bring back, or bring it back.

    :raises RepositoryTrouble: it cannot be had, or the key does not fit.
    :raises NotFound: it holds no project (of those named).
    :raises NeedsConfirmation: neither ``dry_run`` nor ``yes``.
    :raises Refused: none of the projects may be recovered here.
    """
    began = tools.clock.monotonic()
    backups = require(tools, "recover", request.address.url)
    repository = await backups.repositories.with_key(request.address, request.key)
    plan = Planning(tools, repository, request)
    cases = await plan.cases()
    answer = head(repository.name, plan.hosts, dry_run=request.dry_run)
    if request.dry_run:
        return {**answer, "projects": [row(one) for one in cases]}
    if not request.yes:
        raise NeedsConfirmation(
            f"this brings up {', '.join(one.name for one in cases)} on this engine",
            attempted="recover",
            target=repository.name,
            advice="`--dry-run` shows what would be done; pass --yes to do it.",
        )
    if all(one.state == REFUSED for one in cases):
        raise Refused(
            "; ".join(f"{one.name}: {one.refused}" for one in cases),
            attempted="recover",
            target=repository.name,
            advice="What is here is never overwritten. `tabib down -v` it, or restore single data "
            "with `tabib restore`.",
            details={"projects": [row(one) for one in cases]},
        )
    async with owning(tools, "recover", repository.name):
        if not await backups.repositories.take_key(request.key):
            operation.note(
                "this installation has a repository key of its own already: the recovered projects "
                "are backed up with that one, into a repository that it opens",
                "warning",
            )
        carrying_out = CarryingOut(tools, repository, request, operation, plan, began=began)
        rows = [await carrying_out.one(case) for case in cases]
    recovered = [one["project"] for one in rows if one["state"] in (RECOVERED, DONE)]
    failed = [one["project"] for one in rows if one["state"] in (FAILED, REFUSED)]
    return {**answer, "projects": rows, "recovered": recovered, "failed": failed}
