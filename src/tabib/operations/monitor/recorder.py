"""The flight recorder of one engine: reads at each tick, keeps what it read, shows what is now."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import structlog

from tabib.decide.inventory import Entry, known_values
from tabib.decide.rhythm import CLOSE_S, Moment, Rhythm, rhythm
from tabib.model.kept_log import KeptLine, LogPattern
from tabib.model.metrics import CONTAINER
from tabib.model.process import Look, ProcessRecord
from tabib.model.sample import Batch, Known, Missing, Reading, Target
from tabib.operations.monitor.chores import Chores
from tabib.operations.monitor.inventory import Inventory
from tabib.operations.monitor.log_keeper import LogKeeper
from tabib.operations.monitor.monitor import Live, RecorderStatus, Watchers
from tabib.operations.monitor.parts import Parts
from tabib.operations.monitor.processes import ProcessRecorder
from tabib.operations.monitor.remote import RemoteStats
from tabib.operations.tasks import keep_running, spawn
from tabib.operations.tools import Tools

log = structlog.get_logger("tabib.recorder")

STOPPED_EVERY_S = 60.0
"""Containers that do not run have nothing but a state: once a minute is enough to say so."""
COLLECT_S = 2.0
"""While something is written: a file that is kept open can be read after it was removed, but not
after it was rotated twice. Silent ones are looked at with each tick."""


class Recorder:
    """See :class:`~tabib.operations.monitor.monitor.Monitor`. Tasks live in ``group``."""

    def __init__(self, tools: Tools, parts: Parts, group: asyncio.TaskGroup) -> None:
        self._tools = tools
        self._parts = parts
        self._group = group
        self.series = parts.series
        self.logs = parts.logs
        self.inventory = Inventory(tools, parts.series)
        self._chores = Chores(tools, parts, self.inventory)
        self._keeper = LogKeeper(
            engine=tools.engine,
            store=parts.logs,
            clock=tools.clock,
            group=group,
            engine_id=tools.info.id,
            redactor_of=self.inventory.known_redactor,
        )
        self._processes = ProcessRecorder(tools, parts, self.inventory)
        self._remote = RemoteStats(tools.engine, group)
        self._watchers = Watchers()
        self._live: dict[tuple[str, str], Live] = {}
        self._wake = asyncio.Event()
        self._rhythm = Rhythm(parts.usual_s, "usual")
        self._trouble_at: float | None = None
        self._acted_at: float | None = None
        self._stopped_at = float("-inf")
        self._tick_s = 0.0
        self._ticks = 0
        self.inventory.on_change = self._changed
        self.inventory.on_gone = self._gone
        self.inventory.on_ours = self._acted
        self.inventory.on_inspected = self._processes.inspected

    def start(self) -> None:
        """Begin to record."""
        self._chores.start(self._group)
        self._processes.start(self._group)
        url, clock = self._tools.address.url, self._tools.clock
        keep_running(self._group, self._run, f"sample {url}", clock)
        keep_running(self._group, self._collect, f"collect logs {url}", clock)

    def close(self) -> None:
        """Let go of the kernel. The stores are their owner's to close."""
        self._processes.close()
        if self._parts.sampler is not None:
            self._parts.sampler.close()

    # ── ticks ──────────────────────────────────────────────────────────────────────────────────

    async def _run(self) -> None:
        clock = self._tools.clock
        due = clock.monotonic()
        while True:
            await self._tick()
            self._rhythm = rhythm(self._moment(), self._parts.usual_s)
            due = max(due + self._rhythm.interval_s, clock.monotonic())
            if await self._woken(due - clock.monotonic()):
                due = clock.monotonic()

    async def _woken(self, after_s: float) -> bool:
        """Sleep until then, or until somebody begins to watch: whether that was so."""
        sleeping = asyncio.ensure_future(self._tools.clock.sleep(after_s))
        waking = asyncio.ensure_future(self._wake.wait())
        try:
            await asyncio.wait((sleeping, waking), return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            waking.cancel()
        woken = self._wake.is_set()
        self._wake.clear()
        return woken

    def _moment(self) -> Moment:
        now = self._tools.clock.monotonic()
        if self._parts.troubled():
            self._trouble_at = now
        if self._tools.ownership.acting:
            self._acted_at = now
        return Moment(
            watchers=len(self._watchers.queues),
            trouble_age_s=None if self._trouble_at is None else now - self._trouble_at,
            operation_age_s=None if self._acted_at is None else now - self._acted_at,
        )

    async def _tick(self) -> None:
        clock = self._tools.clock
        begun, at = clock.monotonic(), clock.now()
        readings = (*await self._read(), *self._stopped(begun))
        batch = Batch(at=at, readings=readings)
        self._remember(batch)
        await self.series.append(batch)
        self._watchers.tell(batch)
        self._tick_s = clock.monotonic() - begun
        self._ticks += 1

    async def _collect(self) -> None:
        """Logs, in a task of their own: a slow disk must not hold up the figures."""
        while True:
            found = await self._keeper.collect()
            interval_s = self._rhythm.interval_s
            await self._tools.clock.sleep(min(interval_s, COLLECT_S) if found else interval_s)

    async def _read(self) -> list[Reading]:
        targets = [
            Target(
                subject=entry.subject,
                pid=entry.pid,
                known=known_values(entry, self._keeper.bytes(entry.id)),
            )
            for entry in self.inventory.entries.values()
            if entry.runs
        ]
        if self._parts.sampler is None:
            return self._remote.readings(targets)
        return await asyncio.to_thread(self._parts.sampler.sample, targets)

    def _stopped(self, now: float) -> list[Reading]:
        if now - self._stopped_at < STOPPED_EVERY_S:
            return []
        self._stopped_at = now
        return [_state_alone(one) for one in self.inventory.entries.values() if not one.runs]

    def _remember(self, batch: Batch) -> None:
        there = self.inventory.entries
        # What is read less often than at each tick stays until its container is gone.
        live = {
            key: old for key, old in self._live.items() if key[0] == "container" and key[1] in there
        }
        for reading in batch.readings:
            key = (reading.subject.kind, reading.subject.id)
            old = self._live.get(key)
            live[key] = Live(
                known=Known(
                    subject=reading.subject,
                    first_seen=old.known.first_seen if old else batch.at,
                    last_seen=batch.at,
                ),
                at=batch.at,
                values=reading.values,
                before_at=old.at if old else None,
                before=old.values if old else None,
            )
        self._live = live

    def _changed(self, entry: Entry) -> None:
        self._keeper.watch(entry.id, entry.subject.name, entry.log_driver, entry.log_path)
        if entry.status in ("exited", "dead"):
            self._keeper.died(entry.id)
        if not entry.runs:
            reading = _state_alone(entry)
            batch = Batch(at=self._tools.clock.now(), readings=(reading,))
            spawn(self._group, self.series.append(batch), "record a state")

    def _acted(self) -> None:
        """Something of ours was started: a release is looked at closely."""
        self._acted_at = self._tools.clock.monotonic()
        if self._rhythm.interval_s > CLOSE_S:
            self._wake.set()

    def _gone(self, entry: Entry) -> None:
        self._keeper.gone(entry.id)
        self._processes.gone(entry.id)

    # ── what the daemon sees ───────────────────────────────────────────────────────────────────

    def status(self) -> RecorderStatus:
        sampler = self._parts.sampler
        missing: tuple[Missing, ...] = (
            *(sampler.missing if sampler else (_OUT_OF_REACH,)),
            *self._processes.missing,
            *self._keeper.missing,
        )
        trouble = [self.series.status().trouble, self.logs.status().trouble]
        return RecorderStatus(
            interval_s=self._rhythm.interval_s,
            why=self._rhythm.why,
            containers=len(self.inventory.entries),
            tick_seconds=round(self._tick_s, 4),
            ticks=self._ticks,
            processes=self._processes.count,
            processes_lost=self._processes.overflows,
            missing=missing,
            trouble=tuple(one for one in trouble if one),
        )

    def live(self, kind: str) -> list[Live]:
        return [one for (found, _), one in self._live.items() if found == kind]

    def running(self, container_id: str) -> list[ProcessRecord]:
        return self._processes.running(container_id)

    async def looks(self, container_ids: Sequence[str]) -> list[Look]:
        return await self._processes.looks(container_ids)

    async def flush(self) -> None:
        await asyncio.gather(self._processes.flush(), self._keeper.collect())

    def tail(self, container_id: str, lines: int) -> list[KeptLine]:
        return self._keeper.tail(container_id, lines)

    async def patterns(self, container_id: str) -> list[LogPattern]:
        return self._keeper.patterns(container_id)

    @contextmanager
    def watching(self) -> Iterator[asyncio.Queue[Batch]]:
        with self._watchers.join() as queue:
            self._wake.set()
            yield queue


_OUT_OF_REACH = Missing(
    what="figures of cgroups and processes",
    why="the engine runs on another machine, or in another namespace",
    how="Run the tabib daemon on the engine's own machine; meanwhile the engine's own statistics "
    "are used.",
)


def _state_alone(entry: Entry) -> Reading:
    known: dict[str, Any] = known_values(entry)
    return Reading(subject=entry.subject, values=tuple(known.get(one.name) for one in CONTAINER))
