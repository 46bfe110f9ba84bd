"""What ran at a time: the node, containers with their figures then, and their processes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from tabib.decide import targets
from tabib.decide.figures import absent_row, container_row, disk_row, node_row
from tabib.model.codec import builtins
from tabib.model.metrics import COUNTER, METRICS
from tabib.model.process import ProcessRecord
from tabib.model.sample import Known, Subject, Values
from tabib.operations.monitor.monitor import Monitor
from tabib.operations.recorded.processes import process_row
from tabib.operations.recorded.scope import Asked, Scope, monitor_of, scope
from tabib.operations.recorded.top import node_now, row_of
from tabib.operations.site import Site

MINUTE = timedelta(minutes=1)
_MOMENT = timedelta(microseconds=1)
_STEPS = 12
"""A minute in so many: rates of the time itself, not of a coarser roll-up around it."""


async def inspect(site: Site, asked: Asked, at: datetime | None = None) -> dict[str, Any]:
    """What ran at ``at``; None: what runs now."""
    there, monitor = await scope(site, asked), monitor_of(site)
    moment = at or site.tools.clock.now()
    rows = await (_then(monitor, there, at) if at else _now(monitor, there))
    records = await _processes(monitor, there, moment, now=at is None)
    containers = []
    for row in rows[1]:
        mine = [process_row(one, there) for one in records if one.container_id == row["id"]]
        row |= {"exists": row["id"] in there.existing, "processes_then": mine}
        containers.append(row)
    return {
        "target": there.target,
        "at": builtins(moment),
        "node": rows[0],
        "containers": containers,
        "inspection": await _inspection(monitor, there, containers, at),
    }


Rows = tuple[dict[str, Any], list[dict[str, Any]]]


async def _now(monitor: Monitor, there: Scope) -> Rows:
    node = node_now(monitor)
    ids = None if there.everything else set(there.ids())
    live = {one.known.subject.id: one for one in monitor.live("container")}
    rows = []
    for id, state in there.existing.items():
        if ids is not None and id not in ids:
            continue
        if id in live:
            rows.append(row_of(live[id], node["memory_total_bytes"]))
        else:
            rows.append(absent_row(there.subject(id), state.status, state.health))
    return node, rows


async def _then(monitor: Monitor, there: Scope, at: datetime) -> Rows:
    node = node_row("", (), {})
    for known, values in await monitor.series.at(there.engine_id, "node", at):
        rate = (await _rates(monitor, [known.subject], at)).get(known.subject.id, {})
        node = node_row(known.subject.name, values, rate)
    disks = await monitor.series.at(there.engine_id, "disk", at)
    ids = None if there.everything else set(there.ids())
    found: list[tuple[Known, Values]] = [
        (known, values)
        for known, values in await monitor.series.at(there.engine_id, "container", at)
        if ids is None or known.subject.id in ids
    ]
    rate_of = await _rates(monitor, [known.subject for known, _ in found], at)
    rows = [
        container_row(
            known.subject, values, rate_of.get(known.subject.id, {}), node["memory_total_bytes"]
        )
        for known, values in found
    ]
    return {**node, "disks": [disk_row(known.subject.id, values) for known, values in disks]}, rows


async def _rates(
    monitor: Monitor, subjects: list[Subject], at: datetime
) -> Mapping[str, dict[str, float]]:
    """What each counter grew by per second in the minute before ``at``, by subject."""
    if not subjects:
        return {}
    names = [one.name for one in METRICS[subjects[0].kind] if one.kind == COUNTER]
    charts = await monitor.series.charts(subjects, names, at - MINUTE, at + _MOMENT, _STEPS)
    found: dict[str, dict[str, float]] = {}
    for chart in charts:
        means = [point.mean for point in chart.points if point.mean is not None]
        if means:
            found.setdefault(chart.subject.id, {})[chart.metric] = sum(means) / len(means)
    return found


async def _processes(
    monitor: Monitor, there: Scope, moment: datetime, *, now: bool
) -> list[ProcessRecord]:
    if now:
        return [one for id in there.ids() for one in monitor.running(id)]
    found = await monitor.series.processes(
        there.engine_id,
        containers=None if there.found.kind == targets.NODE else there.ids(),
        since=moment,
        until=moment + _MOMENT,
    )
    return [one for one in found if one.started_at <= moment]


async def _inspection(
    monitor: Monitor, there: Scope, containers: list[dict[str, Any]], at: datetime | None
) -> Mapping[str, Any] | None:
    """How the container was set up, redacted; for one container alone."""
    if there.found.kind != "container" or not there.found.containers:
        return None
    ids = [row["id"] for row in containers] or [
        one.id for one in sorted(there.found.containers, key=lambda one: str(one.last_seen))
    ]
    return await monitor.series.inspection(there.engine_id, ids[-1], at)
