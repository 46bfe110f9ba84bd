"""Takes a snapshot of a project's data.

The parts first, each from its own data set by its kind's own means; then the manifest; then the
journal. What is cut off before the manifest is stored is no snapshot, and its parts are swept by
the next run (``docs/decisions/0042-what-a-snapshot-is.md``).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import structlog

from tabib.model.backup import (
    CONSISTENCIES,
    LIVE,
    TRIGGERS,
    BackupPolicy,
    Dataset,
    Part,
    RepositoryAddress,
    Snapshot,
)
from tabib.model.container import RUNNING, ContainerState
from tabib.model.errors import (
    Bug,
    Damaged,
    RepositoryDamaged,
    TabibError,
    UsageError,
)
from tabib.model.oneshot import LABEL_HELPER
from tabib.model.plan import Verb
from tabib.model.release import JournalEntry
from tabib.operations.backups import host_record, kept_images
from tabib.operations.backups.datasets import datasets
from tabib.operations.backups.hooks import hooks
from tabib.operations.backups.kinds import KINDS, Copying
from tabib.operations.backups.kinds.files import FIRST_PASS
from tabib.operations.backups.kinds.holding_still import still, writers
from tabib.operations.backups.manifest import (
    MANIFEST,
    read_manifest,
    tags,
    write_manifest,
)
from tabib.operations.backups.policy import policy_of
from tabib.operations.backups.shown import COPY, Rows
from tabib.operations.backups.sweep import left_unfinished, sweep, undo
from tabib.operations.backups.tools import SCOPE, BackupTools, require
from tabib.operations.journalled import journalled
from tabib.operations.leases import lease
from tabib.operations.operation import Operation
from tabib.operations.stopping import until_stopped
from tabib.operations.tools import Tools
from tabib.ports import BytesSink, Repository
from tabib.ports.uninterrupted import uninterrupted

log = structlog.get_logger("tabib.backup")
T = TypeVar("T")


async def take(
    tools: Tools,
    project: str,
    operation: Operation,
    *,
    trigger: str,
    reason: str = "",
    services: Sequence[str] = (),
    images: bool = False,
) -> Snapshot:
    """Copy the data of ``project`` (of ``services`` alone where given) into every repository of its
    policy; the snapshot in the first one. Each of the others gets one of its own.

    Where some data sets cannot be copied, the rest is kept as a snapshot that is not ``complete``
    (never restored from by itself), and the first failure is raised.

    :raises Refused: the project has no data to copy, or this daemon copies none.
    :raises CopyFailed: a data set cannot be copied; :class:`Damaged`: it cannot be read.
    :raises Interrupted: the operation was asked to stop: what was not whole by then is gone.
    """
    if trigger not in TRIGGERS:
        raise Bug(f"{trigger!r} is no trigger", attempted="back up", target=project)
    backups = require(tools, "back up", project)
    async with lease(tools, SCOPE + project, operation):
        policy = await policy_of(tools, project)
        chosen = await _chosen(tools, project, services, damaged=trigger == "damage")
        asked = {"trigger": trigger, "reason": reason, "services": list(services)}
        unfinished = await left_unfinished(tools, project)
        async with journalled(tools, SCOPE + project, operation, asked, changes=True):
            taking = _Taking(
                tools=tools,
                backups=backups,
                project=project,
                operation=operation,
                policy=policy,
                trigger=trigger,
                reason=reason,
                chosen=chosen,
                whole=not services,
                sweep=unfinished,
                images=images,
            )
            snapshot = await until_stopped(operation, taking.everywhere())
    backups.changed.set()
    return snapshot


async def _chosen(
    tools: Tools, project: str, services: Sequence[str], *, damaged: bool
) -> list[Dataset]:
    """What is to be copied: what is covered, and of what is damaged all there is."""
    chosen = [
        one
        for one in await datasets(tools, project)
        if (one.covered or (damaged and one.kind != "cache"))
        and (not services or {one.service, *one.services} & set(services))
    ]
    if chosen:
        return chosen
    of = f"of {', '.join(services)} " if services else ""
    raise UsageError(
        f"nothing {of}holds data that is to be backed up",
        attempted="back up",
        target=project,
        advice=f"`tabib -p {project} backup --plan` shows what was found, and why.",
    )


@dataclass(slots=True, kw_only=True)
class _Set:
    """A snapshot in the making, in one repository."""

    id: str
    repository: Repository
    parts: list[Part] = field(default_factory=list)
    failures: dict[str, TabibError] = field(default_factory=dict)
    """Data set → why it could not be copied."""
    spare: list[str] = field(default_factory=list)
    """What was stored on the way, and is to go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Taking:
    """One run: into each repository in turn."""

    tools: Tools
    backups: BackupTools
    project: str
    operation: Operation
    policy: BackupPolicy
    trigger: str
    reason: str
    chosen: list[Dataset]
    whole: bool
    sweep: bool
    images: bool = False
    spare: list[_Set] = field(default_factory=list)
    """Sets that are whole, and have something left over."""

    async def everywhere(self) -> Snapshot:
        """The snapshot in the first repository; trouble with another is a warning."""
        first: Snapshot | None = None
        failures: dict[str, TabibError] = {}
        for address in self.policy.repositories:
            if first is None:
                first, failures = await self._into(address)
                continue
            try:
                _, missing = await self._into(address, copy_of=first)
                for name, failure in missing.items():
                    if name not in failures:
                        await self._second_failed(address, failure)
            except TabibError as error:
                # What is in the first repository is a snapshot all the same.
                await self._second_failed(address, error)
        if first is None:
            raise Bug("a policy without a repository", attempted="back up", target=self.project)
        if self.tools.on_copied is not None:
            self.tools.on_copied(self.project)
        for made in self.spare:
            await _forget_spare(made)
        if failures:
            worst = next(iter(failures.values()))
            worst.details["snapshot"] = first.id
            worst.details["data_sets"] = list(failures)
            raise worst
        return first

    async def _into(
        self, address: RepositoryAddress, copy_of: Snapshot | None = None
    ) -> tuple[Snapshot, dict[str, TabibError]]:
        """The snapshot, and what is missing in it.

        :raises TabibError: there is none.
        """
        repository = await self.backups.repositories.get(address)
        if self.sweep:
            await sweep(self.tools, repository, self.project)
        made = _Set(id=self.tools.new_id(), repository=repository)
        coming: asyncio.Future[Snapshot] = asyncio.get_running_loop().create_future()
        # Their helpers are there before the parts are, and wait.
        of_host = asyncio.ensure_future(self._of_host(repository, coming))
        of_manifest = asyncio.ensure_future(self._manifest(made, coming, ahead=True))
        try:
            together = await _beside(self._parts(made), of_host, of_manifest)
            snapshot = await self._snapshot(made, copy_of, together)
            coming.set_result(snapshot)
            try:
                manifest = await of_manifest
            except TabibError as error:
                # Much may have happened to one that waited for hours.
                log.warning("backup.manifest_again", project=self.project, why=error.happened)
                manifest = await _stored(made) or await self._manifest(made, coming)
            await of_host
        except BaseException:
            await uninterrupted(_broken_off(of_host, of_manifest))
            await uninterrupted(undo(repository, made.id))
            raise
        snapshot = replace(snapshot, manifest=manifest)
        await self.tools.journal.put_snapshot(snapshot)
        if made.spare and not repository.append_only:
            self.spare.append(made)
        if self.images:
            await self._of_images(repository, snapshot)
        return snapshot, made.failures

    async def _manifest(
        self, made: _Set, coming: asyncio.Future[Snapshot], *, ahead: bool = False
    ) -> str:
        snapshot = asyncio.shield(coming)
        return await write_manifest(
            self.tools, made.repository, made.id, self.project, snapshot, ahead=ahead
        )

    async def _of_host(self, repository: Repository, coming: asyncio.Future[Snapshot]) -> None:
        """What a bare machine needs and no snapshot holds; what is known of this very snapshot its
        manifest says. Where that fails, the snapshot is one all the same."""
        if self.trigger == "damage":
            return
        try:
            await host_record.store(self.tools, repository, asyncio.shield(coming))
        except TabibError as error:
            self._note_unkept(error)

    async def _of_images(self, repository: Repository, snapshot: Snapshot) -> None:
        """The images of its release, for a bare machine without their registry; as above."""
        try:
            known = await self.tools.journal.releases(self.tools.info.id, self.project)
            release = next((one for one in known if one.number == snapshot.release), None)
            if release is not None:
                await kept_images.store(self.tools, repository, release, self.operation)
        except TabibError as error:
            self._note_unkept(error)

    def _note_unkept(self, error: TabibError) -> None:
        self.operation.note(f"for a bare machine not all was kept: {error.happened}", "warning")

    async def _parts(self, made: _Set) -> bool:
        """Make every part that can be made; whether all are of one point in time.

        :raises TabibError: none could.
        """
        rows = Rows(self.operation, self.project, COPY)
        rows.announce(self.chosen, self.reason or self.trigger)
        observed = await self.tools.engine.observe(self.project, detail=False)
        together = self.policy.together and self.trigger != "damage"
        async with AsyncExitStack() as around:
            if together:
                # Before anybody stands still: nothing can be run in a paused container.
                for dataset in self.chosen:
                    container = _container(dataset, observed.containers)
                    its = hooks(self.tools, dataset, container, self.operation)
                    await around.enter_async_context(its)
                await around.enter_async_context(self._held(made, rows))
                observed = await self.tools.engine.observe(self.project, detail=False)
            for dataset in self.chosen:
                try:
                    with rows.row(dataset) as progress:
                        container = _container(dataset, observed.containers)
                        part = await self._part(made, dataset, container, progress, together)
                except TabibError as error:
                    made.failures[dataset.name] = error
                    await self._tell_damage(dataset, error)
                    continue
                made.parts.append(part)
                for warning in part.warnings:
                    self.operation.note(f"{dataset.name}: {warning}", "warning")
        if not made.parts:
            raise next(iter(made.failures.values()))
        return together or len(made.parts) == 1

    async def _tell_damage(self, dataset: Dataset, error: TabibError) -> None:
        """A copy that fails is the best detector of damage there is: care hears of it."""
        told = self.tools.on_unreadable
        damaged = isinstance(error, Damaged) and not isinstance(error, RepositoryDamaged)
        if damaged and told is not None and self.trigger != "damage":
            await told(self.project, dataset.name, dataset.service, error.happened)

    async def _part(
        self,
        made: _Set,
        dataset: Dataset,
        container: ContainerState | None,
        progress: BytesSink,
        together: bool,
    ) -> Part:
        work = Copying(
            tools=self.tools,
            repository=made.repository,
            container=container,
            tags=tags(self.tools, made.id, self.project, "part", f"dataset={dataset.name}"),
            progress=progress,
            operation=self.operation,
            spare=made.spare,
        )
        if self.trigger == "damage":
            return await _as_found(work, dataset)
        if together:
            return await KINDS[dataset.kind].save(work, dataset)
        async with hooks(self.tools, dataset, container, self.operation):
            return await KINDS[dataset.kind].save(work, dataset)

    @asynccontextmanager
    async def _held(self, made: _Set, rows: Rows) -> AsyncIterator[None]:
        """Everybody who writes to any data set stands still within the block; a pass before it
        makes what is left to copy then small. Not where it would stay for ever: in a repository
        that nothing is removed from."""
        repository = made.repository
        if not repository.append_only:
            for one in self.chosen:
                marked = tags(self.tools, made.id, self.project, FIRST_PASS, f"dataset={one.name}")
                first = await repository.save_files(
                    one.place,
                    tags=marked,
                    excludes=one.excludes,
                    progress=rows.progress(one),
                )
                made.spare.append(first.id)
        busy: dict[str, ContainerState] = {}
        for dataset in self.chosen:
            busy |= {one.id: one for one in await writers(self.tools, dataset, None)}
        async with still(
            self.tools,
            list(busy.values()),
            Verb.PAUSE_CONTAINER,
            project=self.project,
            operation=self.operation,
        ):
            yield

    async def _snapshot(self, made: _Set, copy_of: Snapshot | None, together: bool) -> Snapshot:
        care = await self.tools.journal.care(self.tools.info.id, self.project)
        parts = made.parts
        least = max(parts, key=lambda one: CONSISTENCIES.index(one.consistency)).consistency
        services = {name for one in parts for name in (one.dataset.service, *one.dataset.services)}
        return Snapshot(
            id=made.id,
            project=self.project,
            engine_id=self.tools.info.id,
            cluster=self.tools.cluster,
            taken_at=min(one.taken_at for one in parts),
            ended_at=max(one.ended_at for one in parts),
            trigger=self.trigger,
            reason=f"second copy of {copy_of.id}" if copy_of else self.reason,
            parts=tuple(parts),
            services=tuple(sorted(services - {""})),
            volumes=tuple(one.dataset.name for one in parts),
            consistency=least,
            consistent=least != LIVE,
            together=together,
            size_bytes=sum(one.size_bytes for one in parts),
            added_bytes=sum(one.added_bytes for one in parts),
            release=care.release if care else None,
            repository=made.repository.name,
            complete=self.whole and not made.failures,
        )

    async def _second_failed(self, address: RepositoryAddress, error: TabibError) -> None:
        log.warning("backup.second_copy_failed", project=self.project, why=error.happened)
        self.operation.note(f"no second copy: {error}", "warning")
        await self.tools.journal.append(
            JournalEntry(
                at=self.tools.clock.now(),
                kind="note",
                engine_id=self.tools.info.id,
                project=self.project,
                operation=self.operation.id,
                subject="backup",
                data={"second_copy": address.name, "error": error.to_wire()},
            )
        )


async def _stored(made: _Set) -> str:
    """The manifest of a set that was stored by one who did not live to tell; ``""``: none was."""
    for one in await made.repository.stored(("tabib", MANIFEST, f"set={made.id}")):
        if await read_manifest(made.repository, one.id) is not None:
            return one.id
    return ""


async def _forget_spare(made: _Set) -> None:
    try:
        await made.repository.forget(made.spare)
    except TabibError as error:  # it goes with the set, if not before
        log.warning("backup.spare_left", repository=made.repository.name, why=error.happened)


async def _beside(work: Coroutine[Any, Any, T], *waiting: asyncio.Future[Any]) -> T:
    """``work``; where it is cancelled those that wait go at the same moment: they have the
    repository open, and what it undoes wants that alone."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await uninterrupted(_broken_off(task, *waiting))
        raise


async def _broken_off(*work: asyncio.Future[Any]) -> None:
    for one in work:
        one.cancel()
    await asyncio.gather(*work, return_exceptions=True)


def _container(dataset: Dataset, containers: Sequence[ContainerState]) -> ContainerState | None:
    """The one that runs the data set's service; of several replicas the first."""
    running = [
        one
        for one in containers
        if one.service == dataset.service
        and one.status in RUNNING
        and not one.oneoff
        and LABEL_HELPER not in one.labels
    ]
    return min(running, key=lambda one: one.slot, default=None)


async def _as_found(work: Copying, dataset: Dataset) -> Part:
    """The files of a damaged data set as they lie, whatever state they are in."""
    began = work.tools.clock.now()
    saved = await work.repository.save_files(dataset.place, tags=work.tags, progress=work.progress)
    lost = saved.files_unreadable
    return Part(
        dataset=dataset,
        stored=saved.id,
        form="files",
        path="/data",
        consistency=LIVE,
        taken_at=began,
        ended_at=work.tools.clock.now(),
        image=work.container.image if work.container else "",
        image_id=work.container.image_id if work.container else "",
        size_bytes=saved.size_bytes,
        added_bytes=saved.added_bytes,
        record={"kind": "files", "files": saved.files, "bytes": saved.size_bytes},
        warnings=(f"could not be read: {', '.join(lost[:5])}",) if lost else (),
    )
