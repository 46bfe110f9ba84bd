"""The streams together: one descriptor on the event loop, batches in the order of time.

The order of reading matters. The kernel tells of a process first to tracefs (moved, signalled,
executed), then to taskstats, last to the proc connector. The connector is read first: whatever
belongs to what it told is then found in the others.
"""

from __future__ import annotations

import asyncio
import select
import time
from collections.abc import Callable, Sequence
from operator import attrgetter

from tabib.host.processes import scan as proc
from tabib.host.processes.connector import Connector
from tabib.host.processes.executions import Executions
from tabib.host.processes.missing import (
    foreign_namespace,
    no_connector,
    no_executions,
    no_taskstats,
    no_tracing,
    not_on_host,
)
from tabib.host.processes.taskstats import Taskstats
from tabib.host.processes.threads import Threads
from tabib.host.processes.tracing import Tracing
from tabib.model.process import KernelEvent, Look
from tabib.model.sample import Missing

BUFFER_BYTES = 64 * 1024 * 1024
_MESSAGES = 48
"""Of a socket, at one turn of the loop: about a millisecond."""
_PAGES = 2
_REST_S = 0.01

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
        self._executions: Executions | None = None
        self._poll: select.epoll | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._on_events: OnEvents | None = None
        self._resting: asyncio.TimerHandle | None = None
        self.longest_turn_s = 0.0
        """The longest that one turn held the event loop, in CPU time of its thread."""

    def start(self, on_events: OnEvents) -> None:
        self._on_events = on_events
        self._loop = asyncio.get_running_loop()
        self._open()
        self._poll = select.epoll()
        for stream in (self._connector, self._taskstats):
            if stream is not None:
                self._poll.register(stream.fileno(), select.EPOLLIN)
        for buffered in (self._tracing, self._executions):
            for descriptor in buffered.buffers if buffered else ():
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
        if self._resting is not None:
            self._resting.cancel()
        if self._poll is not None:
            if self._loop is not None and not self._loop.is_closed():
                self._loop.remove_reader(self._poll.fileno())
            self._poll.close()
            self._poll = None
        for stream in (self._connector, self._taskstats, self._executions, self._tracing):
            if stream is not None:
                stream.close()
        self._connector = self._taskstats = self._executions = self._tracing = None

    def _open(self) -> None:
        foreign = foreign_namespace()
        if foreign:
            self._missing.append(not_on_host(foreign))
            return
        threads = Threads()
        try:
            self._connector = Connector(self._buffer_bytes, threads.born)
        except OSError as error:
            # The others tell of processes that only the connector introduces.
            self._missing.append(no_connector(error))
            return
        try:
            self._taskstats = Taskstats(self._buffer_bytes, threads)
        except OSError as error:
            self._missing.append(no_taskstats(error))
        try:
            self._tracing = Tracing(threads)
        except OSError as error:
            self._missing.append(no_tracing(error))
            return
        try:
            self._executions = Executions(self._tracing.exec_format)
        except (OSError, ValueError) as error:
            self._missing.append(no_executions(error))
            return
        self._tracing.without_exec()
        self._connector.read_commands = False

    def _turn(self) -> None:
        """Read a bounded part of what is there, hand it over, and rest where nothing hurries."""
        begun = time.thread_time()
        try:
            more = self._read()
        except OSError as error:
            # A stream that fails now would fail at each turn.
            self._failed(error)
            return
        self.longest_turn_s = max(self.longest_turn_s, time.thread_time() - begun)
        if not more:
            self._rest()

    def _failed(self, error: OSError) -> None:
        self.close()
        self._missing.append(no_connector(error))
        if self._on_events is not None:
            now_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
            self._on_events([KernelEvent("lost", now_ns, 0, text=str(error))])

    def _read(self) -> bool:
        """Whether there may be more."""
        events: list[KernelEvent] = []
        ready = self._ready()
        more = False
        if self._connector is not None and self._connector.fileno() in ready:
            events, more = self._connector.read(_MESSAGES)
            # What belongs to it arrived while it was read.
            ready |= self._ready()
        usages: list[KernelEvent] = []
        if self._taskstats is not None and self._taskstats.fileno() in ready:
            usages, left = self._taskstats.read(_MESSAGES)
            more = more or left
        traced = self._traced(ready)
        if traced:
            events = sorted([*traced, *events], key=_time_of)
        if self._on_events is not None and (events or usages):
            self._on_events([*events, *usages])
        return more

    def _rest(self) -> None:
        """Let events gather, where none is of less use later: it saves turns of the loop.

        Without samples of executions each must be looked at while the process lives.
        """
        if self._executions is None or self._poll is None or self._loop is None:
            return
        self._loop.remove_reader(self._poll.fileno())
        self._resting = self._loop.call_later(_REST_S, self._wake)

    def _wake(self) -> None:
        if self._poll is not None and self._loop is not None:
            self._loop.add_reader(self._poll.fileno(), self._turn)

    def _ready(self) -> set[int]:
        return {descriptor for descriptor, _ in self._poll.poll(0)} if self._poll else set()

    def _traced(self, ready: set[int]) -> list[KernelEvent]:
        found: list[KernelEvent] = []
        if self._executions is not None:
            for descriptor in ready.intersection(self._executions.buffers):
                found += self._executions.read(descriptor, _MESSAGES)
        if self._tracing is not None:
            for descriptor in ready.intersection(self._tracing.buffers):
                found += self._tracing.read(descriptor, _PAGES)[0]
        return found
