"""Brings one project back: secrets, release and history, files, images, data, then ``up``.

Each step that is done is in the journal, so that a second run goes on where the first one ended.
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict, replace
from typing import Any

import structlog

from tabib.model.codec import builtins, convert
from tabib.model.errors import TabibError
from tabib.model.release import CareRecord
from tabib.model.wire import RecoverRequest, UpRequest
from tabib.operations.backups import host_record, kept_images, needed_files
from tabib.operations.backups.recovery.case import (
    DONE,
    FAILED,
    RECOVERED,
    REFUSED,
    Case,
    put_progress,
)
from tabib.operations.backups.recovery.data import bring_back
from tabib.operations.backups.recovery.plan import Planning
from tabib.operations.backups.recovery.report import losses, row
from tabib.operations.backups.recovery.values import with_values
from tabib.operations.leases import lease
from tabib.operations.operation import Operation, bug
from tabib.operations.tools import Tools
from tabib.operations.up import up
from tabib.ports import Repository

log = structlog.get_logger("tabib.recover")


class CarryingOut:
    """Of one plan. ``began``: when the recovery was asked for, by the monotonic clock."""

    def __init__(
        self,
        tools: Tools,
        repository: Repository,
        request: RecoverRequest,
        operation: Operation,
        plan: Planning,
        *,
        began: float,
    ) -> None:
        self._tools = tools
        self._repository = repository
        self._request = request
        self._operation = operation
        self._plan = plan
        self._began = began

    async def one(self, case: Case) -> dict[str, Any]:
        """Recover a project; its row of the result, whatever happens."""
        if case.state in (REFUSED, DONE):
            return row(case)
        self._operation.emit("phase", name=f"recover {case.name}")
        try:
            await self._recover(case)
            case.state = RECOVERED
        except TabibError as error:
            case.state, case.refused = FAILED, str(error)
        except Exception as error:
            log.exception("recover.bug", project=case.name)
            case.state, case.refused = FAILED, str(bug(error, "recover", case.name))
        self._operation.check_stop()
        return row(case, rto_seconds=round(self._tools.clock.monotonic() - self._began, 3))

    async def _recover(self, case: Case) -> None:
        tools, manifest = self._tools, case.manifest
        failed_at = tools.clock.now()
        async with lease(tools, case.name, self._operation):
            await put_progress(self._tools, case)
            record = await self._remember(case)
            if tools.info.local:
                await self._files(case)
            if manifest.release is not None:
                loaded = await kept_images.load(
                    tools,
                    self._repository,
                    manifest.release,
                    self._plan.images,
                    all_=self._request.images,
                )
                case.notes += [f"image {one} is from the repository" for one in loaded]
            await bring_back(tools, self._repository, case, self._operation)
        case.lost, case.rpo_seconds = losses(case, failed_at)
        if case.project is not None and record is not None:
            wanted = UpRequest(
                project=case.project,
                by=self._request.by or "tabib recover",
                scale=record.scale,
                care=record.mode,
                # What an attempt that failed left may have mounted what is not there any more.
                force_recreate=True,
            )
            await up(tools, wanted, self._operation)
        case.progress.done = True
        await put_progress(self._tools, case)

    async def _remember(self, case: Case) -> CareRecord | None:
        """Secrets into the vault, the release, the care record and the history into the journal.
        The project is halted until it is brought up: nothing is to start on half its data."""
        tools, manifest = self._tools, case.manifest
        engine = tools.info.id
        names = sorted(manifest.secrets)
        sealed = await tools.vault.seal([manifest.secrets[one] for one in names])
        table = dict(zip(names, sealed, strict=True))
        release, record = manifest.release, manifest.care
        if release is not None:
            model = with_values(release.model, table)
            release = replace(release, engine_id=engine, cluster=tools.cluster, model=model)
            await tools.journal.put_release(release)
        for host in self._plan.hosts:
            if host.installation == manifest.installation:
                await host_record.take_over(tools, host, case.name, self._repository.name)
        if await tools.journal.snapshot(case.snapshot.id) is None:
            await tools.journal.put_snapshot(replace(case.snapshot, engine_id=engine))
        if record is None and release is not None:
            record = CareRecord(engine_id=engine, project=case.name, endpoint={})
        if record is None:
            return None
        now = tools.clock.now()
        values = with_values(builtins(record), table)
        record = replace(
            convert(values, CareRecord),
            engine_id=engine,
            endpoint=asdict(tools.address),
            release=release.number if release else None,
            halted={"*": "removed"},
            halted_at={},
            reset_at=now,
            updated_at=now,
        )
        async with tools.care_lock:
            await tools.journal.put_care(record)
        return record

    async def _files(self, case: Case) -> None:
        written, differing = await asyncio.to_thread(needed_files.put_back, case.manifest.files)
        if written:
            case.notes.append(f"{len(written)} files of the host were put back")
        case.notes += [f"{path} is here, and differs: it was left as it is" for path in differing]
