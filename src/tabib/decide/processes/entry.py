"""One process as the table holds it: what is known so far."""

from __future__ import annotations

from dataclasses import dataclass, field

from tabib.model.process import KernelEvent, Look, Usage

_SIGNALS_KEPT = 8
_EXECS_KEPT = 8
OWN_IMAGE = ("/proc/", "/dev/fd/", "/memfd:")
"""Files of a program that executes itself."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A signal to a process. ``sender``: its entry where it is known."""

    number: int
    pid: int
    name: str
    by_kernel: bool
    sender: Entry | None


@dataclass(slots=True, eq=False)
class Entry:
    """A process, live or lately ended. Times: CLOCK_BOOTTIME nanoseconds, 0: not known."""

    pid: int
    ppid: int
    fork_ns: int
    first_ns: int
    """When it was first heard of."""
    start_ns: int
    """Its identity in records; fixed from the first record on."""
    container_id: str = ""
    joined_ns: int = 0
    member: bool = False
    """It runs a program of the container; else it is the runtime's helper that sets it up."""
    born_member: bool = False
    """A member when it joined, or by the look that told its container."""
    execs: list[int] = field(default_factory=list)
    """When it executed programs, but for the runtime's own: the first time and the latest."""
    executed_ns: int = 0
    name: str = ""
    command: tuple[str, ...] | None = None
    file: str = ""
    told_ns: int = 0
    """When file or arguments were told beside the connector, which tells the execution itself."""
    uid: int | None = None
    cpu_us: int = 0
    peak_memory_bytes: int = 0
    read_bytes: int = 0
    written_bytes: int = 0
    measured: bool = False
    seen_cpu_us: int = 0
    """As ``/proc`` told it while it ran; threads that ended before we came are only in there."""
    leader_measured: bool = False
    over: bool = False
    """Its last task ended."""
    over_ns: int = 0
    exit_ns: int = 0
    exit_code: int | None = None
    signals: list[Sent] = field(default_factory=list)
    oom: bool = False
    ended: bool = False
    assumed: bool = False
    announced: bool = False
    """A record of it as it runs was told."""
    looks: int = 0
    unseen_ns: int = 0
    maker_pid: int = 0
    """The helper that made it, where that is not its parent."""
    last_child_ns: int = 0

    def executed(self, at_ns: int, command: tuple[str, ...] | None) -> None:
        # What was told since the last execution belongs to this one.
        if command or self.told_ns <= self.executed_ns:
            self.command = command
        self.executed_ns = at_ns
        program = self.command[0] if self.command else self.file
        # As the kernel names it, by the file; and a name that was set before is gone.
        self.name = program.rpartition("/")[2][:15]
        if self.exit_ns and at_ns >= self.exit_ns:
            # A thread executed: the first thread ended, and it took its place.
            self.exit_ns, self.exit_code = 0, None
        if not self.member and self._is_runtime():
            return
        if len(self.execs) >= _EXECS_KEPT:
            self.execs.pop(1)
        self.execs.append(at_ns)

    def _is_runtime(self) -> bool:
        if self.command is None and self.file.startswith(OWN_IMAGE):
            # runc calls itself so; its arguments were not to be had.
            return True
        return is_runtime(self.name, self.command or ())

    def told(self, event: KernelEvent) -> None:
        """File and arguments of an execution, from the stream that knows them."""
        self.file, self.told_ns = event.text, event.at_ns
        late = event.at_ns <= self.executed_ns
        if event.command or not late:
            self.command = event.command

    def executed_between(self, since_ns: int, until_ns: int) -> bool:
        return any(since_ns <= at_ns <= until_ns for at_ns in self.execs)

    def inherit(self, parent: Entry) -> None:
        """What a child has of its parent until it executes a program."""
        self.name, self.command, self.file = parent.name, parent.command, parent.file
        self.uid = parent.uid
        parent.last_child_ns = max(parent.last_child_ns, self.fork_ns)

    def seen(self, look: Look) -> None:
        """Take over what ``/proc`` shows."""
        self.name = look.name or self.name
        self.command = look.command or self.command
        self.uid = look.uid
        self.ppid = self.ppid or look.ppid
        self.seen_cpu_us = max(self.seen_cpu_us, look.cpu_us)
        self.peak_memory_bytes = max(self.peak_memory_bytes, look.peak_memory_bytes)
        self.read_bytes = max(self.read_bytes, look.read_bytes)
        self.written_bytes = max(self.written_bytes, look.written_bytes)

    def used(self, event: KernelEvent, usage: Usage) -> None:
        """Add what one of its tasks used."""
        self.cpu_us += usage.cpu_us
        if event.pid == self.pid or usage.last_of_group:
            # Of threads that an execution ended it is the memory of the program before.
            self.peak_memory_bytes = max(self.peak_memory_bytes, usage.peak_memory_bytes)
        self.read_bytes += usage.read_bytes
        self.written_bytes += usage.written_bytes
        self.measured = True
        if event.pid == self.pid:
            self.leader_measured = True
            self.name = usage.name or self.name
            self.ppid = self.ppid or usage.ppid
            if self.uid is None:
                self.uid = usage.uid
            if self.exit_code is None:
                self.exit_code = usage.exit_code
        if usage.last_of_group:
            self.over, self.over_ns = True, event.at_ns
            if self.exit_code is None:
                self.exit_code = usage.exit_code

    def signalled(self, sent: Sent) -> None:
        if len(self.signals) >= _SIGNALS_KEPT:
            self.signals.pop(0)
        self.signals.append(sent)


def is_runtime(name: str, command: tuple[str, ...]) -> bool:
    """Whether a process in a container's cgroup is the runtime, about to become the container's.

    runc calls itself ``runc init``, then ``runc:[1:CHILD]`` and the like; crun forks itself.
    """
    return command[:2] == ("runc", "init") or name.startswith(("runc:[", "crun"))
