"""Process records: every process of every container, from fork to exit.

The kernel's event streams become :class:`KernelEvent` values in ``host/``; ``decide/processes.py``
makes records of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

# What a kernel event tells, by ``what``:
#   fork      pid, tgid of the child; parent: the process that it was born to (proc connector)
#   born      pid of a runtime's helper; parent: the one that made it, which need not be the
#             parent that ``fork`` tells                                     (tracefs)
#   exec      pid; ``command``: its arguments, where they were to be had;
#             ``text``: the file            (perf events or tracefs, then the proc connector)
#   comm      pid; ``text``: the new short name                              (proc connector)
#   uid       pid; ``number``: the new effective user id                     (proc connector)
#   exit      pid; ``number``: the raw exit code of wait(2)                  (proc connector)
#   usage     pid, tgid; ``usage``                                           (taskstats, at exit)
#   attach    pid; ``text``: the container whose cgroup it was moved into    (tracefs)
#   signal    pid: who gets it; parent: who sent it; ``number``: the signal; ``text``: the sender's
#             short name, empty where it was gone; ``kernel``: the kernel sent it while the sender
#             ran, e.g. because the first process of a namespace ended       (tracefs)
#   oom       pid: the process that the out-of-memory killer chose           (tracefs)
#   lost      ``text``: which stream dropped events: a rescan must follow


@dataclass(frozen=True, slots=True)
class Usage:
    """What a task used, as taskstats tells it at its exit (Documentation/accounting/taskstats)."""

    name: str
    uid: int
    ppid: int
    cpu_us: int
    peak_memory_bytes: int
    read_bytes: int
    written_bytes: int
    exit_code: int
    """Raw, as of wait(2)."""
    elapsed_us: int
    last_of_group: bool
    """The last task of its process: the process is over."""


@dataclass(frozen=True, slots=True)
class KernelEvent:
    """One event. ``at_ns``: CLOCK_BOOTTIME nanoseconds (0: not told). ``pid`` is the task's id;
    ``tgid`` the process's, equal to it for the first thread (0: not told)."""

    what: str
    at_ns: int
    pid: int
    tgid: int = 0
    parent: int = 0
    number: int = 0
    text: str = ""
    command: tuple[str, ...] | None = None
    kernel: bool = False
    usage: Usage | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """A process as ``/proc`` shows it at one time; ``start_ns``: CLOCK_BOOTTIME of its start."""

    pid: int
    ppid: int
    start_ns: int
    name: str
    command: tuple[str, ...]
    uid: int
    container_id: str
    cpu_us: int = 0
    peak_memory_bytes: int = 0
    memory_bytes: int = 0
    threads: int = 0
    state: str = ""
    """One letter, as of proc(5)."""
    read_bytes: int = 0
    written_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessRecord:
    """One process. Identity: ``(engine_id, container_id, started_ns, pid)``; ``ended_at`` None
    while it runs. ``pid`` and ``ppid`` are the host's. Field names are the JSON contract.

    ``killed_by``: ``""`` (it was not killed), ``oom`` (the out-of-memory killer), ``engine``,
    ``itself``, ``<name>[<pid>]`` (a process of the same container), ``host:<name>[<pid>]``, or
    ``unknown``.
    """

    engine_id: str
    container_id: str
    pid: int
    ppid: int
    started_ns: int
    """CLOCK_BOOTTIME at the start, with the boot a name for it."""
    started_at: datetime
    name: str
    command: str
    """Arguments as a shell would take them, redacted; the file alone where that is all there is."""
    command_complete: bool = True
    user: int = 0
    ended_at: datetime | None = None
    exit_code: int | None = None
    signal: int | None = None
    killed_by: str = ""
    cpu_seconds: float | None = None
    peak_memory_bytes: int | None = None
    read_bytes: int | None = None
    written_bytes: int | None = None
    assumed: bool = False
    """Its end was found by a rescan, not told by the kernel: code and time are not known."""
