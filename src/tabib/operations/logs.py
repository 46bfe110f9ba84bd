"""Logs of a project's containers, merged; following survives restarts and replacements."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any

from tabib.model.codec import builtins
from tabib.model.container import ContainerState
from tabib.model.errors import NotFound, TabibError
from tabib.model.event import Event
from tabib.operations.tools import Tools

Row = dict[str, Any]
_QUEUE = 1000


async def project_logs(
    tools: Tools,
    project: str,
    services: Sequence[str] = (),
    *,
    follow: bool = False,
    tail: int | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> AsyncIterator[Row]:
    """Lines of all containers in order of time (``follow``: as they come).

    ``tail`` counts per container, as Compose does.

    :raises NotFound: the project has no such container.
    """
    observed = await tools.engine.observe(project, detail=False)
    chosen = [
        one
        for one in observed.containers
        if one.project == project and (not services or one.service in services)
    ]
    missing = [name for name in services if name not in {one.service for one in chosen}]
    if missing or (not chosen and not follow):
        raise NotFound(
            f"no container of service {missing[0]}" if missing else "it has no containers",
            attempted="read logs of",
            target=project,
            advice="`tabib ps -a` shows what exists.",
        )
    if follow:
        async for row in _follow(tools, project, services, chosen, tail, since, until):
            yield row
        return
    rows: list[Row] = []
    for one in chosen:
        source = tools.engine.logs(one.id, tail=tail, since=since, until=until)
        rows += [
            log_row(one.name, one.service, one.slot, line.stream, line.text, line.at)
            async for line in source
        ]
    # Lines of one container keep their order: the sort is stable.
    for row in sorted(rows, key=lambda row: str(row["at"] or "")):
        yield row


async def _follow(
    tools: Tools,
    project: str,
    services: Sequence[str],
    chosen: Sequence[ContainerState],
    tail: int | None,
    since: datetime | None,
    until: datetime | None,
) -> AsyncIterator[Row]:
    lines: asyncio.Queue[Row] = asyncio.Queue(_QUEUE)
    running: set[str] = set()

    async def read(id: str, name: str, service: str, slot: int, fresh: bool) -> None:
        start = tools.clock.now() if fresh else since
        try:
            async for line in tools.engine.logs(
                id, follow=True, tail=None if fresh else tail, since=start, until=until
            ):
                await lines.put(log_row(name, service, slot, line.stream, line.text, line.at))
        except TabibError:
            return
        finally:
            running.discard(id)

    def wanted(event: Event) -> bool:
        return (
            event.kind == "container"
            and event.action == "start"
            and event.project == project
            and not event.oneoff
            and (not services or event.service in services)
        )

    group: list[asyncio.Task[None]] = []

    def begin(id: str, name: str, service: str, slot: int, fresh: bool) -> None:
        if id not in running:
            running.add(id)
            group.append(asyncio.create_task(read(id, name, service, slot, fresh)))

    with tools.watch.listen(wanted) as events:

        async def restarts() -> None:
            while True:
                event = await events.get()
                # A stream of the run before ends by itself a moment later.
                await tools.clock.sleep(0.05)
                begin(event.id, event.name, event.service, event.slot, True)

        for one in chosen:
            begin(one.id, one.name, one.service, one.slot, False)
        group.append(asyncio.create_task(restarts()))
        try:
            while True:
                yield await lines.get()
        finally:
            for task in group:
                task.cancel()
            await asyncio.gather(*group, return_exceptions=True)


def log_row(name: str, service: str, slot: int, stream: str, text: str, at: datetime | None) -> Row:
    """A row of ``logs``."""
    return {
        "container": name,
        "service": service,
        "slot": slot,
        "stream": stream,
        "text": text,
        "at": builtins(at),
    }
