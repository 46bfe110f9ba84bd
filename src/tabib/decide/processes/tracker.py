"""Follows every process of the machine through the kernel's events, and to its container.

The streams come by several ways, each in order, one perhaps before the other. What cannot be placed
yet (a usage before its fork, a move into a container after the process ended) is held a moment.

A process is attributed by inheritance from its parent, by a move into a container's cgroup, or by a
look at its cgroup when it executes something. What the runtime runs in the cgroup before it
executes the container's program is no member.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

from tabib.decide.processes.entry import Entry, Sent, is_runtime
from tabib.decide.processes.held import Held
from tabib.model.process import KernelEvent, Look

HOLD_NS = 1_000_000_000
_LOOKS = 4
"""At one process that is not in a container: it may rename itself for ever."""

LookUp = Callable[[int], Look | None]


class Tracker:
    """Live entries by process id. Ended members of containers are left in ``finished``, those that
    were attributed in ``joined``, for the caller to take."""

    def __init__(self, limit: int) -> None:
        self.live: dict[int, Entry] = {}
        self.finished: list[Entry] = []
        self.joined: deque[Entry] = deque()
        self.dropped = 0
        self.lost = 0
        self._limit = limit
        self._held = Held(HOLD_NS)
        self._leaving: deque[tuple[int, Entry]] = deque()
        self._now_ns = 0
        self._look: LookUp = lambda _: None
        self._takers: dict[str, Callable[[KernelEvent], None]] = {
            "fork": self._fork,
            "born": self._born,
            "exec": self._exec,
            "comm": self._comm,
            "uid": self._uid,
            "exit": self._exit,
            "usage": self._usage,
            "attach": self._attach,
            "signal": self._signal,
            "oom": self._oom,
            "lost": self._lost,
        }

    def take(self, event: KernelEvent, look: LookUp) -> None:
        self._look = look
        self._now_ns = max(self._now_ns, event.at_ns)
        self._takers[event.what](event)

    def settle(self, now_ns: int) -> None:
        """End what waited long enough for the rest of its end."""
        self._now_ns = max(self._now_ns, now_ns)
        while self._leaving and self._leaving[0][0] + HOLD_NS <= now_ns:
            _, entry = self._leaving.popleft()
            if entry.ended or not (entry.exit_ns or entry.over):
                continue
            # A first thread that ended while others run is a zombie, not the end.
            if entry.over or not entry.leader_measured:
                self.end(entry)
        self._held.expire(now_ns)

    def end(self, entry: Entry, *, assumed: bool = False) -> None:
        """Its end is known, or assumed now."""
        if assumed:
            entry.assumed = True
            entry.exit_ns = entry.exit_ns or self._now_ns
        entry.ended = True
        if self.live.get(entry.pid) is entry:
            del self.live[entry.pid]
        self._held.entry(entry, self._now_ns)
        if entry.container_id and entry.member:
            self.finished.append(entry)

    def forget(self, entry: Entry, at_ns: int) -> None:
        """One that is in no container, and may have ended unheard: only its name was of use."""
        if at_ns - entry.first_ns > HOLD_NS:
            del self.live[entry.pid]

    def adopt(self, look: Look) -> None:
        """A process in a container that no event told of."""
        if len(self.live) >= self._limit:
            self.dropped += 1
            return
        self.attribute(self._new(look.pid, look.ppid, 0, look.start_ns), look)

    def attribute(self, entry: Entry, look: Look) -> None:
        """Into the container that a scan found it in."""
        entry.seen(look)
        self._join(
            entry,
            look.container_id,
            self._now_ns + 1,
            member=not is_runtime(look.name, look.command),
        )

    def _new(self, pid: int, ppid: int, fork_ns: int, at_ns: int) -> Entry:
        entry = Entry(pid, ppid, fork_ns, at_ns, fork_ns or at_ns)
        self.live[pid] = entry
        return entry

    def _fork(self, event: KernelEvent) -> None:
        old = self.live.get(event.pid)
        if old is not None:
            # The number is used again: its end was lost, or half of it.
            self.end(old, assumed=not (old.exit_ns or old.over))
        if len(self.live) >= self._limit:
            self.dropped += 1
            return
        entry = self._new(event.pid, event.parent, event.at_ns, event.at_ns)
        parent = self.live.get(event.parent) or self._held.ended(event.parent)
        if parent is not None:
            entry.inherit(parent)
            self._follow(parent, entry)
        for early in self._held.early(event.pid):
            self._takers[early.what](early)

    def _follow(self, parent: Entry, child: Entry) -> None:
        """Into the container that the parent was in when the child was born."""
        if not parent.container_id or parent.joined_ns > child.fork_ns or child.container_id:
            return
        member = parent.born_member or parent.executed_between(parent.joined_ns, child.fork_ns)
        self._join(child, parent.container_id, child.fork_ns, member=member)

    def _join(self, entry: Entry, container_id: str, at_ns: int, *, member: bool) -> None:
        entry.container_id, entry.joined_ns, entry.born_member = container_id, at_ns, member
        entry.member = member or any(one >= at_ns for one in entry.execs)
        if entry.ended:
            if entry.member:
                self.finished.append(entry)
        else:
            self.joined.append(entry)
        if entry.last_child_ns >= at_ns:
            for child in [
                one for one in self._everyone() if entry.pid in (one.ppid, one.maker_pid)
            ]:
                if child.fork_ns >= entry.fork_ns:
                    self._follow(entry, child)

    def _everyone(self) -> Iterator[Entry]:
        yield from self.live.values()
        yield from self._held.all_ended()

    def _born(self, event: KernelEvent) -> None:
        entry = self.live.get(event.pid) or self._held.ended(event.pid)
        parent = self.live.get(event.parent) or self._held.ended(event.parent)
        if entry is None:
            self._held.event(event.pid, event)
        elif parent is not None and not parent.container_id:
            # Its own move may be told later.
            entry.maker_pid = parent.pid
            parent.last_child_ns = max(parent.last_child_ns, entry.fork_ns)
        elif parent is not None:
            self._follow(parent, entry)

    def _exec(self, event: KernelEvent) -> None:
        entry = self.live.get(event.pid)
        if event.text:
            if entry is None:
                entry = self._held.ended(event.pid)
            if entry is None:
                self._held.event(event.pid, event)
            else:
                entry.told(event)
            return
        if entry is None:
            if len(self.live) >= self._limit:
                self.dropped += 1
                return
            entry = self._new(event.pid, 0, 0, event.at_ns)
        entry.executed(event.at_ns, event.command)
        if entry.container_id:
            if not entry.member and entry.execs[-1:] == [event.at_ns]:
                entry.member = True
                # The memory that was seen was the runtime's.
                entry.peak_memory_bytes = 0
                self.joined.append(entry)
        else:
            self._look_at(entry, event.at_ns)

    def _look_at(self, entry: Entry, at_ns: int) -> None:
        look = self._look(entry.pid)
        if look is None:
            return
        command = entry.command
        entry.seen(look)
        entry.command = look.command or command
        if not entry.fork_ns:
            entry.start_ns = look.start_ns
        if look.container_id:
            # What it executed just now is the runtime's, or already the container's program.
            helper = is_runtime(look.name, look.command)
            self._join(entry, look.container_id, at_ns + helper, member=not helper)

    def _comm(self, event: KernelEvent) -> None:
        entry = self.live.get(event.pid)
        if entry is None:
            return
        entry.name = event.text
        if not entry.container_id and entry.looks < _LOOKS:
            entry.looks += 1
            self._look_at(entry, event.at_ns)

    def _uid(self, event: KernelEvent) -> None:
        entry = self.live.get(event.pid)
        if entry is not None:
            entry.uid = event.number

    def _exit(self, event: KernelEvent) -> None:
        entry = self.live.get(event.pid)
        if entry is None:
            return
        entry.exit_ns, entry.exit_code = event.at_ns, event.number
        self._leave(entry, event.at_ns)

    def _usage(self, event: KernelEvent) -> None:
        pid = event.tgid or event.pid
        entry = self.live.get(pid)
        if event.usage is None:
            return
        if entry is None:
            self._held.event(pid, event)
            return
        if event.pid != pid:
            # Signals go to threads too, and the thread was gone when its process was asked for.
            for early in self._held.early(event.pid):
                if early.what in ("signal", "oom"):
                    self._takers[early.what](_to(early, pid))
        entry.used(event, event.usage)
        if entry.over:
            self._leave(entry, event.at_ns)

    def _leave(self, entry: Entry, at_ns: int) -> None:
        if entry.exit_ns and entry.over:
            self.end(entry)
        else:
            self._leaving.append((at_ns, entry))

    def _attach(self, event: KernelEvent) -> None:
        entry = self.live.get(event.pid) or self._held.ended(event.pid)
        if entry is None:
            self._held.event(event.pid, event)
        elif not entry.container_id:
            self._join(entry, event.text, event.at_ns, member=False)

    def _signal(self, event: KernelEvent) -> None:
        entry = self.live.get(event.pid)
        if entry is None:
            self._held.event(event.pid, event)
            return
        sender = self.live.get(event.parent) or self._held.ended(event.parent)
        name = event.text or (sender.name if sender else "")
        entry.signalled(Sent(event.number, event.parent, name, event.kernel, sender))

    def _oom(self, event: KernelEvent) -> None:
        entry = self.live.get(event.pid)
        if entry is None:
            self._held.event(event.pid, event)
        else:
            entry.oom = True

    def _lost(self, _: KernelEvent) -> None:
        self.lost += 1


def _to(event: KernelEvent, pid: int) -> KernelEvent:
    """The same for the process that the thread is of."""
    parent = pid if event.parent == event.pid else event.parent
    return KernelEvent(
        event.what,
        event.at_ns,
        pid,
        parent=parent,
        number=event.number,
        text=event.text,
        kernel=event.kernel,
    )
