"""The memory engine's event stream: order, history, subscribers, and what faults do to it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime, timedelta

from tabib.engines.memory.faults import Faults
from tabib.model.errors import EngineUnavailable
from tabib.model.event import Event

HISTORY = 256
"""The real engine keeps this many events, ``exec_*`` ones included."""
EXEC_EVENTS_PER_PROBE = 3
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Deliver = Callable[[float, Callable[[], None]], None]


class EventBus:
    """Numbers events, remembers the last :data:`HISTORY`, hands them to subscribers."""

    def __init__(self, now: Callable[[], datetime], faults: Faults, after: Deliver) -> None:
        self._now = now
        self._faults = faults
        self._after = after
        self._last_ns = 0
        self.silent = False
        """The engine is not there to tell."""
        self.history: deque[Event | None] = deque(maxlen=HISTORY)
        self.log: list[Event] = []
        """Every event ever, as it truly happened: for assertions."""
        self._queues: set[asyncio.Queue[Event | None]] = set()

    def emit(
        self, kind: str, action: str, id: str, name: str, attributes: Mapping[str, str]
    ) -> None:
        if self.silent:
            return
        at = self._now()
        time_ns = (at - _EPOCH) // timedelta(microseconds=1) * 1000
        self._last_ns = max(time_ns, self._last_ns + 1)
        event = Event(
            at=at,
            time_ns=self._last_ns,
            kind=kind,
            action=action,
            id=id,
            name=name or (id if kind == "volume" else ""),
            attributes={**attributes, "name": name} if name else dict(attributes),
        )
        self.log.append(event)
        self.history.append(event)
        for delay_s in self._faults.deliveries(event):
            if delay_s:
                self._after(delay_s, lambda: self._deliver(event))
            else:
                self._deliver(event)

    def probe_noise(self) -> None:
        """A health check ran: its ``exec_*`` events push others out of the history."""
        self.history.extend([None] * EXEC_EVENTS_PER_PROBE)

    def _deliver(self, event: Event) -> None:
        for queue in self._queues:
            queue.put_nowait(event)

    def disconnect(self) -> None:
        """Break every event stream."""
        for queue in self._queues:
            queue.put_nowait(None)

    async def subscribe(self, since_ns: int | None) -> AsyncIterator[Event]:
        """Events from now on, after those of the history that are not older than ``since_ns``.

        :raises EngineUnavailable: the stream broke.
        """
        queue: asyncio.Queue[Event | None] = asyncio.Queue()
        if since_ns is not None:
            for past in self.history:
                if past is not None and past.time_ns >= since_ns:
                    queue.put_nowait(past)
        self._queues.add(queue)
        try:
            while (event := await queue.get()) is not None:
                yield event
        finally:
            self._queues.discard(queue)
        raise EngineUnavailable("the event stream ended", attempted="watch events")
