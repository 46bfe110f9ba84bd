"""Figures of one container from control groups, version 2.

Source: kernel, ``admin-guide/cgroup-v2.rst``; all counts are those of the whole hierarchy below.
Each part reads its values of ``metrics.CONTAINER`` in their order.
"""

from __future__ import annotations

from tabib.host.sampling.block import Stacks
from tabib.host.sampling.files import Descriptors, KeptFile, Parsed
from tabib.host.sampling.text import Number, Table, io_stat, number, pressure

_CPU = Table(
    "usage_usec", "user_usec", "system_usec", "throttled_usec", "nr_periods", "nr_throttled"
)
_MEMORY = Table("inactive_file", "anon", "file")
_EVENTS = Table("max", "oom_kill")


class CpuV2:
    """``cpu.stat``: microseconds; the limit's counts only with the ``cpu`` controller."""

    def __init__(self, folder: str, budget: Descriptors) -> None:
        self.files = (KeptFile(f"{folder}/cpu.stat", budget, 1024),)
        self._before: bytes | None = None
        self._values: tuple[Number, ...] = (None,) * 6
        self.rests = False

    def read(self, quiet: bool) -> tuple[Number, ...]:
        text = self.files[0].read()
        self.rests = text is not None and text == self._before
        if not self.rests:
            self._before = text
            self._values = tuple(_CPU.pick(text))
        return self._values


class MemoryV2:
    """The working set as cAdvisor has it: usage less ``inactive_file``, not below zero.

    The limit is that of the container's own group, ``max`` for none.
    """

    def __init__(self, folder: str, budget: Descriptors) -> None:
        usage = KeptFile(f"{folder}/memory.current", budget, 64)
        stat = KeptFile(f"{folder}/memory.stat", budget, 8192)
        events = KeptFile(f"{folder}/memory.events", budget, 512)
        self._swap = KeptFile(f"{folder}/memory.swap.current", budget, 64)
        self._limit = KeptFile(f"{folder}/memory.max", budget, 64)
        self.files = (usage, stat, events, self._swap, self._limit)
        self._stat = Parsed(stat, _MEMORY.pick)
        self._events = Parsed(events, _EVENTS.pick)
        self._before: bytes | None = None
        self._values: tuple[Number, ...] = (None,) * 8

    def read(self, quiet: bool) -> tuple[Number, ...]:
        text = self.files[0].read()
        if quiet and text is not None and text == self._before:
            return self._values
        self._before = text
        usage = number(text)
        inactive, anonymous, cache = self._stat.read()
        failures, kills = self._events.read()
        self._values = (
            usage,
            None if usage is None or inactive is None else max(0, usage - inactive),
            anonymous,
            cache,
            number(self._swap.read()),
            number(self._limit.read()),
            failures,
            kills,
        )
        return self._values


class BlockV2:
    """``io.stat``; empty until the first request, and without the ``io`` controller not there."""

    def __init__(self, folder: str, budget: Descriptors, stacks: Stacks) -> None:
        self.files = (KeptFile(f"{folder}/io.stat", budget),)
        self._stacks = stacks
        self._stat = Parsed(self.files[0], self._parse, records=True)

    def read(self, quiet: bool) -> tuple[Number, ...]:
        """Also of what rests: the kernel writes for it."""
        return self._stat.read()

    def _parse(self, text: bytes | None) -> tuple[Number, ...]:
        if text is None:
            return (None,) * 4
        found = io_stat(text)
        return self._stacks.total(found) if found else (0,) * 4


class Pressure:
    """``cpu.pressure``, ``memory.pressure``, ``io.pressure``: in the unified hierarchy they need no
    controller, so they are also there where version 1 does the rest.

    Source: kernel, ``accounting/psi.rst``.
    """

    def __init__(self, folder: str, budget: Descriptors) -> None:
        names = ("cpu", "memory", "io")
        self.files = tuple(KeptFile(f"{folder}/{name}.pressure", budget, 512) for name in names)
        self._cpu, self._memory, self._io = (Parsed(file, pressure) for file in self.files)

    def read(self, quiet: bool) -> tuple[Number, ...]:
        """Also of what rests: who waits for a disk uses no CPU."""
        return (self._cpu.read()[0], *self._memory.read(), *self._io.read())
