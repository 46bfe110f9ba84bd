"""Process records, of containers that are gone too."""

from __future__ import annotations

from typing import Any

from tabib.model.codec import builtins
from tabib.model.process import ProcessRecord
from tabib.operations.recorded.scope import Asked, Scope, Span, monitor_of, scope
from tabib.operations.site import Site

LIMIT = 10_000
CONTRACT = ("pid", "ppid", "container", "command", "started_at", "ended_at", "exit_code", "signal",
            "killed_by", "cpu_seconds", "peak_memory_bytes", "read_bytes",
            "written_bytes")  # fmt: skip


async def processes(
    site: Site, asked: Asked, span: Span, limit: int = LIMIT
) -> list[dict[str, Any]]:
    """The newest ``limit`` processes that ran within ``span``, oldest first; running ones too."""
    there = await scope(site, asked)
    monitor, ids = monitor_of(site), there.ids(span)
    found = await monitor.series.processes(
        there.engine_id,
        containers=None if there.everything else ids,
        since=span.since,
        until=span.until,
        limit=limit,
    )
    records = {_key(one): one for one in found}
    for id in ids:
        for one in monitor.running(id):
            # The store learns of a process's end a moment later than the recorder.
            if one.started_at <= span.until:
                records[_key(one)] = one
    ordered = sorted(records.values(), key=lambda one: (one.started_at, one.started_ns, one.pid))
    return [process_row(one, there) for one in ordered[-limit:]] if limit > 0 else []


def _key(one: ProcessRecord) -> tuple[str, int, int]:
    return one.container_id, one.started_ns, one.pid


def process_row(one: ProcessRecord, there: Scope) -> dict[str, Any]:
    """A row of ``processes``: the fields of the contract first."""
    subject = there.subject(one.container_id)
    known = builtins(one)
    return {
        **{name: known.get(name) for name in CONTRACT},
        "container": subject.name,
        "container_id": one.container_id,
        "project": subject.project,
        "service": subject.service,
        "name": one.name,
        "user": one.user,
        "command_complete": one.command_complete,
        "assumed": one.assumed,
        "started_ns": one.started_ns,
    }
