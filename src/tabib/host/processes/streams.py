"""The streams together: one descriptor on the event loop, batches in the order of time.

The order of reading matters. The kernel tells of a process first to tracefs (moved, signalled,
executed), then to taskstats, last to the proc connector. The connector is read first: whatever
belongs to what it told is then found in the others.
"""

from __future__ import annotations

import asyncio
import os
import select
import time
from collections.abc import Callable, Sequence
from operator import attrgetter

from tabib.host.processes import scan as proc
from tabib.host.processes.connector import Connector
from tabib.host.processes.missing import no_connector, no_taskstats, no_tracing
from tabib.host.processes.taskstats import Taskstats, Threads
from tabib.host.processes.tracing import Tracing
from tabib.model.process import KernelEvent, Look
from tabib.model.sample import Missing

BUFFER_BYTES = 64 * 1024 * 1024
_MESSAGES = 128
"""Of a socket, at one turn of the loop: about a millisecond."""
_PAGES = 4
_ROOT_PID_NAMESPACE = 0xEFFFFFFC
"""PROC_PID_INIT_INO of ``linux/proc_ns.h``: elsewhere the connector accepts and stays silent."""

OnEvents = Callable[[Sequence[KernelEvent]], None]
_time_of = attrgetter("at_ns")


class LinuxStreams:
    """The adapter of ``ports.KernelStreams``. What cannot be opened stands in ``missing``."""

    def __init__(self, buffer_bytes: int = BUFFER_BYTES) -> None:
        self._buffer_bytes = buffer_bytes
        self._missing: list[Missing] = []
        self._connector: Connector | None = None
        self._taskstats: Taskstats | None = None
        self._tracing: Tracing | None = None
        self._poll: select.epoll | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._on_events: OnEvents | None = None
        self.longest_turn_s = 0.0
        """The longest time for which one turn held the event loop."""

    def start(self, on_events: OnEvents) -> None:
        self._on_events = on_events
        self._loop = asyncio.get_running_loop()
        self._open()
        self._poll = select.epoll()
        for stream in (self._connector, self._taskstats):
            if stream is not None:
                self._poll.register(stream.fileno(), select.EPOLLIN)
        for descriptor in self._tracing.buffers if self._tracing else ():
            self._poll.register(descriptor, select.EPOLLIN)
        self._loop.add_reader(self._poll.fileno(), self._turn)

    def scan(self) -> list[Look]:
        return proc.scan()

    def look(self, pid: int) -> Look | None:
        return proc.look(pid)

    @property
    def missing(self) -> tuple[Missing, ...]:
        return tuple(self._missing)

    def close(self) -> None:
        if self._poll is not None:
            if self._loop is not None and not self._loop.is_closed():
                self._loop.remove_reader(self._poll.fileno())
            self._poll.close()
            self._poll = None
        for stream in (self._connector, self._taskstats, self._tracing):
            if stream is not None:
                stream.close()
        self._connector = self._taskstats = self._tracing = None

    def _open(self) -> None:
        if not in_root_pid_namespace():
            self._missing.append(no_connector(None))
            return
        threads = Threads(os.uname().release)
        try:
            self._connector = Connector(
                self._buffer_bytes, threads.born if threads.needed else None
            )
        except OSError as error:
            # The others tell of processes that only the connector introduces.
            self._missing.append(no_connector(error))
            return
        try:
            self._taskstats = Taskstats(self._buffer_bytes, threads)
        except OSError as error:
            self._missing.append(no_taskstats(error))
        try:
            self._tracing = Tracing()
        except OSError as error:
            self._missing.append(no_tracing(error))

    def _turn(self) -> None:
        """Read a bounded part of what is there; what is left makes the descriptor ready again."""
        begun = time.perf_counter()
        events: list[KernelEvent] = []
        ready = self._ready()
        if self._connector is not None and self._connector.fileno() in ready:
            events += self._connector.read(_MESSAGES)[0]
            # What belongs to it arrived while it was read.
            ready |= self._ready()
        usages: list[KernelEvent] = []
        if self._taskstats is not None and self._taskstats.fileno() in ready:
            usages = self._taskstats.read(_MESSAGES)[0]
        traced = self._traced(ready)
        if traced:
            events = sorted([*traced, *events], key=_time_of)
        if self._on_events is not None and (events or usages):
            self._on_events([*events, *usages])
        self.longest_turn_s = max(self.longest_turn_s, time.perf_counter() - begun)

    def _ready(self) -> set[int]:
        return {descriptor for descriptor, _ in self._poll.poll(0)} if self._poll else set()

    def _traced(self, ready: set[int]) -> list[KernelEvent]:
        if self._tracing is None:
            return []
        waiting = [descriptor for descriptor in self._tracing.buffers if descriptor in ready]
        return [event for one in waiting for event in self._tracing.read(one, _PAGES)[0]]


def in_root_pid_namespace() -> bool:
    """Whether process ids here are the host's."""
    try:
        return os.stat("/proc/self/ns/pid").st_ino == _ROOT_PID_NAMESPACE
    except OSError:
        return False
