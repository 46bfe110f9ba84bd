"""The event stream of one engine: kept alive, remembered, and handed to whoever waits.

A lost connection is resumed from the last event seen; whatever the gap, a resync follows: a full
observation, since the engine's own history is a ring of 256.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

import structlog

from tabib.model.errors import EngineUnavailable, TabibError
from tabib.model.event import Event
from tabib.ports import Clock, Engine

log = structlog.get_logger("tabib.watch")

QUEUE_SIZE = 2048
HISTORY_SIZE = 512
RECONNECT_MAX_S = 5.0
OVERLAP_S = 1.0

OnEvent = Callable[[Event], None]
OnResync = Callable[[], Awaitable[None]]


class Queue:
    """A bounded queue of events for one listener; what does not fit is counted."""

    def __init__(self, accepts: Callable[[Event], bool]) -> None:
        self.accepts = accepts
        self.dropped = 0
        self._queue: asyncio.Queue[Event] = asyncio.Queue(QUEUE_SIZE)

    def put(self, event: Event) -> None:
        if not self.accepts(event):
            return
        try:
            self._queue.put_nowait(event)
        except asyncio.QueueFull:
            self.dropped += 1

    async def get(self) -> Event:
        return await self._queue.get()


class Watch:
    """Follows one engine's events. ``run`` lives in the daemon's task group."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._listeners: list[Queue] = []
        self._history: dict[str, deque[Event]] = {}
        self._last_ns: int | None = None
        self.connected = asyncio.Event()
        self.seen = 0
        self.resyncs = 0
        self.losses = 0
        """How often the stream ended."""
        self.kills: deque[tuple[datetime, str]] = deque(maxlen=HISTORY_SIZE)
        """The engine's last signals to any container, cared for or not: when, and its name."""
        self.on_event: OnEvent | None = None
        self.on_resync: OnResync | None = None
        self.on_lost: Callable[[], None] | None = None

    def resume_from(self, time_ns: int) -> None:
        """Ask the engine for what happened since ``time_ns`` (its clock) when first connecting."""
        self._last_ns = time_ns

    def history(self, project: str, id: str = "") -> list[Event]:
        """Recent events of a project's containers and networks, oldest first; of ``id`` alone
        where it is given."""
        found = [*self._history.get(project, ()), *self._history.get("", ())]
        if id:
            found = [event for event in found if event.id == id]
        return sorted(found, key=lambda event: event.time_ns)

    def forget(self, project: str) -> None:
        self._history.pop(project, None)

    @contextmanager
    def listen(self, accepts: Callable[[Event], bool]) -> Iterator[Queue]:
        """A queue that gets every event from now on that ``accepts`` says yes to."""
        queue = Queue(accepts)
        self._listeners.append(queue)
        try:
            yield queue
        finally:
            self._listeners.remove(queue)

    async def run(self) -> None:
        """Follow the stream for ever; never raises but for cancellation."""
        pause_s = 0.1
        while True:
            try:
                await self._follow()
            except EngineUnavailable as error:
                if self.connected.is_set():
                    log.warning("engine.disconnected", why=error.happened)
            except TabibError as error:
                log.error("engine.events_failed", why=str(error))
            except Exception:  # a mistake of ours: care goes on after a pause
                log.exception("watch.failed")
            self.losses += 1
            if self.on_lost is not None:
                self.on_lost()
            self.connected.clear()
            await self._clock.sleep(pause_s)
            pause_s = min(RECONNECT_MAX_S, pause_s * 2)
            if await self._answers():
                pause_s = 0.1

    async def _answers(self) -> bool:
        try:
            await self._engine.info()
        except TabibError:
            return False
        return True

    async def _follow(self) -> None:
        if self._last_ns is None:
            # A little overlap: what happens while the connection is made must not be missed.
            self._last_ns = int((self._clock.now().timestamp() - OVERLAP_S) * 1e9)
        lost: list[Exception] = []
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._resync())
                async for event in self._engine.events(self._last_ns + 1):
                    self._handle(event)
                raise EngineUnavailable("the event stream ended", attempted="follow events")
        except* TabibError as failed:
            lost += failed.exceptions
        if lost:
            raise lost[0]

    async def _resync(self) -> None:
        self.connected.set()
        self.resyncs += 1
        if self.on_resync is not None:
            await self.on_resync()

    def _handle(self, event: Event) -> None:
        self.seen += 1
        self._last_ns = max(event.time_ns, self._last_ns or 0)
        if event.kind == "container" and event.action == "kill":
            self.kills.append((event.at, event.name))
        # Networks' events carry no labels: they are kept for every project to look at.
        if event.project or event.kind == "network":
            ring = self._history.setdefault(event.project, deque(maxlen=HISTORY_SIZE))
            ring.append(event)
        for queue in self._listeners:
            queue.put(event)
        if self.on_event is not None:
            self.on_event(event)
