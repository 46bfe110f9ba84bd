"""The table of processes: kernel events in, process records out.

A record comes when a process of a container ends; once while it runs, when it has lived for
``YOUNG_NS``; and then again at its end: the same identity, to be replaced.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from tabib.decide.processes.entry import Entry
from tabib.decide.processes.records import Records
from tabib.decide.processes.tracker import LookUp, Tracker
from tabib.decide.redact import Redactor
from tabib.model.process import KernelEvent, Look, ProcessRecord

YOUNG_NS = 2_000_000_000
UNSEEN_NS = 2_000_000_000
"""A process that a scan did not find is held for ended after so long without a word."""
LIMIT = 200_000
_SAME_START_NS = 50_000_000
"""``/proc`` tells starts in ticks of 10 ms, and the fork is told a little later."""


class ProcessTable:
    """Every process of the machine that runs, and the records of those in containers.

    ``boot_at``: the wall clock's time at the boot, i.e. now less CLOCK_BOOTTIME. ``limit``: of live
    processes; those beyond it are counted in ``dropped``. Times are CLOCK_BOOTTIME nanoseconds and
    never go back.
    """

    def __init__(self, engine_id: str, boot_at: datetime, limit: int = LIMIT) -> None:
        self._records = Records(engine_id, boot_at)
        self._tracker = Tracker(limit)
        self._unseen: list[Entry] = []
        self._lost_before_scan = -1

    def set_boot_at(self, boot_at: datetime) -> None:
        """The wall clock was set: what is told from now on is told by it."""
        self._records.boot_at = boot_at

    def know_secrets(self, container_id: str, redactor: Redactor) -> None:
        """What to take out of this container's command lines, beside what looks like a secret."""
        self._records.know_secrets(container_id, redactor)

    def forget(self, container_id: str) -> None:
        """The container was removed."""
        self._records.forget(container_id)

    @property
    def dropped(self) -> int:
        """Processes that there was no room for."""
        return self._tracker.dropped

    @property
    def lost(self) -> int:
        """How often a stream told that it lost events."""
        return self._tracker.lost

    @property
    def rescan_needed(self) -> bool:
        """Events were lost since the last scan, or there was none: scan, then :meth:`adopt`."""
        return self._tracker.lost > self._lost_before_scan

    def take(self, events: Iterable[KernelEvent], look: LookUp) -> list[ProcessRecord]:
        """Follow events. ``look`` shows a process as it is now; it is called when one executes a
        program and its container is not known yet."""
        for event in events:
            self._tracker.take(event, look)
        return self._finished()

    def settle(self, now_ns: int, look: LookUp) -> list[ProcessRecord]:
        """What time brings: records of what has lived a while (``look`` tells what it used so far),
        and ends whose other half did not come. Call it every second or so."""
        tracker = self._tracker
        tracker.settle(now_ns)
        for entry in self._unseen:
            if not entry.ended and entry.unseen_ns and now_ns - entry.unseen_ns >= UNSEEN_NS:
                tracker.end(entry, assumed=True)
        self._unseen = [one for one in self._unseen if not one.ended and one.unseen_ns]
        found = self._finished()
        waiting = tracker.joined
        while waiting and now_ns - waiting[0].start_ns >= YOUNG_NS:
            entry = waiting.popleft()
            if not entry.ended and entry.member and not entry.announced:
                entry.announced = True
                found.append(self._lives(entry, look(entry.pid)))
        return found

    def adopt(self, looks: Sequence[Look], at_ns: int) -> list[ProcessRecord]:
        """Take in a scan that was begun at ``at_ns``: processes that no event told of, and those
        that it did not find any more. They end as ``assumed`` unless their end is told soon."""
        self._lost_before_scan = self._tracker.lost
        seen = {look.pid: look for look in looks}
        for pid, entry in list(self._tracker.live.items()):
            look = seen.get(pid)
            if entry.first_ns >= at_ns:
                seen.pop(pid, None)
            elif look is not None and _same(entry, look):
                entry.unseen_ns = 0
                del seen[pid]
                if not entry.container_id:
                    self._tracker.attribute(entry, look)
            elif look is not None:
                self._tracker.end(entry, assumed=not (entry.exit_ns or entry.over))
            elif not entry.container_id:
                self._tracker.forget(entry, at_ns)
            elif not entry.unseen_ns:
                entry.unseen_ns = at_ns
                self._unseen.append(entry)
        for look in seen.values():
            self._tracker.adopt(look)
        return self._finished()

    def running(self, container_id: str) -> list[ProcessRecord]:
        """Of the processes of a container that run, oldest first, as far as events tell."""
        found = [one for one in self._members() if one.container_id == container_id]
        return [self._records.of(one) for one in sorted(found, key=lambda one: one.start_ns)]

    def containers(self) -> frozenset[str]:
        """Those with a process that runs."""
        return frozenset(one.container_id for one in self._members())

    def __len__(self) -> int:
        """Live processes, in containers or not."""
        return len(self._tracker.live)

    def _members(self) -> Iterable[Entry]:
        return (one for one in self._tracker.live.values() if one.container_id and one.member)

    def _lives(self, entry: Entry, look: Look | None) -> ProcessRecord:
        if look is not None and _same(entry, look):
            entry.seen(look)
            # The same after a restart of the daemon, which will only know it from /proc.
            entry.start_ns = look.start_ns
        return self._records.of(entry)

    def _finished(self) -> list[ProcessRecord]:
        finished = self._tracker.finished
        if not finished:
            return []
        self._tracker.finished = []
        return [self._records.of(entry) for entry in finished]


def _same(entry: Entry, look: Look) -> bool:
    """Whether it is the same process, and not another with its number. One that was heard of after
    its fork started before that."""
    if entry.fork_ns:
        return abs(look.start_ns - entry.fork_ns) <= _SAME_START_NS
    return look.start_ns <= entry.first_ns + _SAME_START_NS


def ended_unseen(
    open_records: Iterable[ProcessRecord], looks: Iterable[Look], at: datetime
) -> list[ProcessRecord]:
    """Records of processes that ran when the daemon went, and do not any more: they ended
    somewhen until ``at``."""
    alive = {(look.pid, look.start_ns) for look in looks}
    return [
        replace(record, ended_at=at, assumed=True)
        for record in open_records
        if record.ended_at is None and (record.pid, record.started_ns) not in alive
    ]
