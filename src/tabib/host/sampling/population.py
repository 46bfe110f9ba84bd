"""How many processes, threads and open descriptors a container has.

Sources: cgroups(7) for ``cgroup.procs``; kernel, ``cgroup-v1/pids.rst``; proc_pid_fd(5).
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from tabib.host.sampling.files import Descriptors, KeptFile, read_bytes
from tabib.host.sampling.roots import Roots
from tabib.host.sampling.text import Number, Table, number

_LOOKS_PER_TICK = 64
"""Processes of one container whose descriptors are counted at each tick; with more, every second,
third … tick, and what was counted before stands in between."""
_LISTING_COSTS = 16
"""Times what a look costs that gets the count from the kernel."""


class Descriptions:
    """How open descriptors of a process are counted.

    Since Linux 6.2 the size of ``/proc/PID/fd`` is their number; before it is 0, and they are
    listed. A recorded tree has no such sizes: there, too, they are listed.
    """

    def __init__(self, roots: Roots) -> None:
        self._proc = str(roots.proc)
        self.forbidden = False
        self.traffic_forbidden = False
        """``/proc/PID/io``, too, may not be read."""
        try:
            told = os.stat(f"{self._proc}/self/fd").st_size > 0
            self.told = told and os.stat(self._proc).st_size == 0
        except OSError:
            self.told = False

    @property
    def cost(self) -> int:
        return 1 if self.told else _LISTING_COSTS

    def count(self, pids: list[bytes]) -> Number:
        """The sum over processes; None where none could be looked at."""
        total, seen = 0, False
        for pid in pids:
            path = f"{self._proc}/{pid.decode()}/fd"
            try:
                total += os.stat(path).st_size if self.told else len(os.listdir(path))
                seen = True
            except PermissionError:
                self.forbidden = True
            except OSError:
                continue
        return total if seen else None


class Population:
    """Processes (zombies are missing from ``cgroup.procs``), tasks (they are in ``pids.current``),
    and descriptors, of the group and of those below it."""

    def __init__(self, folder: str, budget: Descriptors, descriptions: Descriptions) -> None:
        self._folder = folder
        self._tasks = KeptFile(f"{folder}/pids.current", budget, 64)
        self._processes = KeptFile(f"{folder}/cgroup.procs", budget)
        self.files = (self._tasks, self._processes)
        self._descriptions = descriptions
        self._wait = 0
        self._values: tuple[Number, Number, Number] = (None, None, None)
        self.pids: list[bytes] = []
        """As of the last count."""

    def read(self, quiet: bool) -> tuple[Number, ...]:
        if quiet and self._values[1] is not None:
            return self._values
        tasks = number(self._tasks.read())
        processes, _, opened = self._values
        if self._wait > 0:
            self._wait -= 1
        else:
            processes, opened = self._count()
        self._values = (processes, tasks, opened)
        return self._values

    def _count(self) -> tuple[Number, Number]:
        pids = self._pids()
        if pids is None:
            return None, None
        self.pids = pids
        self._wait = len(pids) * self._descriptions.cost // _LOOKS_PER_TICK
        return len(pids), self._descriptions.count(pids)

    def _pids(self) -> list[bytes] | None:
        data = self._processes.records()
        if data is None:
            return None
        pids = data.split()
        try:
            below = os.stat(self._folder).st_nlink > 2
        except OSError:
            return None
        if below:
            for text in _below(self._folder):
                pids += text.split()
        return [pid for pid in pids if pid.isdigit() and pid != b"0"]


def _below(folder: str) -> Iterator[bytes]:
    for path, _, files in os.walk(folder):
        if path != folder and "cgroup.procs" in files:
            try:
                yield read_bytes(f"{path}/cgroup.procs")
            except OSError:
                # Removed meanwhile, or a threaded group (EOPNOTSUPP): its domain lists them.
                continue


_READ_COSTS = 8
_IO = Table("read_bytes:", "write_bytes:")


class BlockOfProcesses:
    """Disk traffic as its processes caused it (proc_pid_io(5)), where the groups do not count it.

    A process has the traffic of the children that it waited for, so what the first process has at
    last is all; what is lost otherwise (of an ``exec`` that ended) is kept here. Pages count as
    written when they are dirtied. There is no number of requests.
    """

    files: tuple[KeptFile, ...] = ()

    def __init__(self, population: Population, roots: Roots, descriptions: Descriptions) -> None:
        self._population = population
        self._descriptions = descriptions
        self._proc = str(roots.proc)
        self._wait = 0
        self._gone = [0, 0]
        self._alive = [0, 0]
        self._values: tuple[Number, ...] = (None,) * 4

    def read(self, quiet: bool) -> tuple[Number, ...]:
        if self._wait > 0:
            self._wait -= 1
        elif not quiet or self._values[0] is None:
            self._sum()
        return self._values

    def _sum(self) -> None:
        pids = self._population.pids
        self._wait = len(pids) * _READ_COSTS // _LOOKS_PER_TICK
        alive, seen = [0, 0], False
        for pid in pids:
            try:
                text = read_bytes(f"{self._proc}/{pid.decode()}/io")
            except PermissionError:
                self._descriptions.traffic_forbidden = True
                continue
            except OSError:
                continue
            figures = _IO.pick(text)
            seen = True
            for place, figure in enumerate(figures):
                alive[place] += figure or 0
        if not seen:
            return
        for place in (0, 1):
            self._gone[place] += max(0, self._alive[place] - alive[place])
        self._alive = alive
        read, written = (a + g for a, g in zip(alive, self._gone, strict=True))
        self._values = (read, written, None, None)
