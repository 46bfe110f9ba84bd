"""Figures of one container from control groups, version 1.

Sources: kernel, ``admin-guide/cgroup-v1/{cpuacct,memory,blkio-controller,pids}.rst`` and
``scheduler/sched-bwc.rst``. Each part reads its values of ``metrics.CONTAINER`` in their order.
"""

from __future__ import annotations

import os

from tabib.host.sampling.block import Stacks
from tabib.host.sampling.files import Descriptors, KeptFile
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
        self._usage = KeptFile(f"{cpuacct}/cpuacct.usage", budget, 64)
        self._split = KeptFile(f"{cpuacct}/cpuacct.stat", budget, 128)
        self._stat = KeptFile(f"{cpu}/cpu.stat", budget, 512)
        self.files = (self._usage, self._split, self._stat)

    def read(self) -> tuple[Number, ...]:
        usage = number(self._usage.read())
        user, system = _CPUACCT.pick(self._split.read())
        periods, throttled, throttled_ns = _CPU.pick(self._stat.read())
        return (
            None if usage is None else usage // 1000,
            None if user is None else user * CLOCK_TICK_US,
            None if system is None else system * CLOCK_TICK_US,
            None if throttled_ns is None else throttled_ns // 1000,
            periods,
            throttled,
        )


class MemoryV1:
    """The working set as cAdvisor has it: usage less ``total_inactive_file``, not below zero.

    ``total_…`` and the limit are those of the whole hierarchy; ``oom_kill`` (Linux ≥ 4.13) is that
    of the group itself. There is no swap without swap accounting.
    """

    def __init__(self, folder: str, budget: Descriptors) -> None:
        self._usage = KeptFile(f"{folder}/memory.usage_in_bytes", budget, 64)
        self._stat = KeptFile(f"{folder}/memory.stat", budget)
        self._failures = KeptFile(f"{folder}/memory.failcnt", budget, 64)
        self._oom = KeptFile(f"{folder}/memory.oom_control", budget, 256)
        self.files = (self._usage, self._stat, self._failures, self._oom)

    def read(self) -> tuple[Number, ...]:
        usage = number(self._usage.read())
        stat = self._stat.read()
        if stat is None or b"\ntotal_swap " in stat:
            inactive, anonymous, cache, swap, limit = _MEMORY.pick(stat)
        else:
            inactive, anonymous, cache, limit = _MEMORY_NO_SWAP.pick(stat)
            swap = None
        return (
            usage,
            None if usage is None or inactive is None else max(0, usage - inactive),
            anonymous,
            cache,
            swap,
            None if limit is None or limit >= NO_LIMIT else limit,
            number(self._failures.read()),
            _OOM.pick(self._oom.read())[0],
        )


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
        self._before: tuple[bytes | None, bytes | None] = (None, None)
        self._values: tuple[Number, ...] = (None,) * 4

    def read(self) -> tuple[Number, ...]:
        texts = (self.files[0].records(), self.files[1].records())
        if texts != self._before:
            self._before = texts
            self._values = self._parse(*texts)
        return self._values

    def _parse(self, moved: bytes | None, serviced: bytes | None) -> tuple[Number, ...]:
        size = blkio(moved) if moved is not None else None
        count = blkio(serviced) if serviced is not None else None
        read, written = self._stacks.total(size) if size is not None else (None, None)
        reads, writes = self._stacks.total(count) if count is not None else (None, None)
        return read, written, reads, writes
