"""Figures of one container from control groups, version 1.

Sources: kernel, ``admin-guide/cgroup-v1/{cpuacct,memory,blkio-controller,pids}.rst`` and
``scheduler/sched-bwc.rst``. Each part reads its values of ``metrics.CONTAINER`` in their order.
"""

from __future__ import annotations

import os

from tabib.host.sampling.block import Stacks
from tabib.host.sampling.files import Descriptors, KeptFile, Parsed, read_text
from tabib.host.sampling.text import Number, Table, blkio, number

CLOCK_TICK_US = 1_000_000 // os.sysconf("SC_CLK_TCK")
NO_LIMIT = 1 << 62
"""Version 1 says "none" by the highest number of pages."""

_CPUACCT = Table("user", "system")
_CPU = Table("nr_periods", "nr_throttled", "throttled_time")
_MEMORY = Table(
    "total_inactive_file", "total_rss", "total_cache", "total_swap", "hierarchical_memory_limit"
)
_MEMORY_NO_SWAP = Table(
    "total_inactive_file", "total_rss", "total_cache", "hierarchical_memory_limit"
)
_OOM = Table("oom_kill")


class CpuV1:
    """``cpuacct.usage`` (ns, exact), ``cpuacct.stat`` (clock ticks), ``cpu.stat`` (ns)."""

    def __init__(self, cpuacct: str, cpu: str, budget: Descriptors) -> None:
        usage = KeptFile(f"{cpuacct}/cpuacct.usage", budget, 64)
        split = KeptFile(f"{cpuacct}/cpuacct.stat", budget, 128)
        stat = KeptFile(f"{cpu}/cpu.stat", budget, 512)
        self.files = (usage, split, stat)
        self._split = Parsed(split, _CPUACCT.pick)
        self._stat = Parsed(stat, _CPU.pick)
        self._before: bytes | None = None
        self._values: tuple[Number, ...] = (None,) * 6
        self.rests = False

    def read(self, quiet: bool) -> tuple[Number, ...]:
        text = self.files[0].read()
        self.rests = text is not None and text == self._before
        if self.rests and quiet:
            return self._values
        self._before = text
        usage = number(text)
        user, system = self._split.read()
        periods, throttled, throttled_ns = self._stat.read()
        self._values = (
            None if usage is None else usage // 1000,
            None if user is None else user * CLOCK_TICK_US,
            None if system is None else system * CLOCK_TICK_US,
            None if throttled_ns is None else throttled_ns // 1000,
            periods,
            throttled,
        )
        return self._values


class MemoryV1:
    """The working set as cAdvisor has it: usage less ``total_inactive_file``, not below zero.

    ``total_…`` and the limit are those of the whole hierarchy; ``oom_kill`` (Linux ≥ 4.13) is that
    of the group itself. There is no swap without swap accounting; with it, a limit of memory and
    swap together may be reached first, and counts its failures apart.
    """

    def __init__(self, folder: str, budget: Descriptors) -> None:
        usage = KeptFile(f"{folder}/memory.usage_in_bytes", budget, 64)
        stat = KeptFile(f"{folder}/memory.stat", budget)
        failures = KeptFile(f"{folder}/memory.failcnt", budget, 64)
        oom = KeptFile(f"{folder}/memory.oom_control", budget, 256)
        together = KeptFile(f"{folder}/memory.memsw.failcnt", budget, 64)
        self.files = (usage, stat, failures, together, oom)
        self._stat = Parsed(stat, _memory)
        self._before: bytes | None = None
        self._values: tuple[Number, ...] = (None,) * 8

    def read(self, quiet: bool) -> tuple[Number, ...]:
        usage_file, _, failcnt, together, oom = self.files
        text = usage_file.read()
        if quiet and text is not None and text == self._before:
            return self._values
        self._before = text
        usage = number(text)
        inactive, anonymous, cache, swap, limit = self._stat.read()
        failures = number(failcnt.read())
        if failures is not None:
            failures += number(together.read()) or 0
        self._values = (
            usage,
            None if usage is None or inactive is None else max(0, usage - inactive),
            anonymous,
            cache,
            swap,
            None if limit is None or limit >= NO_LIMIT else limit,
            failures,
            _OOM.pick(oom.read())[0],
        )
        return self._values


def _memory(stat: bytes | None) -> list[Number]:
    """Inactive file cache, anonymous, cache, swap, limit."""
    if stat is None or b"\ntotal_swap " in stat:
        return _MEMORY.pick(stat)
    inactive, anonymous, cache, limit = _MEMORY_NO_SWAP.pick(stat)
    return [inactive, anonymous, cache, None, limit]


class BlockV1:
    """The throttle layer's counts: the only ones that every I/O scheduler fills.

    ``…_recursive`` (Linux ≥ 4.11) counts groups below too.
    """

    def __init__(self, folder: str, budget: Descriptors, stacks: Stacks) -> None:
        names = ("io_service_bytes_recursive", "io_serviced_recursive")
        if not os.path.exists(f"{folder}/blkio.throttle.{names[0]}"):
            names = ("io_service_bytes", "io_serviced")
        self.files = tuple(KeptFile(f"{folder}/blkio.throttle.{n}", budget) for n in names)
        self._stacks = stacks
        self._moved, self._serviced = (
            Parsed(file, self._parse, records=True) for file in self.files
        )

    def read(self, quiet: bool) -> tuple[Number, ...]:
        """Also of what rests: the kernel writes for it."""
        read, written = self._moved.read()
        reads, writes = self._serviced.read()
        return read, written, reads, writes

    def _parse(self, text: bytes | None) -> tuple[Number, ...]:
        return (None, None) if text is None else self._stacks.total(blkio(text))


def counts_blocks(folder: str) -> bool:
    """Whether this kernel counts in the throttle layer: newer ones (seen: 6.18) do so only once
    somebody set a limit. Where it counts, all groups together, in the top one, have had some."""
    for name in ("io_service_bytes_recursive", "io_service_bytes"):
        try:
            return " Read " in read_text(f"{folder}/blkio.throttle.{name}")
        except OSError:
            continue
    return False
