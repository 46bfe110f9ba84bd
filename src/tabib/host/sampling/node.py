"""Figures of the machine.

Sources: proc(5) with its pages for ``stat``, ``meminfo``, ``loadavg``, ``vmstat`` and
``sys/fs/file-nr``; kernel, ``ABI/testing/sysfs-class-net-statistics``, ``block/stat.rst``,
``accounting/psi.rst``.
"""

from __future__ import annotations

import os

from tabib.host.sampling.cgroup_v1 import CLOCK_TICK_US
from tabib.host.sampling.files import Descriptors, KeptFile, close_all
from tabib.host.sampling.roots import LOOK_AGAIN_TICKS, Roots
from tabib.host.sampling.text import NO_NETWORK, Number, Table, interfaces, number, pressure, total

SECTOR_BYTES = 512
"""In ``stat`` of a block device, whatever the device's own."""
_KIB = 1024
_MEMORY = Table(
    "MemTotal:", "MemAvailable:", "Cached:", "Buffers:", "SwapTotal:", "SwapFree:"
)  # fmt: skip
_STATISTICS = ("rx_bytes", "tx_bytes", "rx_packets", "tx_packets",
               "rx_errors", "tx_errors", "rx_dropped", "tx_dropped")  # fmt: skip
_VIRTUAL = ("veth", "docker", "br-", "virbr", "vmnet", "cni", "flannel", "cali", "vxlan", "dummy")


class Node:
    """The machine's own readers. ``read`` gives ``metrics.NODE`` in its order."""

    def __init__(self, roots: Roots, budget: Descriptors) -> None:
        proc = str(roots.proc)
        self._stat = KeptFile(f"{proc}/stat", budget, 65_536)
        self._memory = KeptFile(f"{proc}/meminfo", budget)
        self._load = KeptFile(f"{proc}/loadavg", budget, 128)
        self._vmstat = KeptFile(f"{proc}/vmstat", budget, 16_384)
        self._files = KeptFile(f"{proc}/sys/fs/file-nr", budget, 128)
        self._pressures = [
            KeptFile(f"{proc}/pressure/{name}", budget, 512) for name in ("cpu", "memory", "io")
        ]
        self._network = _Network(roots, budget)
        self._disks = _Disks(roots, budget)

    def read(self) -> tuple[Number, ...]:
        cpu, cpus = _cpu(self._stat.read())
        loads, tasks = _load(self._load.read())
        opened = (self._files.read() or b"").split()
        cpu_pressure, memory_pressure, io_pressure = (
            pressure(file.read()) for file in self._pressures
        )
        return (
            *cpu, cpus, *loads, *_memory(self._memory.read()), _oom_kills(self._vmstat.read()),
            *self._network.read(), *self._disks.read(),
            tasks, number(opened[0]) if opened else None,
            cpu_pressure[0], *memory_pressure, *io_pressure,
        )  # fmt: skip

    @property
    def has_pressure(self) -> bool:
        return self._pressures[0].read() is not None

    def close(self) -> None:
        single = (self._stat, self._memory, self._load, self._vmstat, self._files)
        close_all((*single, *self._pressures))
        self._network.close()
        self._disks.close()


def _cpu(data: bytes | None) -> tuple[tuple[Number, ...], Number]:
    """(used, user, system, waiting for disks, stolen; number of CPUs). Time of guests is within
    user; time stolen is not used."""
    words = (data or b"").split(b"\n", 1)[0].split()
    try:
        ticks = [int(word) for word in words[1:9]]
        user, nice, system, _, iowait, irq, softirq, steal = ticks
    except ValueError:
        return (None,) * 5, None
    inside = system + irq + softirq
    shares = (user + nice + inside, user + nice, inside, iowait, steal)
    return tuple(share * CLOCK_TICK_US for share in shares), (data or b"").count(b"\ncpu")


def _load(data: bytes | None) -> tuple[tuple[Number, ...], Number]:
    """(loads of 1, 5 and 15 minutes in hundredths; tasks)."""
    words = (data or b"").split()
    if len(words) < 4:
        return (None,) * 3, None
    loads = tuple(number(word.replace(b".", b"")) for word in words[:3])
    return loads, number(words[3].partition(b"/")[2])


def _memory(data: bytes | None) -> tuple[Number, ...]:
    """Total, available, page cache (that of block devices too), swap, used swap."""
    total_, available, cached, buffers, swap, swap_free = _MEMORY.pick(
        data.replace(b" kB\n", b"\n") if data else None
    )
    cache = None if cached is None else cached + (buffers or 0)
    used = None if swap is None or swap_free is None else swap - swap_free
    return tuple(
        None if kib is None else kib * _KIB for kib in (total_, available, cache, swap, used)
    )


def _oom_kills(data: bytes | None) -> Number:
    """``oom_kill`` of ``vmstat`` (Linux ≥ 4.13)."""
    _, found, after = (data or b"").partition(b"\noom_kill ")
    return number(after.split(b"\n", 1)[0]) if found else None


class _Devices:
    """Devices below a folder of sysfs that are no mere software: those with a ``device``."""

    def __init__(self, folder: str, budget: Descriptors) -> None:
        self._folder = folder
        self._budget = budget
        self._wait = 0
        self.found: dict[str, list[KeptFile]] = {}

    def look(self, paths: tuple[str, ...]) -> dict[str, list[KeptFile]]:
        """The files of each device; looked for anew every ``LOOK_AGAIN_TICKS``."""
        if self._wait > 0:
            self._wait -= 1
            return self.found
        self._wait = LOOK_AGAIN_TICKS - 1
        try:
            names = os.listdir(self._folder)
        except OSError:
            names = []
        real = {name for name in names if os.path.exists(f"{self._folder}/{name}/device")}
        for name in self.found.keys() - real:
            close_all(self.found.pop(name))
        for name in real - self.found.keys():
            self.found[name] = [
                KeptFile(f"{self._folder}/{name}/{path}", self._budget, 512) for path in paths
            ]
        return self.found

    def close(self) -> None:
        for files in self.found.values():
            close_all(files)


class _Network:
    """Real interfaces: what goes over bridges, pairs and tunnels would be counted twice. Where none
    has a device (a container as a machine), those that are not named like such."""

    def __init__(self, roots: Roots, budget: Descriptors) -> None:
        self._devices = _Devices(f"{roots.sys}/class/net", budget)
        self._all = KeptFile(f"{roots.proc}/1/net/dev", budget, 65_536)
        self._paths = tuple(f"statistics/{name}" for name in _STATISTICS)

    def read(self) -> tuple[Number, ...]:
        found = []
        for files in self._devices.look(self._paths).values():
            values = [number(file.read()) for file in files]
            present = [value for value in values if value is not None]
            if len(present) == len(values):
                found.append(present)
        if found:
            return total(found)
        data = self._all.records()
        if data is None:
            return NO_NETWORK
        named = interfaces(data).items()
        return total([values for name, values in named if not name.startswith(_VIRTUAL)])

    def close(self) -> None:
        self._devices.close()
        self._all.close()


class _Disks:
    """Whole real disks: partitions and what stands on them (LVM, RAID) would count twice."""

    def __init__(self, roots: Roots, budget: Descriptors) -> None:
        self._devices = _Devices(f"{roots.sys}/block", budget)

    def read(self) -> tuple[Number, Number]:
        read, written, seen = 0, 0, False
        for (file,) in self._devices.look(("stat",)).values():
            words = (file.read() or b"").split()
            try:
                read, written = read + int(words[2]), written + int(words[6])
                seen = True
            except (IndexError, ValueError):
                continue
        return (read * SECTOR_BYTES, written * SECTOR_BYTES) if seen else (None, None)

    def close(self) -> None:
        self._devices.close()
