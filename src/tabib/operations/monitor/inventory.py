"""Every container on the engine, in care or not: kept up to date by events, checked by looks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import structlog

from tabib.decide import inventory
from tabib.decide.casefile import redacted
from tabib.decide.inventory import LOOKED_AT, Entry
from tabib.decide.redact import Redactor
from tabib.model.container import LABEL_OWNER
from tabib.model.errors import NotFound, TabibError
from tabib.model.event import Event
from tabib.operations.tools import Tools
from tabib.ports import Series

log = structlog.get_logger("tabib.inventory")

PATIENCE_S = 2.0
"""A container that an operation of ours just started is looked at once that has ended, or after
this long: while a project comes up, the engine has better to do."""
_GONE = 4096
"""Removed containers that are still known by name, for what is told of them late."""


class Inventory:
    """The containers of one engine. ``on_change`` hears of each entry that is new or has changed,
    ``on_gone`` of each that was removed, ``on_inspected`` of each whose secrets are known now,
    ``on_ours`` when a container that tabib made was started."""

    def __init__(self, tools: Tools, series: Series) -> None:
        self._tools = tools
        self._series = series
        self._entries: dict[str, Entry] = {}
        self._redactors: dict[str, Redactor] = {}
        self._gone: dict[str, Entry] = {}
        self._waiting: asyncio.Queue[str] = asyncio.Queue()
        self._patient: asyncio.Queue[tuple[str, float]] = asyncio.Queue()
        self._asked: set[str] = set()
        self._oneoffs: set[str] = set()
        self.on_change: Callable[[Entry], None] = lambda entry: None
        self.on_gone: Callable[[Entry], None] = lambda entry: None
        self.on_ours: Callable[[], None] = lambda: None
        self.on_inspected: Callable[[str], None] = lambda container_id: None

    @property
    def entries(self) -> Mapping[str, Entry]:
        """Container id → what is there now."""
        return self._entries

    def ever(self, container_id: str) -> Entry | None:
        """The container, also when it was removed lately."""
        return self._entries.get(container_id) or self._gone.get(container_id)

    def has_project(self, name: str) -> bool:
        """Whether a container of that project is there, or was lately."""
        known = (*self._entries.values(), *self._gone.values())
        return bool(name) and any(one.subject.project == name for one in known)

    def inspected(self, container_id: str) -> bool:
        """Whether it was, so that its secrets are known."""
        return container_id in self._redactors

    def known_redactor(self, container_id: str) -> Redactor | None:
        """What takes the container's secrets out of text; None until it was inspected."""
        return self._redactors.get(container_id)

    def redactor(self, container_id: str) -> Redactor:
        """What takes the container's secrets out of text; patterns alone until it was inspected."""
        return self._redactors.get(container_id) or Redactor()

    def size(self, container_id: str, writable_layer_bytes: int) -> None:
        """Note the size of a container's writable layer."""
        entry = self._entries.get(container_id)
        if entry is not None:
            self._entries[entry.id] = replace(entry, writable_layer_bytes=writable_layer_bytes)

    def on_event(self, event: Event) -> None:
        """Take in an event of a container; never blocks."""
        if event.kind != "container":
            return
        entry = self._entries.get(event.id)
        if event.action == "destroy":
            self._remove(event.id)
            return
        if entry is None:
            image = event.attributes.get("image", "")
            subject = inventory.subject_of(
                self._tools.info.id, event.id, event.name, image, event.attributes
            )
            entry = Entry(subject=subject, status="created")
        self._put(inventory.after(entry, event))
        if event.action == "start" and _ours(event):
            self.on_ours()
        # Of a container that we make ourselves, the start tells all that its creation would; one
        # that runs once may be gone by then.
        late = event.action == "create" and _ours(event) and not event.oneoff
        if event.oneoff:
            self._oneoffs.add(event.id)
        if event.action in LOOKED_AT and not late:
            self._ask(event.id)

    async def refresh(self, *, every: bool = False) -> None:
        """Look at the whole engine: what was missed is added, what is gone removed. ``every``:
        inspect all that runs anew, since processes may have changed unseen.

        :raises TabibError: the engine does not answer.
        """
        observed = await self._tools.glance.look(anew=every)
        present = {state.id for state in observed.containers}
        for state in observed.containers:
            known = self._entries.get(state.id)
            entry = inventory.from_row(self._tools.info.id, state, known)
            if entry != known:
                self._put(entry)
            blind = entry.status == "running" and not entry.pid
            if every or blind or not self.inspected(state.id):
                self._ask(state.id)
        for id in [id for id in self._entries if id not in present]:
            self._remove(id)

    async def run(self) -> None:
        """Inspect what was asked for, one after the other, for ever."""
        while True:
            await self._try(await self._waiting.get())

    async def run_patient(self) -> None:
        """The same for what can wait while an operation of ours is at work."""
        clock = self._tools.clock
        while True:
            id, asked_at = await self._patient.get()
            left_s = asked_at + PATIENCE_S - clock.monotonic()
            if left_s > 0 and self._tools.ownership.acting:
                await self._tools.actions.idle(left_s)
            await self._try(id)

    async def _try(self, id: str) -> None:
        self._asked.discard(id)
        try:
            await self._look(id)
        except NotFound:
            return
        except TabibError as error:
            log.warning("inventory.not_inspected", container=id[:12], why=str(error))

    async def _look(self, id: str) -> None:
        inspection = await self._tools.engine.inspect(id)
        tools = self._tools
        redactor = tools.secrets.redactor(inspection)
        self._redactors[id] = redactor
        self.on_inspected(id)
        entry = inventory.from_inspection(tools.info.id, inspection)
        known = self._entries.get(id)
        if known is None:
            # Removed while it was inspected: still worth keeping.
            self._gone[id] = entry
        else:
            self._put(replace(entry, writable_layer_bytes=known.writable_layer_bytes))
        await self._series.put_inspection(
            tools.info.id, id, tools.clock.now(), self._kept(inspection, redactor)
        )

    def _kept(self, inspection: Mapping[str, Any], redactor: Redactor) -> Mapping[str, Any]:
        kept: Mapping[str, Any] = redactor.tree(redacted(inspection))
        return kept

    def _ask(self, id: str) -> None:
        if id not in self._asked:
            self._asked.add(id)
            entry = self._entries.get(id)
            project = entry.subject.project if entry else ""
            if project and self._tools.ownership.acting and id not in self._oneoffs:
                self._patient.put_nowait((id, self._tools.clock.monotonic()))
            else:
                self._waiting.put_nowait(id)

    def _put(self, entry: Entry) -> None:
        self._entries[entry.id] = entry
        self.on_change(entry)

    def _remove(self, id: str) -> None:
        entry = self._entries.pop(id, None)
        self._oneoffs.discard(id)
        if entry is None:
            return
        self._gone[id] = replace(entry, pid=0)
        while len(self._gone) > _GONE:
            oldest = next(iter(self._gone))
            del self._gone[oldest]
            self._redactors.pop(oldest, None)
        self.on_gone(entry)


def _ours(event: Event) -> bool:
    return LABEL_OWNER in event.attributes
