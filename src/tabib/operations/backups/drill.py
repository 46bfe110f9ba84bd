"""A drill: a snapshot restored where nobody uses it, the services' images booted on it, its data
compared with what was counted when it was taken. Nothing of it stays but what was found.

Only a drill (or a restore) that looked at all of a snapshot verifies it. What could not be looked
at, for want of the engine or the repository, is an error and says nothing of the snapshot. See
``docs/decisions/0044-drills.md``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import structlog

from tabib.decide.backups.restore import Source, course, sources
from tabib.model.backup import Phase, Place, Snapshot
from tabib.model.container import LABEL_OWNER, VolumeSpec
from tabib.model.errors import CopyFailed, Damaged, NotFound, Refused, TabibError, UsageError
from tabib.model.oneshot import LABEL_HELPER
from tabib.model.plan import Verb
from tabib.model.wire import DrillRequest
from tabib.operations.backups import prepared as notes
from tabib.operations.backups import troubles
from tabib.operations.backups.contents import find
from tabib.operations.backups.given_up import given_up
from tabib.operations.backups.keep import repository_of
from tabib.operations.backups.kinds import KINDS, Check
from tabib.operations.backups.policy import policy_of
from tabib.operations.backups.prepared import VOLUME, Prepared, prepared
from tabib.operations.backups.restoring import filling
from tabib.operations.backups.room import enough_room
from tabib.operations.backups.rows import snapshot_row
from tabib.operations.backups.settle import settle_all, volume_step
from tabib.operations.backups.shown import CHECK, RESTORE, Rows
from tabib.operations.backups.side_by_side import side_by_side
from tabib.operations.backups.specs import spec_of
from tabib.operations.backups.tools import require
from tabib.operations.backups.verifying import KILLED, NOT_OK, Looked, look_into, note_verdict
from tabib.operations.backups.wal.rehearsal import has_log, rehearse
from tabib.operations.guard import owning
from tabib.operations.journalled import journalled
from tabib.operations.leases import lease
from tabib.operations.operation import Operation
from tabib.operations.stopping import until_stopped
from tabib.operations.tools import Tools
from tabib.ports import Repository

log = structlog.get_logger("tabib.drill")

SCOPE = "drill:"
"""Before a project's name: what a drill of it is done under, and its scratch noted as."""
PURPOSE = "drill"


async def asked(
    tools: Tools, project: str, request: DrillRequest, operation: Operation
) -> Mapping[str, Any]:
    """What a person asked for: the row of ``snapshots`` with its drill."""
    async with owning(tools, "drill", project):
        return snapshot_row(await drill(tools, project, operation, snapshot=request.snapshot))


async def drill(
    tools: Tools, project: str, operation: Operation, *, snapshot: str = ""
) -> Snapshot:
    """Drill the newest good snapshot, or the one that is named; the snapshot with what was found in
    its ``drill``, ``failed`` included. That is an incident until a later drill passes.

    :raises Refused: it is of damaged data, or there is none.
    :raises StateUnusable: there is not enough room.
    :raises TabibError: it could not be looked at; nothing is known of it.
    """
    require(tools, "drill", project)
    async with lease(tools, SCOPE + project, operation):
        chosen = await _chosen(tools, project, snapshot)
        await settle_all(tools, await prepared(tools, SCOPE + project))
        request = {"snapshot": chosen.id}
        async with journalled(tools, SCOPE + project, operation, request, changes=True):
            run = _Drill(tools=tools, operation=operation, snapshot=chosen)
            run.with_log = not snapshot and (await policy_of(tools, project)).point_in_time
            found = await run.run()
    if found.drill is not None and found.drill.outcome == "failed":
        log.error("drill.failed", project=project, snapshot=found.id)
        await troubles.drill_found_bad(tools, found)
    elif found.verified_at is not None:
        await troubles.well_again(tools, project, (troubles.DRILL_FAILED, troubles.UNVERIFIED))
    await _told_of_logs(tools, project, run.logs)
    return found


async def _told_of_logs(tools: Tools, project: str, logs: Sequence[Looked]) -> None:
    for one in logs:
        wrong = [line for line in one.lines() if NOT_OK in line]
        if wrong:
            name = one.source.dataset.name
            await troubles.log_has_hole(tools, project, name, f"a drill found: {'; '.join(wrong)}")
    if logs and all(one.ok for one in logs):
        await troubles.well_again(tools, project, (troubles.LOG_GAP,))


async def _chosen(tools: Tools, project: str, named: str) -> Snapshot:
    if named:
        found = await find(tools, named, "drill")
        if found.project != project:
            raise UsageError(
                f"it is a snapshot of {found.project}",
                attempted="drill",
                target=f"{project} from {found.id}",
                advice=f"`tabib drill {found.project} --snapshot {found.id}`",
            )
        if found.damaged:
            raise Refused(
                "it is a copy of damaged data: that it is restorable proves nothing",
                attempted="drill",
                target=found.id,
                advice="`tabib snapshots` lists the others.",
            )
        return found
    for one in await tools.journal.snapshots(tools.info.id, project):
        if one.complete and not one.damaged:
            return one
    raise Refused(
        "there is no snapshot that holds all of its data",
        attempted="drill",
        target=project,
        advice=f"`tabib -p {project} backup` takes one.",
    )


@dataclass(slots=True, kw_only=True)
class _Drill:
    """One drill. Under its lease."""

    tools: Tools
    operation: Operation
    snapshot: Snapshot
    filled: float = 0.0
    """By the monotonic clock: when the last data set was restored."""
    began: float = 0.0
    rows: dict[str, Rows] = field(default_factory=dict)
    with_log: bool = False
    """Whether the write-ahead logs are rehearsed too."""
    logs: list[Looked] = field(default_factory=list)

    @property
    def scope(self) -> str:
        return SCOPE + self.snapshot.project

    async def run(self) -> Snapshot:
        tools = self.tools
        from_ = sources(self.snapshot, [one.dataset for one in self.snapshot.parts])
        enough_room(tools, self.snapshot, from_, attempted="drill snapshot")
        try:
            looked = await until_stopped(self.operation, self._look(from_))
            looked_s = tools.clock.monotonic()
            logged = [one for one in from_ if has_log(one)] if self.with_log else []
            if all(one.ok for one in looked):
                self.logs = await until_stopped(self.operation, self._rehearse(logged))
            log_s = tools.clock.monotonic() - looked_s
        finally:
            await asyncio.shield(self._clear())
        if await tools.journal.snapshot(self.snapshot.id) is None:
            raise NotFound(
                "retention let it go meanwhile",
                attempted="drill",
                target=self.snapshot.id,
                advice="Drill another one.",
            )
        now = looked_s
        restored = max(self.filled - self.began, 0.0)
        phases: tuple[Phase, ...] = (
            Phase(name="restore", seconds=round(restored, 3)),
            Phase(name="check", seconds=round(now - self.began - restored, 3)),
        )
        if self.logs:
            phases = (*phases, Phase(name="log", seconds=round(log_s, 3)))
        return await note_verdict(
            tools,
            self.snapshot,
            looked,
            phases,
            # The same data once more, and its log: what a restore takes.
            rto_seconds=max(now - self.began, log_s),
            logs=self.logs,
        )

    async def _look(self, from_: Sequence[Source]) -> list[Looked]:
        repository = await repository_of(self.tools, self.snapshot)
        named = [one.dataset for one in from_]
        for verb, why in ((RESTORE, "into scratch"), (CHECK, "its image is booted on it")):
            self.rows[verb] = Rows(self.operation, self.snapshot.project, verb)
            self.rows[verb].announce(named, why)
        self.began = self.tools.clock.monotonic()
        return await side_by_side(from_, lambda one: self._one(one, repository))

    async def _one(self, source: Source, repository: Repository) -> Looked:
        tools, part = self.tools, source.part
        place = await self._place(source)
        try:
            with self.rows[RESTORE].row(source.dataset) as progress:
                work = await filling(tools, self.snapshot.project, source, repository)
                work = replace(work, progress=progress)
                await KINDS[part.dataset.kind].fill(work, part, place)
        except (Damaged, CopyFailed) as error:
            if error.details.get("exit_code") in KILLED:
                raise
            bad = Check(name="restore", ok=False, text=error.happened)
            return Looked(source=source, checks=(bad,))
        self.filled = max(self.filled, tools.clock.monotonic())
        with self.rows[CHECK].row(source.dataset):
            spec = await spec_of(tools, self.snapshot.project, source.dataset.service)
            return await look_into(tools, source, place, spec, purpose=PURPOSE)

    async def _rehearse(self, from_: Sequence[Source]) -> list[Looked]:
        """Each of them once more, with the log that came after it."""
        tools, project = self.tools, self.snapshot.project
        repository = await repository_of(tools, self.snapshot)
        rows = Rows(self.operation, project, CHECK)
        rows.announce([one.dataset for one in from_], "its log is replayed")
        known = await given_up(tools, project)

        async def one(source: Source) -> Looked:
            with rows.row(source.dataset):
                place = await self._place(source)
                spec = await spec_of(tools, project, source.dataset.service)
                work = await filling(tools, project, source, repository)
                last = course(source.dataset.name, known)
                return await rehearse(work, source, place, spec, last)

        return await side_by_side(from_, one)

    async def _place(self, source: Source) -> Place:
        """A scratch volume; noted first, so that it goes whatever happens."""
        tools, id = self.tools, self.tools.new_id()
        name = f"tabib-{PURPOSE}-{id}"
        await notes.note(
            tools,
            Prepared(
                id=id, project=self.scope, dataset=source.dataset.name, way=VOLUME, aside=name
            ),
        )
        labels = {LABEL_HELPER: PURPOSE, LABEL_OWNER: tools.installation}
        spec = VolumeSpec(name=name, labels=labels)
        await volume_step(tools, Verb.CREATE_VOLUME, name, spec)
        return Place(type="volume", source=name)

    async def _clear(self) -> None:
        try:
            await settle_all(self.tools, await prepared(self.tools, self.scope))
        except TabibError as error:
            log.error("drill.left", project=self.snapshot.project, why=str(error))
