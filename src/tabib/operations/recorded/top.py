"""What runs now, with its figures: one tick, or one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

from tabib.decide import targets
from tabib.decide.figures import container_row, disk_row, node_row, rates
from tabib.model.codec import builtins
from tabib.model.process import Look, ProcessRecord
from tabib.operations.monitor.monitor import Live, Monitor
from tabib.operations.recorded.scope import Asked, Scope, monitor_of, scope
from tabib.operations.site import Site

BETWEEN_LOOKS_S = 0.5
FIRST_READINGS_S = 3.0
_US = 1_000_000


async def top(site: Site, asked: Asked, *, follow: bool = False) -> AsyncIterator[dict[str, Any]]:
    """A tick; with ``follow`` one for each batch that is read, for ever, at the watched rhythm.

    :raises TabibError: the target cannot be resolved, before there is any row.
    """
    there = await scope(site, asked) if asked.target else None
    return _ticks(site, monitor_of(site), asked, there, follow)


async def _ticks(
    site: Site, monitor: Monitor, asked: Asked, there: Scope | None, follow: bool
) -> AsyncIterator[dict[str, Any]]:
    if not follow:
        await _read_twice(monitor)
        yield await tick(site, monitor, asked.project, there)
        return
    with monitor.watching() as batches:
        while True:
            yield await tick(site, monitor, asked.project, there)
            await batches.get()


async def _read_twice(monitor: Monitor) -> None:
    """Rates are made of two readings: a recorder that has just begun is given a moment for them."""
    if any(one.before is not None for one in monitor.live("node")):
        return
    with monitor.watching() as batches, suppress(TimeoutError):
        async with asyncio.timeout(FIRST_READINGS_S):
            while not any(one.before is not None for one in monitor.live("node")):
                await batches.get()


async def tick(
    site: Site, monitor: Monitor, project: str = "", there: Scope | None = None
) -> dict[str, Any]:
    """The newest readings of the node and of the containers that are meant."""
    node = node_now(monitor)
    chosen = [one for one in monitor.live("container") if _meant(one, project, there)]
    incidents = await site.tools.journal.incidents(engine_id=site.tools.info.id, open_only=True)
    wanted = {one.known.subject.project for one in chosen} if (project or there) else None
    return {
        "type": "tick",
        "at": builtins(max((one.at for one in chosen), default=site.tools.clock.now())),
        "interval_s": monitor.status().interval_s,
        "node": node,
        "containers": [row_of(one, node.get("memory_total_bytes")) for one in chosen],
        "incidents_open": sum(wanted is None or one.project in wanted for one in incidents),
    }


def _meant(one: Live, project: str, there: Scope | None) -> bool:
    subject = one.known.subject
    if there is None:
        return not project or subject.project == project
    return there.found.kind == targets.NODE or subject.id in there.ids()


def rates_of(one: Live) -> dict[str, float]:
    elapsed_s = (one.at - one.before_at).total_seconds() if one.before_at else 0.0
    return rates(one.known.subject.kind, one.before, one.values, elapsed_s)


def row_of(one: Live, memory_total_bytes: int | None = None) -> dict[str, Any]:
    return container_row(one.known.subject, one.values, rates_of(one), memory_total_bytes)


def node_now(monitor: Monitor) -> dict[str, Any]:
    """The node and its disks; its figures are null where none could be read."""
    live = monitor.live("node")
    row = node_row("", (), {})
    if live:
        row = node_row(live[0].known.subject.name, live[0].values, rates_of(live[0]))
    return {**row, "disks": [disk_row(d.known.subject.id, d.values) for d in monitor.live("disk")]}


async def processes_now(site: Site, container_id: str) -> list[dict[str, Any]]:
    """The container's processes now. ``cpu_cores`` is what each used between two looks, null where
    the node's ``/proc`` is out of reach.

    :raises NotFound: there is no such container.
    """
    there = await scope(site, Asked(target=container_id))
    monitor, ids = monitor_of(site), there.ids()
    records = {one.pid: one for id in ids for one in monitor.running(id)}
    clock = site.tools.clock
    before, begun = await monitor.looks(ids), clock.monotonic()
    if not before:
        return [_of_record(one) for one in records.values()]
    await clock.sleep(BETWEEN_LOOKS_S)
    after, elapsed_s = await monitor.looks(ids), clock.monotonic() - begun
    used = {(one.pid, one.start_ns): one.cpu_us for one in before}
    return [_of_look(one, used, elapsed_s, records.get(one.pid)) for one in after]


def _of_look(
    one: Look, used: dict[tuple[int, int], int], elapsed_s: float, record: ProcessRecord | None
) -> dict[str, Any]:
    before = used.get((one.pid, one.start_ns), 0)
    spent = max(0, one.cpu_us - before) / _US / elapsed_s if elapsed_s > 0 else None
    return {
        "pid": one.pid,
        "ppid": one.ppid,
        # Of what /proc shows only figures are taken: the record has no secrets in it.
        "name": record.name if record else "",
        "command": record.command if record else "",
        "user": one.uid,
        "state": one.state,
        "threads": one.threads,
        "cpu_cores": None if spent is None else round(spent, 4),
        "cpu_seconds": one.cpu_us / _US,
        "memory_bytes": one.memory_bytes,
        "peak_memory_bytes": one.peak_memory_bytes,
        "started_at": builtins(record.started_at) if record else None,
    }


def _of_record(one: ProcessRecord) -> dict[str, Any]:
    return {
        "pid": one.pid,
        "ppid": one.ppid,
        "name": one.name,
        "command": one.command,
        "user": one.user,
        "state": "",
        "threads": None,
        "cpu_cores": None,
        "cpu_seconds": one.cpu_seconds,
        "memory_bytes": None,
        "peak_memory_bytes": one.peak_memory_bytes,
        "started_at": builtins(one.started_at),
    }
