"""The continuous record: the last full inspection and log tail of every container in care.

What was here before trouble came is what a case file falls back on once a container is gone, and
where a recreated container's anonymous volumes are known from.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

import structlog

from tabib.model.container import LABEL_NUMBER, LABEL_PROJECT, LABEL_SERVICE, Mount
from tabib.model.errors import EngineError, EngineUnavailable, StateUnusable
from tabib.model.project import Project, Service
from tabib.model.release import LastSeen
from tabib.operations.tails import TAIL_LINES, Tails
from tabib.operations.tasks import spawn
from tabib.operations.tools import Tools
from tabib.stores.seal import seal_inspection

log = structlog.get_logger("tabib.record")

BUSY_S = 15.0
"""A record waits this long for an operation to end: while it works, the engine has enough to do."""
SETTLE_S = 1.0
"""A start is recorded this much later: while a project comes up, the engine has better to do."""


class Record:
    """Keeps the record of one engine's containers in care. Tasks live in ``group``."""

    def __init__(self, tools: Tools, group: asyncio.TaskGroup) -> None:
        self._tools = tools
        self._group = group
        self._tails = Tails(tools, group)
        self._looked_at: set[str] = set()
        """Containers that were looked at since they were last removed."""
        self._pending: set[str] = set()
        self._running: dict[str, dict[str, tuple[str, bool]]] = {}
        """Project → container name → (id, whether it ran when last seen): the journal's, kept."""
        self._departed: dict[str, set[str]] = {}
        """Project → containers that are gone, whose tails are still kept."""

    def touch(self, container_id: str, *, after_s: float = SETTLE_S) -> None:
        """Look at a container soon: it started, or its state changed. Idempotent."""
        if container_id not in self._pending:
            self._pending.add(container_id)
            spawn(self._group, self._look(container_id, after_s), "record")

    async def last_running(self, project: str) -> Mapping[str, bool]:
        """Container name → whether it ran when it was last seen."""
        return {name: ran for name, (_, ran) in (await self._known(project)).items()}

    async def started(self, project: str, name: str) -> None:
        """An event told that it started: it ran, whatever becomes of it before it is looked at.

        :raises StateUnusable: the journal cannot be read or written.
        """
        known = await self._known(project)
        container_id, ran = known.get(name, ("", True))
        if ran:
            return
        known[name] = (container_id, True)
        for seen in await self._tools.journal.last_seen(self._tools.info.id, project):
            if seen.name == name:
                await self._tools.journal.put_last_seen(replace(seen, running=True))

    def watch_over(self, container_id: str) -> None:
        """Begin the record of a container that already runs; idempotent."""
        known = self._looked_at if self._tools.monitor else self._tails
        if container_id not in known:
            self.touch(container_id, after_s=0.0)

    def tail(self, container_id: str) -> tuple[str, ...]:
        """The last lines of the container's output, redacted; also after its removal. Where the
        flight recorder keeps all output, it is asked."""
        monitor = self._tools.monitor
        if monitor is not None:
            return tuple(line.text for line in monitor.tail(container_id, TAIL_LINES))
        return self._tails.read(container_id)

    def gone(self, container_id: str) -> None:
        """The container was removed: end its log stream, keep what was read of it."""
        self._tails.stop(container_id)
        self._looked_at.discard(container_id)
        for project, seen in self._running.items():
            for name in [one for one, (known, _) in seen.items() if known == container_id]:
                del seen[name]
                self._departed.setdefault(project, set()).add(container_id)

    def forget(self, project: str) -> None:
        """The project is not in care any more, or was taken down."""
        present = {container_id for container_id, _ in self._running.pop(project, {}).values()}
        for container_id in present | self._departed.pop(project, set()):
            self._tails.forget(container_id)

    async def _look(self, container_id: str, after_s: float) -> None:
        await self._tools.clock.sleep(after_s)
        await self._tools.actions.idle(BUSY_S)
        self._pending.discard(container_id)
        try:
            inspection = await self._tools.engine.inspect(container_id)
            await self._keep(inspection)
        except (EngineError, EngineUnavailable):
            return
        except StateUnusable as error:
            log.error("record.not_kept", why=str(error))
            return
        self._looked_at.add(container_id)
        if self._tools.monitor is None:
            self._tails.follow(container_id, self._tools.secrets.redactor(inspection))

    async def _keep(self, inspection: Mapping[str, Any]) -> None:
        labels = (inspection.get("Config") or {}).get("Labels") or {}
        number = str(labels.get(LABEL_NUMBER, "0"))
        tools = self._tools
        seen = LastSeen(
            engine_id=tools.info.id,
            project=str(labels.get(LABEL_PROJECT, "")),
            container_id=str(inspection["Id"]),
            name=str(inspection["Name"]).lstrip("/"),
            service=str(labels.get(LABEL_SERVICE, "")),
            slot=int(number) if number.isdigit() else 0,
            seen_at=tools.clock.now(),
            running=bool((inspection.get("State") or {}).get("Running")),
            inspection=await seal_inspection(inspection, tools.vault),
            log_tail=self.tail(str(inspection["Id"]))[-20:],
        )
        known = await self._known(seen.project)
        older, _ = known.get(seen.name, ("", False))
        if older and older != seen.container_id:
            await tools.journal.forget_last_seen(tools.info.id, older)
        await tools.journal.put_last_seen(seen)
        known[seen.name] = (seen.container_id, seen.running)

    async def _known(self, project: str) -> dict[str, tuple[str, bool]]:
        if project not in self._running:
            tools = self._tools
            seen = await tools.journal.last_seen(tools.info.id, project)
            self._running[project] = {one.name: (one.container_id, one.running) for one in seen}
        return self._running[project]


async def kept_mounts(tools: Tools, project: Project) -> dict[str, tuple[Mount, ...]]:
    """Anonymous volumes of the project's containers as last seen, by container name."""
    named = {volume.name for volume in project.volumes.values()}
    found = {}
    for seen in await tools.journal.last_seen(tools.info.id, project.name):
        mounts = tuple(
            Mount(
                type="volume",
                source=str(entry["Name"]),
                target=str(entry["Destination"]),
                read_only=not entry.get("RW", True),
            )
            for entry in seen.inspection.get("Mounts") or ()
            if entry.get("Type") == "volume" and entry.get("Name") not in named
        )
        if mounts:
            found[seen.name] = mounts
    return found


async def forget_absent(
    tools: Tools, project: str, services: Iterable[Service], there: Collection[str]
) -> None:
    """Forget containers of ``services`` that are not ``there`` any more, now that all that shall be
    is: what was scaled away is not missed, and its anonymous volumes are not attached again."""
    names = {service.name for service in services}
    for seen in await tools.journal.last_seen(tools.info.id, project):
        if seen.service in names and seen.name not in there:
            await tools.journal.forget_last_seen(tools.info.id, seen.container_id)
