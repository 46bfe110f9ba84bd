"""What a person asks of snapshots: take one, say how data is backed up, hold, show the key."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from difflib import get_close_matches
from typing import Any

import msgspec
import structlog

from tabib.model.backup import Snapshot
from tabib.model.codec import builtins
from tabib.model.errors import NeedsConfirmation, NotFound, TabibError, UsageError
from tabib.model.release import JournalEntry
from tabib.model.wire import BackupRequest, HoldRequest, KeyRequest, RepositoryRequest
from tabib.operations.backups import contents
from tabib.operations.backups.datasets import datasets
from tabib.operations.backups.keep import apply_retention, judgements
from tabib.operations.backups.manifest import read_manifests
from tabib.operations.backups.rows import snapshot_row
from tabib.operations.backups.take import take
from tabib.operations.backups.tools import SCOPE, require
from tabib.operations.guard import owning
from tabib.operations.leases import lease
from tabib.operations.operation import Operation
from tabib.operations.tools import Tools

log = structlog.get_logger("tabib.backup")
_KEY_SHOWN = "backup-key-shown"


async def back_up(
    tools: Tools, project: str, wanted: BackupRequest, operation: Operation
) -> Mapping[str, Any]:
    """Take a snapshot because a person says so, then let go of what is no longer kept.

    :raises NotFound: there is no such project; :class:`UsageError`: no such service.
    """
    begun = tools.clock.monotonic()
    require(tools, "back up", project)
    await _check(tools, project, wanted.services)
    if wanted.prune:
        async with owning(tools, "give room back of", project):
            kept = await apply_retention(tools, project, operation, prune=True)
        return {
            "let_go": [one.id for one in kept.let_go],
            "freed_bytes": kept.freed_bytes,
            "seconds": tools.clock.monotonic() - begun,
        }
    async with AsyncExitStack() as around:
        await around.enter_async_context(owning(tools, "back up", project))
        if wanted.no_wait_lease:
            held = lease(tools, SCOPE + project, operation, wait=False)
            await around.enter_async_context(held)
        snapshot = await take(
            tools,
            project,
            operation,
            trigger="manual",
            reason=f"asked for by {wanted.by}" if wanted.by else "",
            services=wanted.services,
            images=wanted.images,
        )
        let_go = await _tidy(tools, project, operation)
    return {
        "snapshot": snapshot_row(snapshot),
        "let_go": let_go,
        "key_shown": bool(await tools.journal.get_setting(_KEY_SHOWN)),
        "seconds": tools.clock.monotonic() - begun,
    }


async def _tidy(tools: Tools, project: str, operation: Operation) -> list[str]:
    """Let go of what retention says; trouble with it takes nothing from the new snapshot."""
    try:
        if all(one.keep for one in await judgements(tools, project)):
            return []
        kept = await apply_retention(tools, project, operation)
    except TabibError as error:
        operation.note(f"older snapshots were not let go: {error.happened}", "warning")
        return []
    return [one.id for one in kept.let_go]


async def _check(tools: Tools, project: str, services: tuple[str, ...]) -> None:
    observed = await tools.engine.observe(project, detail=False)
    found = await datasets(tools, project)
    known = {one.service for one in observed.containers if one.service}
    known |= {name for one in found for name in (one.service, *one.services) if name}
    if not known and await tools.journal.care(tools.info.id, project) is None:
        records = await tools.journal.all_care(tools.info.id)
        raise NotFound(
            "there is no such project",
            attempted="back up",
            target=project,
            advice=_did_you_mean(project, [one.project for one in records])
            or "Start it with `tabib up`; `tabib ls` lists what there is.",
        )
    for name in services:
        if name not in known:
            raise UsageError(
                f"no such service in project {project}",
                attempted="back up",
                target=name,
                advice=_did_you_mean(name, sorted(known)) or f"It has: {', '.join(sorted(known))}.",
            )


async def find(tools: Tools, wanted: str, attempted: str) -> Snapshot:
    """As :func:`contents.find`, with a suggestion.

    :raises NotFound: there is none.
    """
    try:
        return await contents.find(tools, wanted, attempted)
    except NotFound as error:
        ids = [one.id for one in await tools.journal.snapshots(tools.info.id)]
        near = _did_you_mean(wanted, ids) or _did_you_mean(
            wanted, [id[: len(wanted)] for id in ids]
        )
        error.advice = near or error.advice
        raise


async def hold(tools: Tools, snapshot: Snapshot, wanted: HoldRequest) -> Snapshot:
    """Keep a snapshot from retention, or no longer. Idempotent."""
    changed = replace(snapshot, hold=wanted.hold)
    await tools.journal.put_snapshot(changed)
    await tools.journal.append(
        JournalEntry(
            at=tools.clock.now(),
            kind="note",
            engine_id=snapshot.engine_id,
            project=snapshot.project,
            subject="backup",
            data={"snapshot": snapshot.id, "hold": wanted.hold, "by": wanted.by},
        )
    )
    return changed


async def show_key(tools: Tools, wanted: KeyRequest) -> Mapping[str, Any]:
    """The key of this installation's repositories. That it was shown is remembered before it is;
    it itself is written nowhere.

    :raises NeedsConfirmation: it was shown before.
    """
    backups = require(tools, "show", "the key of the repositories")
    before = await tools.journal.get_setting(_KEY_SHOWN)
    shown: Mapping[str, str] = msgspec.json.decode(before) if before else {}
    if shown and not wanted.again:
        raise NeedsConfirmation(
            f"it was shown to {shown.get('by') or 'somebody'} on {shown.get('at', '')[:10]}",
            attempted="show",
            target="the key of the repositories",
            advice="`tabib backup --key --yes` shows it again.",
        )
    key = await backups.repositories.key()
    now = builtins(tools.clock.now())
    said = msgspec.json.encode({"at": now, "by": wanted.by}).decode()
    await tools.journal.put_setting(_KEY_SHOWN, said)
    log.info("backup.key_shown", by=wanted.by)
    return {"key": key, "shown_at": shown.get("at"), "shown_to": shown.get("by")}


async def read_repository(tools: Tools, wanted: RepositoryRequest) -> list[Mapping[str, Any]]:
    """Rows of the snapshots in a repository, as it tells them itself, newest first.

    :raises TabibError: it cannot be opened or read.
    """
    backups = require(tools, "read", "a repository")
    if wanted.key:
        repository = await backups.repositories.with_key(wanted.address, wanted.key)
    else:
        repository = await backups.repositories.get(wanted.address, create=False)
    found = await read_manifests(repository, wanted.project)
    return [snapshot_row(one.snapshot) for one in found]


def _did_you_mean(wanted: str, known: list[str]) -> str:
    near = get_close_matches(wanted, known, n=1)
    return f"Did you mean {near[0]}?" if near else ""
