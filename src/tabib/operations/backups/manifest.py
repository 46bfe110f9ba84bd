"""What a repository holds of a snapshot beside its parts: enough to rebuild the project.

It is stored last. A set of parts without it was cut off, and is no snapshot.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from tabib.model.backup import KeptFile, Manifest, Snapshot
from tabib.model.codec import builtins, decode, encode
from tabib.model.errors import NotFound, RepositoryDamaged, UsageError
from tabib.model.release import Release
from tabib.operations.backups import needed_files
from tabib.operations.tools import Tools
from tabib.ports import Repository

FILE = "manifest.json"
VERSION = 1
_END = b"}"
_REFERENCE = re.compile(r"vault:[0-9A-Za-z]+")
MANIFEST = "manifest"


def tags(tools: Tools, snapshot_id: str, project: str, kind: str, *more: str) -> tuple[str, ...]:
    """How everything that belongs to a set is marked in a repository, which other installations
    may share."""
    return (
        "tabib",
        kind,
        f"project={project}",
        f"set={snapshot_id}",
        f"installation={tools.installation}",
        *(one.replace(",", "_") for one in more),  # restic takes a comma for the end of a tag
    )


def set_of(marked: Sequence[str]) -> str:
    """The id of the set that something belongs to; ``""``: of none."""
    return read_tag(marked, "set")


def read_tag(marked: Sequence[str], name: str) -> str:
    """The value of the tag ``name=value``; ``""``: there is none."""
    found = (tag.removeprefix(f"{name}=") for tag in marked if tag.startswith(f"{name}="))
    return next(found, "")


async def write_manifest(
    tools: Tools,
    repository: Repository,
    id: str,
    project: str,
    coming: Awaitable[Snapshot],
    *,
    ahead: bool = False,
) -> str:
    """Store the manifest of the snapshot ``id``, which is awaited: once its parts are all stored.
    Its id in the repository. ``ahead``: see :meth:`~tabib.ports.Repository.save_stream`."""
    marked = tags(tools, id, project, MANIFEST)
    described = _described(tools, coming)
    saved = await repository.save_stream(described, filename=FILE, tags=marked, ahead=ahead)
    return saved.id


async def _described(tools: Tools, coming: Awaitable[Snapshot]) -> AsyncIterator[bytes]:
    snapshot = await coming
    care = await tools.journal.care(tools.info.id, snapshot.project)
    releases = await tools.journal.releases(tools.info.id, snapshot.project)
    release = next((one for one in releases if one.number == snapshot.release), None)
    references = sorted(_references([builtins(release), builtins(care)]))
    values = await tools.vault.open(references)
    files, unkept = await _files(tools, release, snapshot)
    manifest = Manifest(
        files=files,
        unkept=unkept,
        snapshot=snapshot,
        release=release,
        secrets=dict(zip(references, values, strict=True)),
        care=care,
        installation=tools.installation,
        version=VERSION,
    )
    yield encode(manifest)


async def _files(
    tools: Tools, release: Release | None, snapshot: Snapshot
) -> tuple[tuple[KeptFile, ...], dict[str, str]]:
    project = await tools.models.of(release, tools.vault, tools.secrets) if release else None
    if project is None:
        return (), {}
    sets = [part.dataset for part in snapshot.parts]
    return await asyncio.to_thread(needed_files.keep, tools, project, sets)


async def read_manifests(
    repository: Repository, project: str = "", *, newest: int = 0
) -> list[Manifest]:
    """The manifests of a repository (of one project), newest first; ``newest``: at most so many
    of each project, 0: all.

    :raises UsageError: one was written by a newer version.
    :raises RepositoryDamaged: one cannot be read.
    """
    wanted = ("tabib", MANIFEST, *([f"project={project}"] if project else []))
    taken: dict[str, int] = {}
    found = []
    for stored in reversed(await repository.stored(wanted)):
        of = next((tag for tag in stored.tags if tag.startswith("project=")), "")
        taken[of] = taken.get(of, 0) + 1
        if not newest or taken[of] <= newest:
            manifest = await read_manifest(repository, stored.id)
            if manifest is None:
                taken[of] -= 1
            else:
                found.append(manifest)
    return found


async def read_manifest(repository: Repository, stored: str) -> Manifest | None:
    """The one that is stored under that id of restic's; None: it was cut off while it was stored,
    by the death of who wrote it, and its set is no snapshot.

    Nothing else shortens it: a repository's contents are authenticated.

    :raises UsageError: it was written by a newer version.
    :raises RepositoryDamaged: it cannot be read.
    """
    try:
        data = b"".join([chunk async for chunk in repository.read(stored, f"/{FILE}")])
    except NotFound:
        return None  # restic makes a snapshot of an input that ended before it began
    if not data.endswith(_END):
        return None
    manifest = _decoded(data, stored, repository.name)
    # Its own id was not known before it was stored.
    snapshot = replace(manifest.snapshot, manifest=stored, repository=repository.name)
    return replace(manifest, snapshot=snapshot)


def _decoded(data: bytes, stored: str, repository: str) -> Manifest:
    try:
        version = int(msgspec.json.decode(data).get("version", 0))
        if version <= VERSION:
            return decode(data, Manifest)
    except (msgspec.MsgspecError, ValueError, AttributeError) as error:
        raise RepositoryDamaged(
            f"a snapshot's description ({stored[:8]}) cannot be read: {error}",
            attempted="read repository",
            target=repository,
            advice="`tabib snapshots --repository URL` lists the others.",
        ) from error
    raise UsageError(
        f"a snapshot in it was written by a newer tabib (form {version}, known: {VERSION})",
        attempted="read repository",
        target=repository,
        advice="Install a newer tabib, then try again.",
    )


def _references(value: Any) -> set[str]:
    """Every vault reference in a tree of JSON values."""
    if isinstance(value, str):
        return set(_REFERENCE.findall(value))
    if isinstance(value, Mapping):
        return {one for part in value.values() for one in _references(part)}
    if isinstance(value, list | tuple):
        return {one for part in value for one in _references(part)}
    return set()
