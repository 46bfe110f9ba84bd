"""Log lines that are kept beyond their containers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from tabib.model.codec import builtins
from tabib.model.kept_log import KeptLine, LogPattern
from tabib.operations.logs import log_row
from tabib.operations.recorded.scope import Asked, Scope, monitor_of, scope
from tabib.operations.site import Site

SEARCHED = 200
"""Lines that a search shows at most, unless told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which lines. ``limit``: the newest so many of each container; of all together where
    ``search`` names words that each line must hold."""

    since: datetime | None = None
    until: datetime | None = None
    limit: int | None = None
    search: str = ""


async def kept_logs(site: Site, asked: Asked, wanted: Wanted) -> AsyncIterator[dict[str, Any]]:
    """Lines by time.

    :raises TabibError: the target cannot be resolved, or the store cannot be read, before there is
        any row.
    """
    there = await scope(site, asked)
    return _rows(await _lines(site, there, wanted), there)


async def _lines(site: Site, there: Scope, wanted: Wanted) -> list[KeptLine]:
    monitor, engine_id = monitor_of(site), there.engine_id
    # The last words of what was removed a moment ago.
    await monitor.flush()
    logs = monitor.logs
    since, until, limit = wanted.since, wanted.until, wanted.limit
    if wanted.search:
        return await logs.search(
            engine_id,
            wanted.search,
            containers=None if there.everything else there.ids(),
            since=since,
            until=until,
            limit=SEARCHED if limit is None else limit,
        )
    if limit == 0:
        return []
    return await logs.tail(engine_id, there.ids(), since=since, until=until, limit=limit)


async def _rows(lines: Sequence[KeptLine], there: Scope) -> AsyncIterator[dict[str, Any]]:
    for line in lines:
        yield _row(line, there)


def _row(line: KeptLine, there: Scope) -> dict[str, Any]:
    subject = there.subject(line.container_id)
    row = log_row(subject.name, subject.service, subject.slot, line.stream, line.text, line.at)
    return {
        **row,
        "project": subject.project,
        "container_id": line.container_id,
        "gone": line.container_id not in there.existing,
    }


async def patterns(
    site: Site, asked: Asked, since: datetime | None, limit: int = 100
) -> list[dict[str, Any]]:
    """Errors and warnings, those that are alike as one; most frequent first. What was seen in the
    last minute, and is not in the store yet, is told too."""
    there, monitor = await scope(site, asked), monitor_of(site)
    containers = None if there.everything else there.ids()
    kept = await monitor.logs.patterns(there.engine_id, containers, since, limit)
    found = {(one.container_id, one.template): one for one in kept}
    for id in there.ids():
        for new in await monitor.patterns(id):
            if since is None or new.last_at >= since:
                key = (id, new.template)
                found[key] = _newer(found[key], new) if key in found else new
    ranked = sorted(found.values(), key=lambda one: (-one.count, one.first_at))
    return [_pattern(one, there) for one in ranked[:limit]]


def _newer(kept: LogPattern, new: LogPattern) -> LogPattern:
    """The store counts every run of the daemon, memory this one to its end."""
    return replace(
        kept,
        count=max(kept.count, new.count),
        first_at=min(kept.first_at, new.first_at),
        last_at=max(kept.last_at, new.last_at),
    )


def _pattern(one: LogPattern, there: Scope) -> dict[str, Any]:
    subject = there.subject(one.container_id)
    return {
        "container": subject.name,
        "container_id": one.container_id,
        "project": subject.project,
        "service": subject.service,
        "slot": subject.slot,
        "level": one.level,
        "template": one.template,
        "example": one.example,
        "count": one.count,
        "first_at": builtins(one.first_at),
        "last_at": builtins(one.last_at),
        "gone": one.container_id not in there.existing,
    }
