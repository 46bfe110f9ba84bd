"""What waits for a moment: events of processes not heard of yet, and processes that ended."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from tabib.decide.processes.entry import Entry
from tabib.model.process import KernelEvent

_LIMIT = 50_000


class Held:
    """Early events and ended entries, by process id; each is let go after ``hold_ns``. Bounded."""

    def __init__(self, hold_ns: int) -> None:
        self._hold_ns = hold_ns
        self._early: dict[int, list[KernelEvent]] = {}
        self._early_until: deque[tuple[int, int]] = deque()
        self._ended: dict[int, Entry] = {}
        self._ended_until: deque[tuple[int, Entry]] = deque()

    def event(self, pid: int, event: KernelEvent) -> None:
        """Keep an event until its process is introduced."""
        if pid not in self._early:
            self._early[pid] = []
            self._early_until.append((event.at_ns + self._hold_ns, pid))
        self._early[pid].append(event)
        if len(self._early_until) > _LIMIT:
            self._early.pop(self._early_until.popleft()[1], None)

    def early(self, pid: int) -> list[KernelEvent]:
        """The events kept of a process, which are not kept any more."""
        return self._early.pop(pid, []) if self._early else []

    def entry(self, entry: Entry, now_ns: int) -> None:
        """Keep an ended process, as a parent, a sender, or one that is attributed late."""
        self._ended[entry.pid] = entry
        self._ended_until.append((now_ns + self._hold_ns, entry))
        if len(self._ended_until) > _LIMIT:
            self._drop(self._ended_until.popleft()[1])

    def ended(self, pid: int) -> Entry | None:
        return self._ended.get(pid)

    def all_ended(self) -> Iterator[Entry]:
        return iter(self._ended.values())

    def expire(self, now_ns: int) -> None:
        while self._early_until and self._early_until[0][0] <= now_ns:
            self._early.pop(self._early_until.popleft()[1], None)
        while self._ended_until and self._ended_until[0][0] <= now_ns:
            self._drop(self._ended_until.popleft()[1])

    def _drop(self, entry: Entry) -> None:
        if self._ended.get(entry.pid) is entry:
            del self._ended[entry.pid]
        # Signals refer to senders: an ended one refers no further.
        entry.signals = []
