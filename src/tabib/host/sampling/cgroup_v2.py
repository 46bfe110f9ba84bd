"""Figures of one container from control groups, version 2.

Source: kernel, ``admin-guide/cgroup-v2.rst``; all counts are those of the whole hierarchy below.
Each part reads its values of ``metrics.CONTAINER`` in their order.
"""

from __future__ import annotations

from tabib.host.sampling.block import Stacks
from tabib.host.sampling.files import Descriptors, KeptFile
from tabib.host.sampling.text import Number, Table, io_stat, number, pressure

_CPU = Table(
    "usage_usec", "user_usec", "system_usec", "throttled_usec", "nr_periods", "nr_throttled"
)
_MEMORY = Table("inactive_file", "anon", "file")
_EVENTS = Table("max", "oom_kill")


class CpuV2:
    """``cpu.stat``: microseconds; the limit's counts only with the ``cpu`` controller."""

    def __init__(self, folder: str, budget: Descriptors) -> None:
        self._stat = KeptFile(f"{folder}/cpu.stat", budget, 1024)
        self.files = (self._stat,)

    def read(self) -> tuple[Number, ...]:
        return tuple(_CPU.pick(self._stat.read()))


class MemoryV2:
    """The working set as cAdvisor has it: usage less ``inactive_file``, not below zero.

    The limit is that of the container's own group, ``max`` for none.
    """

    def __init__(self, folder: str, budget: Descriptors) -> None:
        self._usage = KeptFile(f"{folder}/memory.current", budget, 64)
        self._stat = KeptFile(f"{folder}/memory.stat", budget, 8192)
        self._swap = KeptFile(f"{folder}/memory.swap.current", budget, 64)
        self._limit = KeptFile(f"{folder}/memory.max", budget, 64)
        self._events = KeptFile(f"{folder}/memory.events", budget, 512)
        self.files = (self._usage, self._stat, self._swap, self._limit, self._events)

    def read(self) -> tuple[Number, ...]:
        usage = number(self._usage.read())
        inactive, anonymous, cache = _MEMORY.pick(self._stat.read())
        failures, kills = _EVENTS.pick(self._events.read())
        return (
            usage,
            None if usage is None or inactive is None else max(0, usage - inactive),
            anonymous,
            cache,
            number(self._swap.read()),
            number(self._limit.read()),
            failures,
            kills,
        )


class BlockV2:
    """``io.stat``; empty until the first request, and without the ``io`` controller not there."""

    def __init__(self, folder: str, budget: Descriptors, stacks: Stacks) -> None:
        self._stat = KeptFile(f"{folder}/io.stat", budget)
        self.files = (self._stat,)
        self._stacks = stacks
        self._before: bytes | None = None
        self._values: tuple[Number, ...] = (None,) * 4

    def read(self) -> tuple[Number, ...]:
        text = self._stat.records()
        if text != self._before:
            self._before = text
            found = io_stat(text) if text is not None else None
            if found is None:
                self._values = (None,) * 4
            else:
                self._values = self._stacks.total(found) if found else (0,) * 4
        return self._values


class Pressure:
    """``cpu.pressure``, ``memory.pressure``, ``io.pressure``: in the unified hierarchy they need no
    controller, so they are also there where version 1 does the rest.

    Source: kernel, ``accounting/psi.rst``.
    """

    def __init__(self, folder: str, budget: Descriptors) -> None:
        names = ("cpu", "memory", "io")
        self.files = tuple(KeptFile(f"{folder}/{name}.pressure", budget, 512) for name in names)

    def read(self) -> tuple[Number, ...]:
        cpu, memory, io = self.files
        return (pressure(cpu.read())[0], *pressure(memory.read()), *pressure(io.read()))
