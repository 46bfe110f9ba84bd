"""What is exposed to Prometheus: the newest readings, and how tabib itself is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tabib import __version__
from tabib.decide.exposition import COUNTER, GAUGE, Family, Read, Sample, families, one
from tabib.operations.monitor.monitor import Monitor
from tabib.operations.recorded.scope import monitor_of
from tabib.operations.site import Site

_KINDS = ("container", "interface", "node", "disk", "volume")


async def exposed(site: Site) -> list[Family]:
    """Every family with its samples, of one engine."""
    monitor, tools = monitor_of(site), site.tools
    reads = {
        kind: [Read(live.known.subject, live.at, live.values) for live in monitor.live(kind)]
        for kind in _KINDS
    }
    incidents = await tools.journal.incidents(engine_id=tools.info.id, open_only=True)
    return [
        *families(reads),
        one("tabib_build_info", GAUGE, "the daemon's version", 1, version=__version__),
        one("tabib_incidents_open", GAUGE, "incidents that are open", len(incidents)),
        one("tabib_engine_connected", GAUGE, "1: the engine answers",
            int(tools.watch.connected.is_set())),
        one("tabib_events_seen", COUNTER, "events of the engine since the start",
            tools.watch.seen),
        *_recorder(monitor),
    ]  # fmt: skip


def _recorder(monitor: Monitor) -> Sequence[Family]:
    status, series, logs = monitor.status(), monitor.series.status(), monitor.logs.status()
    both = {"series": series, "logs": logs}
    size = [Sample((name,), it.bytes) for name, it in both.items()]
    lost = [Sample((name,), it.dropped) for name, it in both.items()]
    stores = Family("tabib_recorder_store_bytes", GAUGE, "size on the disk", ("store",), size)
    dropped = Family("tabib_recorder_dropped", COUNTER, "let go unwritten", ("store",), lost)
    return [
        one("tabib_recorder_interval_seconds", GAUGE, "between two readings", status.interval_s),
        one("tabib_recorder_ticks", COUNTER, "readings of everything", status.ticks),
        one("tabib_recorder_tick_seconds", GAUGE, "what the last took", status.tick_seconds),
        one("tabib_recorder_containers", GAUGE, "containers that are read", status.containers),
        one("tabib_recorder_processes", GAUGE, "processes in containers", status.processes),
        one("tabib_recorder_streams_lost", COUNTER, "how often the kernel's streams overflowed",
            status.processes_lost),
        one("tabib_recorder_trouble", GAUGE, "1: something is not recorded as it should be",
            int(bool(status.trouble or series.trouble or logs.trouble))),
        stores,
        dropped,
    ]  # fmt: skip


def as_json(family: Family) -> dict[str, Any]:
    """A family as JSON values."""
    return {
        "name": family.full_name,
        "kind": family.kind,
        "help": family.help,
        "samples": [
            {"labels": dict(zip(family.labels, one.labels, strict=True)), "value": one.value}
            for one in family.samples
        ],
    }
