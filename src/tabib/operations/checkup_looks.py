"""What a checkup looks at beside the engine's own answers: the machine, published ports,
registries, the recorder, and the last words of what is in trouble. Each look is bounded."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tabib.decide.casefile import CaseParts, build
from tabib.decide.checkup.backup import place
from tabib.decide.checkup.facts import examined
from tabib.decide.checkup.image import local_digests
from tabib.decide.checkup.network import ANY
from tabib.decide.checkup.trouble import trigger
from tabib.decide.verdict import Kind, Verdict
from tabib.host.certificates import certificate_at
from tabib.host.container_look import log_bytes, names_in, uid_of
from tabib.host.disk import room
from tabib.model.checkup import Certificate, Examined, Room, TagNow
from tabib.model.container import ImageState, Observed, VolumeState
from tabib.model.errors import StateUnusable, TabibError
from tabib.model.incident import Case
from tabib.model.metrics import index
from tabib.model.reference import parse_reference
from tabib.operations.evidence import TAIL_LINES, bounded, dependency_states
from tabib.operations.monitor.before import before_trouble
from tabib.operations.tools import Tools

Inspections = Mapping[str, Mapping[str, Any]]
Facts = dict[str, dict[str, Any]]

TLS_S = 1.0
REGISTRY_S = 2.0
AT_ONCE = 32
HOUR = timedelta(hours=1)
_NO_TLS = frozenset({22, 25, 53, 80, 1433, 1883, 2181, 3306, 5432, 5672, 6379, 9092, 11211, 27017})
"""Container ports that speak no TLS at first: asking for a certificate only fills their log."""
_LOOKS, _BETWEEN_LOOKS_S = 5, 0.2
_KINDS = {"loop": Kind.RESTART_LOOP, "unhealthy": Kind.UNHEALTHY}


def on_this_machine(tools: Tools) -> bool:
    """Whether the engine's processes, files and ports are this machine's."""
    return tools.info.local and tools.info.kind == "docker"


# ── the machine ────────────────────────────────────────────────────────────────────────────────


def from_machine(
    tools: Tools,
    containers: Sequence[Examined],
    inspections: Inspections,
    volumes: Iterable[VolumeState],
    notes: list[str],
) -> tuple[Coroutine[Any, Any, Facts], Coroutine[Any, Any, Mapping[str, tuple[str, ...]]]]:
    """(facts of each container by id, names of files by volume or bind's source)."""
    if not on_this_machine(tools):
        notes.append(
            "the engine is on another machine: users of processes, sizes of logs, files in volumes,"
            " certificates and the room on its disk are not looked at"
        )
    return _processes(tools, containers, inspections, notes), _files(tools, containers, volumes)


async def _processes(
    tools: Tools, containers: Sequence[Examined], inspections: Inspections, notes: list[str]
) -> Facts:
    if not on_this_machine(tools):
        return {}
    found = await asyncio.to_thread(_look, containers, inspections)
    logged = [id for id in found if inspections[id].get("LogPath")]
    if logged and all(found[id]["log_bytes"] is None for id in logged):
        notes.append("sizes of logs and files in volumes: only root may read them")
    return found


def _look(containers: Sequence[Examined], inspections: Inspections) -> Facts:
    found: Facts = {}
    for one in containers:
        inspection = inspections[one.id]
        pid = int((inspection.get("State") or {}).get("Pid") or 0)
        path = str(inspection.get("LogPath") or "")
        found[one.id] = {
            "uid": uid_of(pid) if pid and one.runs else None,
            "log_bytes": log_bytes(path) if path else None,
        }
    return found


async def _files(
    tools: Tools, containers: Sequence[Examined], volumes: Iterable[VolumeState]
) -> Mapping[str, tuple[str, ...]]:
    if not on_this_machine(tools):
        return {}
    points = {one.name: one.mountpoint for one in volumes}
    folders: dict[str, str] = {}
    for one in containers:
        for mount in one.mounts if one.runs else ():
            if mount.type in ("volume", "bind") and not mount.read_only:
                folder = points.get(mount.name, "") if mount.name else mount.source
                if folder:
                    folders[place(mount)] = folder
    names = await asyncio.to_thread(names_in, sorted(set(folders.values())))
    return {key: names[folder] for key, folder in folders.items() if folder in names}


def room_of(tools: Tools) -> Room | None:
    """Room on the disk of the engine's data."""
    if not on_this_machine(tools) or not tools.info.root_dir:
        return None
    try:
        found = room(Path(tools.info.root_dir))
    except OSError:
        return None
    return Room(
        path=tools.info.root_dir,
        size_bytes=found.total_bytes,
        free_bytes=found.free_bytes,
        inodes=found.total_inodes,
        inodes_free=found.free_inodes,
    )


# ── published ports ────────────────────────────────────────────────────────────────────────────


async def certificates(tools: Tools, containers: Iterable[Examined]) -> tuple[Certificate, ...]:
    """What the published TCP ports show. Each port is asked once, all at the same time."""
    if not on_this_machine(tools):
        return ()
    asked: dict[tuple[str, int], Examined] = {}
    for one in containers:
        for port in one.ports if one.status == "running" else ():
            if port.protocol == "tcp" and port.container_port not in _NO_TLS:
                host = "127.0.0.1" if port.host_ip in ANY else port.host_ip
                asked.setdefault((host, port.host_port), one)
    limit = asyncio.Semaphore(AT_ONCE)

    async def ask(host: str, port: int, one: Examined) -> Certificate | None:
        async with limit:
            shown = await certificate_at(host, port, TLS_S)
        if shown is None:
            return None
        return Certificate(
            container_id=one.id,
            host=host,
            port=port,
            subject=shown.subject,
            not_before=shown.not_before,
            not_after=shown.not_after,
        )

    found = await asyncio.gather(*(ask(host, port, one) for (host, port), one in asked.items()))
    return tuple(one for one in found if one is not None)


# ── registries ─────────────────────────────────────────────────────────────────────────────────


async def tags_now(
    tools: Tools, containers: Iterable[Examined], images: Iterable[ImageState], notes: list[str]
) -> Mapping[str, TagNow]:
    """What registries have under the tags that run here, of images that came from one."""
    by_id = {image.id: image for image in images}
    asked = sorted(
        {
            one.image
            for one in containers
            if one.runs
            and not one.image.startswith("sha256:")
            and not parse_reference(one.image).digest
            and one.image_id in by_id
            and local_digests(by_id[one.image_id])
        }
    )
    limit = asyncio.Semaphore(AT_ONCE)

    async def ask(reference: str) -> TagNow:
        async with limit:
            try:
                digest = await tools.engine.registry_digest(reference, timeout_s=REGISTRY_S)
            except TabibError as error:
                return TagNow(why=error.happened)
        return TagNow(digest=digest, why="" if digest else "its registry names no digest")

    found = dict(zip(asked, await asyncio.gather(*map(ask, asked)), strict=True))
    unknown: dict[str, list[str]] = {}
    for reference, now in found.items():
        if not now.digest:
            unknown.setdefault(now.why, []).append(reference)
    for why, references in unknown.items():
        notes.append(f"whether {', '.join(references)} is still current is not known: {why}")
    return found


# ── what is in trouble ─────────────────────────────────────────────────────────────────────────


async def sick_cases(
    tools: Tools, containers: Iterable[Examined], inspections: Inspections, now: datetime
) -> Mapping[str, Case]:
    """The evidence of each container that is in trouble, gathered as for an incident."""
    sick = [(one, trigger(one, now)) for one in containers]
    sick = [(one, why) for one, why in sick if why]
    if not sick:
        return {}
    absent: list[str] = []
    observed = await bounded(
        tools.engine.observe(None, detail=False), "the other containers", absent
    )

    async def case_of(one: Examined, why: str) -> Case:
        missing = list(absent)
        inspection = inspections[one.id]
        if why == "loop":
            inspection = await _between_lives(tools, inspection)
        verdict = Verdict(
            kind=_KINDS.get(why, Kind.FAILED),
            reason="seen by a checkup",
            container_id=one.id,
            container=one.name,
            service=one.service,
            trigger=why,
            exit_code=examined(inspection).exit_code,
        )
        log, before = await asyncio.gather(
            bounded(_log(tools, one.id), "log", missing),
            bounded(before_trouble(tools, verdict), "recorded figures", missing),
        )
        redactor = tools.secrets.redactor(inspection)
        mine = None if observed is None else _same_project(observed, one)
        return build(
            CaseParts(
                id=f"checkup-{one.id[:12]}",
                sealed_at=now,
                engine_id=tools.info.id,
                cluster=tools.cluster,
                project=one.project,
                verdict=verdict,
                inspection=redactor.tree(inspection),
                log_tail=redactor.lines(log) if log else None,
                dependencies=await dependency_states(tools, mine, verdict, None),
                recorded=before,
                absent=missing,
            )
        )

    cases = await asyncio.gather(*(case_of(one, why) for one, why in sick))
    return {case.container_id: case for case in cases}


async def _between_lives(tools: Tools, inspection: Mapping[str, Any]) -> Mapping[str, Any]:
    """A container in a loop that was seen alive is looked at again, for a second: how it ended can
    only be seen before it lives again."""
    for _ in range(_LOOKS):
        if examined(inspection).exit_code is not None:
            break
        await tools.clock.sleep(_BETWEEN_LOOKS_S)
        try:
            inspection = await tools.engine.inspect(str(inspection["Id"]))
        except TabibError:
            break
    return inspection


def _same_project(observed: Observed, one: Examined) -> Observed:
    kept = tuple(each for each in observed.containers if each.project == one.project)
    return replace(observed, containers=kept)


async def _log(tools: Tools, container: str) -> list[str]:
    return [line.text async for line in tools.engine.logs(container, tail=TAIL_LINES)]


# ── the recorder ───────────────────────────────────────────────────────────────────────────────


async def recorded(tools: Tools, containers: Iterable[Examined], now: datetime) -> Facts:
    """Peaks of memory within the last hour, and how much CPU limits hold up; nothing where nothing
    is recorded."""
    monitor = tools.monitor
    if monitor is None:
        return {}
    wanted = {one.id for one in containers if one.runs}
    live = {one.known.subject.id: one for one in monitor.live("container")}
    subjects = [one.known.subject for id, one in live.items() if id in wanted]
    found: Facts = {one.id: {} for one in subjects}
    periods = index("container", "cpu_periods")
    held = index("container", "cpu_throttled_periods")
    kills = index("container", "oom_kills")
    for id in found:
        found[id]["oom_kills"] = live[id].values[kills]
        grown = _grown(live[id].before, live[id].values, periods)
        late = _grown(live[id].before, live[id].values, held)
        if grown and late is not None:
            found[id]["throttled_share"] = late / grown
    try:
        charts = await monitor.series.charts(
            subjects, ["memory_working_set_bytes"], now - HOUR, now, 1
        )
    except StateUnusable:
        return found
    for chart in charts:
        peaks = [point.peak for point in chart.points if point.peak is not None]
        if peaks:
            found[chart.subject.id]["memory_peak_bytes"] = int(max(peaks))
    return found


def _grown(before: Sequence[int | None] | None, now: Sequence[int | None], at: int) -> int | None:
    old, new = before[at] if before else None, now[at]
    return None if old is None or new is None or new < old else new - old
