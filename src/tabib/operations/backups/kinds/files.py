"""Plain files, and the raw files of a database where the user wants that, or it does not run.

``method``: ``live`` copies each file as it is met; ``pause`` copies live first, then freezes
whoever writes for a second copy, which is short since only the difference is read; ``stop`` stops
them for the whole copy. Where nobody runs, the files are at rest.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

from tabib.model.backup import LIVE, PAUSED, STOPPED, Dataset, Part, Place, Saved
from tabib.model.container import ContainerState
from tabib.model.errors import Conflict, CopyFailed, RepositoryTrouble, TabibError
from tabib.model.plan import Verb
from tabib.operations.backups.kinds.holding_still import still, writers
from tabib.operations.backups.kinds.kind import Check, Copying, Examined, Filling
from tabib.operations.backups.kinds.programs import run
from tabib.operations.tools import Tools

ROOT = "/data"
"""Where the repository keeps a tree."""
FIRST_PASS = "first-pass"
"""A tag of what is copied live, before the copy that counts: no part of anything."""


class Files:
    """See :class:`~tabib.operations.backups.kinds.kind.Kind`."""

    async def save(self, work: Copying, dataset: Dataset) -> Part:
        return await save(work, dataset)

    async def fill(self, work: Filling, part: Part, target: Place) -> None:
        await fill(work, part, target)

    async def ready(self, tools: Tools, container_id: str) -> bool:
        with suppress(TabibError):
            return (await tools.engine.look(container_id)).status == "running"
        return False

    async def check(self, tools: Tools, container_id: str, part: Part) -> tuple[Check, ...]:
        return await check(tools, container_id, part)

    async def examine(self, tools: Tools, place: Place, dataset: Dataset, image: str) -> Examined:
        return Examined(sound=None, text="plain files have no form that could be checked")

    async def identity(self, tools: Tools, container_id: str, dataset: Dataset) -> str:
        return ""


def preferred(work: Copying, dataset: Dataset) -> bool:
    """Whether a database's raw files are to be copied: the user chose a method, nobody runs whom
    one could ask, or they are frozen."""
    return bool(dataset.method) or work.container is None or work.container.status == "paused"


def not_running(error: Conflict, *, attempted: str, target: str) -> CopyFailed:
    """The error where a program cannot be run because its container does not."""
    return CopyFailed(
        error.happened,
        attempted=attempted,
        target=target,
        advice="It stopped meanwhile; once it runs again, try again.",
    )


def all_paused(busy: Sequence[ContainerState]) -> bool:
    """Whether all who may write are frozen already."""
    return all(one.status == "paused" for one in busy)


async def save(work: Copying, dataset: Dataset, *, keep_as: Dataset | None = None) -> Part:
    """Copy the tree as ``dataset.method`` says; the part is of ``keep_as`` where given.

    :raises Damaged: the disk does not give files back.
    """
    part = await _save(work, dataset)
    return replace(part, dataset=keep_as) if keep_as else part


async def _save(work: Copying, dataset: Dataset) -> Part:
    tools = work.tools
    project = work.container.project if work.container else ""
    busy = await writers(tools, dataset, None)
    project = project or (busy[0].project if busy else "")
    if not busy:
        return await copied(work, dataset, STOPPED)
    if all_paused(busy):
        part = await copied(work, dataset, PAUSED)
        await _still_paused(tools, dataset, busy)
        return part
    if dataset.method == "pause":
        async with (
            first_pass(work, dataset),
            still(tools, busy, Verb.PAUSE_CONTAINER, project=project, operation=work.operation),
        ):
            return await copied(work, dataset, PAUSED)
    if dataset.method == "stop":
        async with still(
            tools, busy, Verb.STOP_CONTAINER, project=project, operation=work.operation
        ):
            return await copied(work, dataset, STOPPED)
    names = ", ".join(sorted({one.service or one.name for one in busy}))
    warning = f"copied while {names} ran: each file as it was met"
    if dataset.kind not in ("files", "sqlite"):
        warning += "; a database's files copied so may be of no use"
    return await copied(work, dataset, LIVE, warning)


async def _still_paused(tools: Tools, dataset: Dataset, busy: Sequence[ContainerState]) -> None:
    for one in busy:
        if (await tools.engine.look(one.id)).status != "paused":
            raise CopyFailed(
                f"{one.name} was let go while its files were copied",
                attempted="back up",
                target=dataset.name,
                advice="Try again; a running database is copied by its own means.",
            )


@asynccontextmanager
async def first_pass(
    work: Copying, dataset: Dataset, *, wanted: bool = True
) -> AsyncIterator[None]:
    """Copy live what the copy that counts then need not read again; it goes with the block."""
    if not wanted:
        yield
        return
    tags = (*(tag for tag in work.tags if tag != "part"), FIRST_PASS)
    first = await _pass(work, dataset, tags)
    try:
        yield
    finally:
        await let_go(work, first.id)


async def let_go(work: Copying, stored: str) -> None:
    """Forget a copy that is no part of anything; an append-only repository keeps it."""
    if work.spare is not None:
        work.spare.append(stored)
    elif not work.repository.append_only:
        with suppress(RepositoryTrouble):  # its tags say that it is none
            await work.repository.forget([stored])


async def _pass(work: Copying, dataset: Dataset, tags: tuple[str, ...]) -> Saved:
    return await work.repository.save_files(
        dataset.place, tags=tags, excludes=dataset.excludes, progress=work.progress
    )


async def copied(work: Copying, dataset: Dataset, consistency: str, *warnings: str) -> Part:
    """The part that a copy of the tree makes, as it is now.

    :raises CopyFailed: files could not be read that must be in it; nothing is stored.
    """
    taken_at = work.tools.clock.now()
    saved = await _pass(work, dataset, work.tags)
    missing = saved.files_unreadable
    vital = [one for one in missing if one.removeprefix("/data/").lstrip("/") in dataset.files]
    if vital or (missing and consistency in (STOPPED, PAUSED)):
        await let_go(work, saved.id)
        raise CopyFailed(
            f"{len(missing)} files could not be read: {', '.join((vital or list(missing))[:5])}",
            attempted="back up",
            target=dataset.name,
            advice="Look at the disk: `tabib checkup` and `dmesg`.",
            details={"paths": list(missing)},
        )
    if missing:
        warnings += (f"not in it, since they went meanwhile: {', '.join(missing[:5])}",)
    container = work.container
    return Part(
        dataset=dataset,
        stored=saved.id,
        form="files",
        path=ROOT,
        consistency=consistency,
        taken_at=taken_at,
        ended_at=work.tools.clock.now(),
        image=container.image if container else "",
        image_id=container.image_id if container else "",
        size_bytes=saved.size_bytes,
        added_bytes=saved.added_bytes,
        record={"kind": "files", "files": saved.files, "bytes": saved.size_bytes},
        warnings=warnings,
    )


async def fill(work: Filling, part: Part, target: Place) -> None:
    """Write the tree to the empty place."""
    await work.repository.restore_files(part.stored, target, path=part.path, progress=work.progress)


async def check(tools: Tools, container_id: str, part: Part) -> tuple[Check, ...]:
    """Count the files that the container sees, against how many are stored."""
    wanted = part.record.get("files")
    if not isinstance(wanted, int) or not part.dataset.target:
        return ()
    try:
        script = 'find "$1" -type f -print0 | tr -cd "\\000" | wc -c'
        argv = ["sh", "-c", script, "sh", part.dataset.target]
        ran = await run(tools, container_id, argv, user="0:0", timeout_s=120)
        found = int(ran.text.strip() or "-1") if ran.exit_code == 0 else -1
    except (TabibError, ValueError) as error:
        return (Check(name="files", ok=True, text=f"could not be counted ({error})"),)
    if found < 0:
        return (Check(name="files", ok=True, text="its image has no program that counts files"),)
    text = f"{found} files, of {wanted} that were copied"
    return (Check(name="files", ok=found >= wanted, text=text),)
