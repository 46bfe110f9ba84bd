"""What is in a snapshot: listed, read, exported. Nothing is changed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from tabib.model.backup import Part, Snapshot, StoredEntry
from tabib.model.errors import NotFound, UsageError
from tabib.operations.backups.keep import repository_of
from tabib.operations.tools import Tools
from tabib.ports import Repository


@dataclass(frozen=True, slots=True, kw_only=True)
class Meant:
    """A place in a snapshot: a part, and a path in what is stored of it."""

    repository: Repository
    part: Part
    path: str


async def find(tools: Tools, snapshot_id: str, attempted: str) -> Snapshot:
    """The snapshot with this id, or whose id alone begins so.

    :raises NotFound: there is none.
    """
    found = await tools.journal.snapshot(snapshot_id)
    if found is None:
        raise NotFound(
            "there is no such snapshot",
            attempted=attempted,
            target=snapshot_id,
            advice="`tabib snapshots` lists them.",
        )
    return found


async def entries(tools: Tools, snapshot: Snapshot, path: str) -> list[StoredEntry]:
    """What lies directly below ``path``: the data sets at the top, then their files.

    :raises NotFound: there is no such path.
    """
    if not _words(path):
        return [
            StoredEntry(
                path=part.dataset.name,
                type="dir" if part.form == "files" else part.form,
                size_bytes=part.size_bytes,
                modified_at=part.taken_at,
            )
            for part in snapshot.parts
        ]
    meant = await at(tools, snapshot, path)
    if meant.part.form != "files":
        return [
            StoredEntry(
                path=f"{meant.part.dataset.name}{meant.part.path}",
                type="file",
                size_bytes=meant.part.size_bytes,
                modified_at=meant.part.taken_at,
            )
        ]
    root = meant.part.path.rstrip("/")
    return [
        StoredEntry(
            path=f"{meant.part.dataset.name}{one.path.removeprefix(root)}",
            type=one.type,
            size_bytes=one.size_bytes,
            modified_at=one.modified_at,
            mode=one.mode,
            uid=one.uid,
            gid=one.gid,
        )
        for one in await meant.repository.entries(meant.part.stored, meant.path)
    ]


async def content(tools: Tools, snapshot: Snapshot, path: str) -> AsyncIterator[bytes]:
    """The bytes at ``path``: of a file its content, of a folder a tar of it, of a database's copy
    the dump, archive or RDB file as it was taken.

    :raises NotFound: there is no such path.
    """
    meant = await at(tools, snapshot, path)
    async for chunk in meant.repository.read(meant.part.stored, meant.path):
        yield chunk


async def at(tools: Tools, snapshot: Snapshot, path: str) -> Meant:
    """The place that ``path`` (``DATASET[/PATH]``) names.

    :raises NotFound: there is no such data set in the snapshot.
    :raises UsageError: it names none, and there are several.
    """
    words = _words(path)
    part = _part(snapshot, path)
    inner = path.strip("/").removeprefix(part.dataset.name.strip("/")).strip("/") if words else ""
    where = part.path if part.form != "files" or not inner else f"{part.path.rstrip('/')}/{inner}"
    return Meant(repository=await repository_of(tools, snapshot), part=part, path=where)


def _part(snapshot: Snapshot, path: str) -> Part:
    wanted = path.strip("/")
    if not wanted:
        if len(snapshot.parts) == 1:
            return snapshot.parts[0]
        raise UsageError(
            f"it has {len(snapshot.parts)} data sets: {', '.join(snapshot.volumes)}",
            attempted="read snapshot",
            target=snapshot.id,
            advice=f"Name one: tabib snapshot {snapshot.id} export {snapshot.volumes[0]}.",
        )
    fitting = [
        one for one in snapshot.parts if f"{wanted}/".startswith(f"{one.dataset.name.strip('/')}/")
    ]
    if not fitting:
        raise NotFound(
            f"there is no {path!r} in it",
            attempted="read snapshot",
            target=snapshot.id,
            advice=f"It has: {', '.join(snapshot.volumes)}.",
        )
    return max(fitting, key=lambda one: len(one.dataset.name))


def _words(path: str) -> list[str]:
    return [word for word in path.split("/") if word]
