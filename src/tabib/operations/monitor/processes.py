"""Process records of one engine: the kernel's events, through the table, into the store."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import structlog

from tabib.decide.processes import ProcessTable, ended_unseen
from tabib.model.errors import TabibError
from tabib.model.process import KernelEvent, Look, ProcessRecord
from tabib.model.sample import Missing
from tabib.operations.monitor.inventory import Inventory
from tabib.operations.monitor.parts import Parts
from tabib.operations.tasks import keep_running
from tabib.operations.tools import Tools

log = structlog.get_logger("tabib.processes")

FLUSH_S = 0.5
SETTLED_S = 3.0
"""So long after the kernel's last word nothing in the table is waiting for time to pass."""
RESCAN_PAUSE_S = 1.0
UNKNOWN_S = 10.0
"""A record of a container that the engine has not told of waits this long: then it belongs to
another engine of this machine, or its secrets cannot be known any more."""
_WAITING = 100_000
_OPEN = 100_000


@dataclass(frozen=True, slots=True)
class _Waiting:
    since: float
    record: ProcessRecord
    clean: bool
    """Made when the container's secrets were known: nothing is left to take out."""


class ProcessRecorder:
    """Everything about processes that the recorder of one engine does."""

    def __init__(self, tools: Tools, parts: Parts, inventory: Inventory) -> None:
        self._tools = tools
        self._series = parts.series
        self._streams = parts.streams
        self._inventory = inventory
        self._table = ProcessTable(tools.info.id, _boot_at())
        self._waiting: list[_Waiting] = []
        self._rescan = asyncio.Event()
        self._heard = asyncio.Event()
        """Something changed that a flush may find: at rest nobody is woken."""
        self._flushing = asyncio.Lock()
        self.unplaced = 0
        """Records that were let go: their container was never heard of."""

    @property
    def missing(self) -> tuple[Missing, ...]:
        return self._streams.missing if self._streams else ()

    @property
    def count(self) -> int:
        """Processes that run in containers now."""
        return sum(len(self._table.running(id)) for id in self._table.containers())

    @property
    def overflows(self) -> int:
        """How often a stream of the kernel lost events."""
        return self._table.lost

    def start(self, group: asyncio.TaskGroup) -> None:
        """Open the kernel's streams and record what they tell."""
        if self._streams is None:
            return
        self._streams.start(self._take)
        self._rescan.set()
        clock = self._tools.clock
        keep_running(group, self._scan, "scan processes", clock)
        keep_running(group, self._flush, "record processes", clock)

    def inspected(self, container_id: str) -> None:
        """The container's secrets are known now."""
        self._table.know_secrets(container_id, self._inventory.redactor(container_id))

    def gone(self, container_id: str) -> None:
        """The container was removed."""
        self._table.forget(container_id)

    def running(self, container_id: str) -> list[ProcessRecord]:
        # A moment after its start its secrets may not be known: then nothing is told yet.
        if not self._inventory.inspected(container_id):
            return []
        return self._table.running(container_id)

    async def looks(self, container_ids: Sequence[str]) -> list[Look]:
        streams = self._streams
        if streams is None:
            return []
        wanted = set(container_ids)
        pids = [one.pid for id in wanted for one in self._table.running(id)]
        found = await asyncio.to_thread(lambda: [streams.look(pid) for pid in pids])
        return [look for look in found if look is not None and look.container_id in wanted]

    def close(self) -> None:
        if self._streams is not None:
            self._streams.close()

    # ── the tasks ──────────────────────────────────────────────────────────────────────────────

    def _take(self, events: Sequence[KernelEvent]) -> None:
        assert self._streams is not None
        self._add(self._table.take(events, self._streams.look))
        self._heard.set()
        if self._table.rescan_needed:
            self._rescan.set()

    async def _scan(self) -> None:
        """All of ``/proc``: at the start, and after a stream lost something."""
        assert self._streams is not None
        first, told = True, 0
        while True:
            await self._rescan.wait()
            self._rescan.clear()
            if self._table.lost > told:
                told = self._table.lost
                log.warning("processes.overflow", times=told, what="scanning /proc")
            at_ns = _boot_ns()
            looks = await asyncio.to_thread(self._streams.scan)
            self._add(self._table.adopt(looks, at_ns))
            # What was not found any more is settled later.
            self._heard.set()
            if first:
                await self._close_old(looks)
                first = False
            await self._tools.clock.sleep(RESCAN_PAUSE_S)

    async def _close_old(self, looks: Sequence[Look]) -> None:
        """What ran when the last daemon went, and does not any more."""
        now = self._tools.clock.now()
        try:
            kept = await self._series.processes(
                self._tools.info.id, since=now, until=now, limit=_OPEN
            )
        except TabibError as error:
            log.warning("processes.not_read", why=str(error))
            return
        self._add(ended_unseen(kept, looks, now))

    def _add(self, records: Sequence[ProcessRecord]) -> None:
        now = self._tools.clock.monotonic()
        self._waiting += [
            _Waiting(now, one, self._inventory.inspected(one.container_id)) for one in records
        ]
        if records:
            self._heard.set()

    async def _flush(self) -> None:
        clock = self._tools.clock
        heard_at = float("-inf")
        while True:
            if not self._waiting and clock.monotonic() - heard_at > SETTLED_S:
                await self._heard.wait()
            if self._heard.is_set():
                self._heard.clear()
                heard_at = clock.monotonic()
            await clock.sleep(FLUSH_S)
            self._table.set_boot_at(_boot_at())
            await self.flush()

    async def flush(self) -> None:
        """Write the records that are ready. One of a container whose secrets are not known yet
        waits until they are."""
        if self._streams is None:
            return
        async with self._flushing:
            self._add(self._table.settle(_boot_ns(), self._streams.look))
            now = self._tools.clock.monotonic()
            waiting, self._waiting = self._waiting, []
            due: list[ProcessRecord] = []
            for one in waiting:
                if one.clean or self._inventory.inspected(one.record.container_id):
                    due.append(one.record if one.clean else self._redacted(one.record))
                elif now - one.since < UNKNOWN_S:
                    self._waiting.append(one)
                else:
                    self.unplaced += 1
            self.unplaced += len(self._waiting[:-_WAITING])
            self._waiting = self._waiting[-_WAITING:]
            if due:
                await self._series.put_processes(due)

    def _redacted(self, record: ProcessRecord) -> ProcessRecord:
        text = self._inventory.redactor(record.container_id).text
        return replace(record, command=text(record.command), name=text(record.name))


def _boot_ns() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def _boot_at() -> datetime:
    """When CLOCK_BOOTTIME was zero, by the wall clock of now."""
    return datetime.fromtimestamp((time.time_ns() - _boot_ns()) / 1e9, UTC)
