"""What an installation knows beside its projects: incidents, the list of its releases, and which
snapshots were drilled. Stored with each backup, and taken over as history by a recovery."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import msgspec
import structlog

from tabib.model.backup import Snapshot
from tabib.model.codec import decode, encode
from tabib.model.errors import NotFound, RepositoryDamaged
from tabib.model.incident import Incident
from tabib.model.release import Release
from tabib.operations.tools import Tools
from tabib.ports import Repository

log = structlog.get_logger("tabib.backup")

TAG = "host"
FILE = "host.json"
_KEPT = 5
_INCIDENTS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class HostRecord:
    """``releases``: without their models, which the manifests have."""

    at: datetime
    installation: str
    engine_id: str
    hostname: str = ""
    projects: tuple[str, ...] = ()
    incidents: tuple[Incident, ...] = ()
    releases: Mapping[str, tuple[Release, ...]] = field(default_factory=dict)
    snapshots: tuple[Snapshot, ...] = ()
    version: int = 1


async def store(tools: Tools, repository: Repository, after: Awaitable[object]) -> None:
    """Store what is known once ``after`` has come, beside older records (:func:`thin`).

    :raises TabibError: the repository cannot be had.
    """
    known = _known(tools, after)
    await repository.save_stream(known, filename=FILE, tags=_mine(tools), ahead=True)


async def _known(tools: Tools, after: Awaitable[object]) -> AsyncIterator[bytes]:
    await after
    engine = tools.info.id
    care = await tools.journal.all_care(engine)
    releases = {
        one.project: tuple(
            replace(each, model={}) for each in await tools.journal.releases(engine, one.project)
        )
        for one in care
    }
    record = HostRecord(
        at=tools.clock.now(),
        installation=tools.installation,
        engine_id=engine,
        hostname=tools.info.hostname,
        projects=tuple(one.project for one in care),
        incidents=tuple(await tools.journal.incidents(engine_id=engine, limit=_INCIDENTS)),
        releases=releases,
        snapshots=tuple(await tools.journal.snapshots(engine)),
    )
    yield encode(record)


async def thin(tools: Tools, repository: Repository) -> None:
    """Forget all but the last few records of this installation, by when their backups began.
    Idempotent."""
    known = sorted(await repository.stored(_mine(tools)), key=lambda one: one.at)
    await repository.forget([one.id for one in known[:-_KEPT]])


def _mine(tools: Tools) -> tuple[str, ...]:
    return ("tabib", TAG, f"installation={tools.installation}")


async def read(repository: Repository) -> list[HostRecord]:
    """The newest record of each installation that wrote to the repository, of those of its last few
    that can be read.

    :raises RepositoryDamaged: none of them can.
    """
    kept: dict[str, list[str]] = {}
    for one in sorted(await repository.stored(("tabib", TAG)), key=lambda each: each.at):
        mark = next((tag for tag in one.tags if tag.startswith("installation=")), "")
        kept.setdefault(mark, []).append(one.id)
    # The repository's time is when its backup began: a long one may know more than a later one.
    return [await _newest(repository, ids[-_KEPT:]) for ids in kept.values()]


async def _newest(repository: Repository, ids: Sequence[str]) -> HostRecord:
    found, trouble = [], None
    for id in ids:
        try:
            found.append(await _read(repository, id))
        except RepositoryDamaged as error:
            log.warning("backup.record_unreadable", repository=repository.name, why=error.happened)
            trouble = error
    if trouble is not None and not found:
        raise trouble
    return max(found, key=lambda one: one.at)


async def _read(repository: Repository, id: str) -> HostRecord:
    try:
        data = b"".join([chunk async for chunk in repository.read(id, f"/{FILE}")])
        return decode(data, HostRecord)
    except (msgspec.MsgspecError, NotFound) as error:
        raise RepositoryDamaged(
            f"the record of a host ({id[:8]}) cannot be read: {error}",
            attempted="read repository",
            target=repository.name,
            advice="It was written by a newer tabib, or is damaged.",
        ) from error


async def take_over(tools: Tools, record: HostRecord, project: str, repository: str) -> None:
    """Write down what is known of one project, as history: nothing that is known here already is
    changed."""
    engine = tools.info.id
    known = {one.number for one in await tools.journal.releases(engine, project)}
    for release in record.releases.get(project, ()):
        if release.number not in known:
            await tools.journal.put_release(
                replace(release, engine_id=engine, cluster=tools.cluster, model={})
            )
    for incident in record.incidents:
        if incident.project == project and await tools.journal.incident(incident.id) is None:
            closed = incident.closed_at or record.at
            await tools.journal.put_incident(replace(incident, engine_id=engine, closed_at=closed))
    for snapshot in record.snapshots:
        if snapshot.project == project and await tools.journal.snapshot(snapshot.id) is None:
            await tools.journal.put_snapshot(
                replace(snapshot, engine_id=engine, repository=repository)
            )
