"""The minutes before trouble, as the flight recorder has them: for the case file."""

from __future__ import annotations

from tabib.decide.recorded import BEFORE, chosen, readings
from tabib.decide.verdict import Verdict
from tabib.model.incident import Readings, Recorded
from tabib.model.process import ProcessRecord
from tabib.model.sample import Known
from tabib.operations.monitor.monitor import Monitor
from tabib.operations.tools import Tools


async def before_trouble(tools: Tools, verdict: Verdict) -> Recorded | None:
    """Samples of container and node, processes with their dead, and patterns of the log; None where
    nothing is recorded.

    :raises StateUnusable: what was recorded cannot be read.
    """
    monitor = tools.monitor
    if monitor is None:
        return None
    await monitor.flush()
    until = tools.clock.now()
    known = await monitor.series.known(tools.info.id)
    container = _container(known, verdict)
    node = next((one for one in known if one.subject.kind == "node"), None)
    processes: list[ProcessRecord] = []
    if container is not None:
        id = container.subject.id
        processes = await monitor.series.processes(
            tools.info.id, containers=[id], since=until - BEFORE, until=until
        )
        processes = _with_running(processes, monitor.running(id))
    records, left_out = chosen(processes)
    looks = await monitor.looks([container.subject.id]) if container is not None else []
    return Recorded(
        since=until - BEFORE,
        until=until,
        container=await _readings(monitor, container, tools),
        node=await _readings(monitor, node, tools),
        processes=tuple(records),
        processes_left_out=left_out,
        living_threads=sum(one.threads for one in looks) or None,
        patterns=tuple(await monitor.patterns(container.subject.id)) if container else (),
    )


async def _readings(monitor: Monitor, known: Known | None, tools: Tools) -> Readings:
    if known is None:
        return Readings()
    until = tools.clock.now()
    samples = await monitor.series.samples(known.subject, until - BEFORE, until)
    return readings(known.subject.kind, samples, until)


def _container(known: list[Known], verdict: Verdict) -> Known | None:
    containers = [one for one in known if one.subject.kind == "container"]
    mine = [one for one in containers if one.subject.id == verdict.container_id]
    mine = mine or [one for one in containers if one.subject.name == verdict.container]
    return max(mine, key=lambda one: one.last_seen, default=None)


def _with_running(kept: list[ProcessRecord], running: list[ProcessRecord]) -> list[ProcessRecord]:
    """What runs now is newer in memory than in the store."""
    now = {(one.started_ns, one.pid): one for one in running}
    older = [one for one in kept if (one.started_ns, one.pid) not in now]
    return [*older, *now.values()]
