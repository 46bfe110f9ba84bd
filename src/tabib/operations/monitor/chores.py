"""What the recorder does beside its ticks: events, looks at the whole engine, sizes, upkeep."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace

import structlog

from tabib.model import metrics
from tabib.model.container import LABEL_NUMBER, LABEL_ONEOFF, LABEL_PROJECT, LABEL_SERVICE
from tabib.model.errors import TabibError
from tabib.model.event import Event
from tabib.model.sample import Batch, Reading, Subject
from tabib.operations.monitor.inventory import Inventory
from tabib.operations.monitor.parts import Parts
from tabib.operations.tasks import keep_running
from tabib.operations.tools import Tools

log = structlog.get_logger("tabib.recorder")

GAP_SEEN_S = 1.0
"""A gap in the events is noticed within this time."""
SIZES_EVERY_S = 900.0
"""The engine walks all files to measure layers and volumes."""
SIZES_FIRST_S = 60.0
SEAL_EVERY_S = 15.0
"""What is complete is brought into its lasting form, and what failed is tried again."""
PRUNE_EVERY_S = 60.0
TOGETHER_S = 0.5
"""Events of so long are written at once."""
_KEPT = frozenset(
    ("exitCode", "signal", "health", "image", "name", "oldName", "container", "type", "driver",
     "execDuration", "destination", "read/write", LABEL_PROJECT, LABEL_SERVICE, LABEL_NUMBER,
     LABEL_ONEOFF)
)  # fmt: skip
"""Attributes of an event worth keeping: other labels may hold anything, and stand in the
inspection."""


class Chores:
    """Keeps the inventory true and the stores in order."""

    def __init__(self, tools: Tools, parts: Parts, inventory: Inventory) -> None:
        self._tools = tools
        self._parts = parts
        self._inventory = inventory

    def start(self, group: asyncio.TaskGroup) -> None:
        """Begin all chores."""
        for work, what in (
            (self._inventory.run, "inventory"),
            (self._inventory.run_patient, "inventory of projects"),
            (self._follow, "record events"),
            (self._look, "look at all containers"),
            (self._measure, "measure sizes"),
            (self._seal, "seal the series"),
            (self._prune, "let go of what is too old"),
        ):
            keep_running(group, work, f"{what} {self._tools.address.url}", self._tools.clock)

    async def _follow(self) -> None:
        """Every event of the engine, into the inventory at once and into the store in batches."""
        tools = self._tools
        with tools.watch.listen(lambda event: True) as queue:
            while True:
                events = [await queue.get()]
                self._inventory.on_event(events[0])
                until = tools.clock.monotonic() + TOGETHER_S
                while (left := until - tools.clock.monotonic()) > 0:
                    try:
                        async with asyncio.timeout(left):
                            event = await queue.get()
                    except TimeoutError:
                        break
                    self._inventory.on_event(event)
                    events.append(event)
                await self._keep(events)

    async def _keep(self, events: Sequence[Event]) -> None:
        kept = []
        for event in events:
            redactor = self._inventory.redactor(event.id)
            attributes = {
                key: redactor.text(value) for key, value in event.attributes.items() if key in _KEPT
            }
            project = self._project_of(event)
            if project:
                attributes[LABEL_PROJECT] = project
            kept.append(replace(event, attributes=attributes))
        await self._parts.series.put_events(self._tools.info.id, kept)

    def _project_of(self, event: Event) -> str:
        """Whose network it is: its events carry no labels, but the container that joined or left,
        and the name that Compose gave it."""
        if event.kind != "network" or event.project:
            return ""
        container = self._inventory.ever(event.attributes.get("container", ""))
        if container is not None:
            return container.subject.project
        before, _, _ = event.name.rpartition("_")
        return before if self._inventory.has_project(before) else ""

    async def _look(self) -> None:
        """Look at the whole engine now and then, and after each gap in its events."""
        tools = self._tools
        seen = -1
        while True:
            await tools.watch.connected.wait()
            now = tools.watch.resyncs
            try:
                await self._inventory.refresh(every=now != seen)
                seen = now
            except TabibError as error:
                log.warning("recorder.look_failed", why=str(error))
            until = tools.clock.monotonic() + tools.glance.due_in()
            while tools.watch.resyncs == now and tools.clock.monotonic() < until:
                left_s = until - tools.clock.monotonic()
                await tools.clock.sleep(min(GAP_SEEN_S, max(0.0, left_s)))

    async def _measure(self) -> None:
        """Sizes of layers and volumes, at a slow rhythm and while nothing else is done."""
        tools = self._tools
        await tools.clock.sleep(SIZES_FIRST_S)
        while True:
            await tools.actions.idle(SIZES_EVERY_S)
            try:
                sizes = await tools.engine.sizes()
            except TabibError as error:
                log.warning("recorder.sizes_failed", why=str(error))
            else:
                for id, size in sizes.writable_layers.items():
                    self._inventory.size(id, size)
                await self._keep_volumes(sizes.volumes.items())
            await tools.clock.sleep(SIZES_EVERY_S)

    async def _keep_volumes(self, sizes: Iterable[tuple[str, int]]) -> None:
        place = metrics.index("volume", "size_bytes")
        readings = []
        for name, size in sizes:
            values: list[int | None] = [None] * len(metrics.VOLUME)
            values[place] = size
            subject = Subject(kind="volume", id=name, engine_id=self._tools.info.id, name=name)
            readings.append(Reading(subject=subject, values=tuple(values)))
        if readings:
            batch = Batch(at=self._tools.clock.now(), readings=tuple(readings))
            await self._parts.series.append(batch)

    async def _seal(self) -> None:
        """Bring older readings into chunks and rollups, beside the ticks."""
        while True:
            await self._tools.clock.sleep(SEAL_EVERY_S)
            await self._parts.series.maintain()

    async def _prune(self) -> None:
        """Let go of what is too old. The stores are shared by all engines: twice does no harm."""
        clock = self._tools.clock
        while True:
            await clock.sleep(PRUNE_EVERY_S)
            for store in (self._parts.series, self._parts.logs):
                try:
                    await store.prune(clock.now(), self._parts.retention)
                except TabibError as error:
                    log.warning("recorder.prune_failed", why=str(error))
