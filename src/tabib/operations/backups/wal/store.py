"""Streams of write-ahead log in repositories: stored now and then, let go of in time."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from tabib.model.backup import Part, Place, Stored
from tabib.operations.backups.wal.spool import Stream
from tabib.operations.tools import Tools
from tabib.ports import Repository

TAG = "wal"
SAVE_S = 60.0
"""Between two copies of a stream into a repository."""
APPEND_ONLY_FACTOR = 10
"""Where copies stay for ever, they are made less often."""
MARGIN = timedelta(hours=24)
"""A base backup's own log begins before its point in time, by at most so long."""
_LEAST_FREE = 1 << 30
_LEAST_SHARE = 20


def tags(project: str, dataset: str, *more: str, tag: str = TAG) -> tuple[str, ...]:
    """How the copies of a data set's streams are marked; ``tag``: of another kind of stream."""
    # restic takes a comma for the end of a tag.
    named = (f"project={project}", f"dataset={dataset}", *more)
    return ("tabib", tag, *(one.replace(",", "_") for one in named))


def tag_of(stored: Stored, name: str) -> str:
    """The value of a tag ``name=value``; ``""``: it has none."""
    return next((t.partition("=")[2] for t in stored.tags if t.startswith(f"{name}=")), "")


def interval_s(repository: Repository) -> float:
    """Seconds between two copies of a stream into it."""
    return SAVE_S * (APPEND_ONLY_FACTOR if repository.append_only else 1)


async def save(repository: Repository, project: str, dataset: str, stream: Stream) -> None:
    """Store the stream as it is now."""
    mine = tags(
        project,
        dataset,
        f"stream={stream.id}",
        f"identity={stream.identity}",
        f"chapter={stream.facts().chapter}",
    )
    place = Place(type="bind", source=str(stream.path))
    await repository.save_files(place, tags=mine)


async def let_go(
    repository: Repository,
    project: str,
    dataset: str,
    oldest: datetime | None,
    *,
    tag: str = TAG,
) -> list[str]:
    """Forget what nothing needs: of each chapter all copies but the last, and the chapters that
    ended before the ``oldest`` base backup there is began (None: none is known). Their ids in the
    repository.

    Not after each copy: to forget wants the repository alone, which a long backup holds up.
    """
    if repository.append_only:
        return []
    chapters: dict[tuple[str, str], list[Stored]] = {}
    for one in await repository.stored(tags(project, dataset, tag=tag)):
        chapters.setdefault((tag_of(one, "stream"), tag_of(one, "chapter")), []).append(one)
    gone: list[str] = []
    for copies in chapters.values():
        copies.sort(key=lambda one: one.at)
        needed = oldest is None or copies[-1].at >= oldest - MARGIN
        gone += [one.id for one in (copies[:-1] if needed else copies)]
    await repository.forget(gone)
    return gone


async def bases(tools: Tools, project: str, dataset: str) -> list[Part]:
    """The base backups of a data set that are kept, newest first; damaged copies are none."""
    found = []
    for snapshot in await tools.journal.snapshots(tools.info.id, project):
        if not snapshot.damaged:
            found += [
                part
                for part in snapshot.parts
                if part.dataset.name == dataset and part.form == "tar"
            ]
    return sorted(found, key=lambda one: one.taken_at, reverse=True)


def needless_before(kept: Sequence[Part], identity: str) -> datetime | None:
    """Log that was complete by then is not needed here any more: the newest base backup began
    after the one before it had ended. None: all is needed."""
    mine = [one for one in kept if one.identity == identity]
    return mine[1].ended_at if len(mine) > 1 else None


def crowded(stream: Stream) -> bool:
    """Whether the disk is so full that what is stored in the repository must leave it."""
    disk = os.statvfs(stream.path)
    free, size = disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize
    return free < max(_LEAST_FREE, size // _LEAST_SHARE)


def trim(stream: Stream, before: datetime | None) -> bool:
    """Let go of old files here, once they are stored: a chapter ends with them. Whether any were
    there."""
    if crowded(stream):
        before = datetime.now(UTC)
    if before is None or not stream.let_go(before):
        return False
    stream.note(chapter=stream.facts().chapter + 1)
    return True
