"""The engine's events, those of containers that are gone included."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from tabib.decide import targets
from tabib.decide.labels import event_attributes
from tabib.model.codec import builtins
from tabib.model.event import Event
from tabib.operations.recorded.scope import Asked, Scope, Span, monitor_of, scope
from tabib.operations.site import Site

LIMIT = 1000


async def events(
    site: Site, asked: Asked, span: Span, limit: int = LIMIT, *, follow: bool = False
) -> AsyncIterator[dict[str, Any]]:
    """Rows of the newest ``limit`` events within ``span``, oldest first; with ``follow`` then each
    as it comes, for ever.

    :raises TabibError: the target cannot be resolved, before there is any row.
    """
    return _rows(site, await scope(site, asked), span, limit, follow)


async def _rows(
    site: Site, there: Scope, span: Span, limit: int, follow: bool
) -> AsyncIterator[dict[str, Any]]:
    with site.tools.watch.listen(lambda event: _concerns(event, there)) as queue:
        last_ns = 0
        for event in await _kept(site, there, span, limit):
            last_ns = max(last_ns, event.time_ns)
            yield event_row(event)
        while follow:
            event = await queue.get()
            if event.time_ns > last_ns:
                yield event_row(event)


async def _kept(site: Site, there: Scope, span: Span, limit: int) -> list[Event]:
    series = monitor_of(site).series
    narrow: dict[str, Any] = {}
    if there.found.kind == "project":
        narrow["project"] = there.found.name
    elif not there.everything:
        narrow["ids"] = there.ids()
    return await series.events(
        there.engine_id, since=span.since, until=span.until, limit=limit, **narrow
    )


def _concerns(event: Event, there: Scope) -> bool:
    found = there.found
    if found.kind in ("all", targets.NODE):
        return True
    if found.kind == "project":
        return event.project == found.name
    if found.kind == "service":
        return f"{event.project}/{event.service}" == found.name
    return event.id in {one.id for one in found.containers} or event.name == found.name


def event_row(event: Event) -> dict[str, Any]:
    """A row of ``events``; labels are left out of the attributes."""
    return {
        "at": builtins(event.at),
        "kind": event.kind,
        "action": event.action,
        "id": event.id,
        "name": event.name,
        "project": event.project,
        "service": event.service,
        "slot": event.slot,
        "attributes": event_attributes(event.attributes),
    }
