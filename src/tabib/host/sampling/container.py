"""All that is read of one container at a tick."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

from tabib.host.sampling.block import Stacks
from tabib.host.sampling.cgroup_v1 import BlockV1, CpuV1, MemoryV1
from tabib.host.sampling.cgroup_v2 import BlockV2, CpuV2, MemoryV2, Pressure
from tabib.host.sampling.files import Descriptors, KeptFile, close_all
from tabib.host.sampling.hierarchies import Groups
from tabib.host.sampling.population import BlockOfProcesses, Descriptions, Population
from tabib.host.sampling.process import FirstProcess
from tabib.host.sampling.roots import LOOK_AGAIN_TICKS, Roots
from tabib.host.sampling.text import NO_NETWORK, Number, total
from tabib.model.sample import Reading, Subject, Target

CPU = ("cpu_us", "cpu_user_us", "cpu_system_us", "cpu_throttled_us", "cpu_periods",
       "cpu_throttled_periods")  # fmt: skip
MEMORY = ("memory_bytes", "memory_working_set_bytes", "memory_rss_bytes", "memory_cache_bytes",
          "memory_swap_bytes", "memory_limit_bytes", "memory_failures", "oom_kills")  # fmt: skip
BLOCK = ("block_read_bytes", "block_written_bytes", "block_reads", "block_writes")
NETWORK = (
    "network_received_bytes", "network_sent_bytes", "network_received_packets",
    "network_sent_packets", "network_receive_errors", "network_send_errors",
    "network_receive_drops", "network_send_drops",
)  # fmt: skip
POPULATION = ("processes", "threads", "open_files")
PRESSURE = ("cpu_pressure_us", "memory_pressure_us", "memory_pressure_full_us",
            "io_pressure_us", "io_pressure_full_us")  # fmt: skip
KNOWN = ("state", "health", "restarts", "writable_layer_bytes", "log_bytes")
LAYOUT = (*CPU, *MEMORY, *BLOCK, *NETWORK, *POPULATION, *PRESSURE, *KNOWN)
"""``metrics.CONTAINER``, part by part; a test holds them together."""


class Part(Protocol):
    """Reads a run of values. ``quiet``: none of the container's tasks has run since the last time,
    so what only they can change stands as it was and is not read again."""

    @property
    def files(self) -> tuple[KeptFile, ...]: ...

    def read(self, quiet: bool) -> tuple[Number, ...]: ...


class CpuPart(Part, Protocol):
    rests: bool
    """The CPU time of the last reading is that of the one before, to the nanosecond."""


class Nothing:
    """A part that cannot be read here."""

    files: tuple[KeptFile, ...] = ()
    rests = False

    def __init__(self, names: tuple[str, ...]) -> None:
        self._values: tuple[Number, ...] = (None,) * len(names)

    def read(self, quiet: bool) -> tuple[Number, ...]:
        return self._values


@dataclass(frozen=True, slots=True)
class Shared:
    """What all containers' readers use together."""

    budget: Descriptors
    stacks: Stacks
    descriptions: Descriptions
    roots: Roots
    blocks_counted: bool
    """Version 1's groups know of disk traffic."""


class Container:
    """One container, attached to its first process. ``network``: whether the counts of its network
    namespace are its own, see the sampler."""

    def __init__(self, pid: int, process: FirstProcess, groups: Groups, shared: Shared) -> None:
        self.pid = pid
        self.process = process
        self.network = True
        self.parts = _parts(groups, shared)
        self._cpu, self._memory, self._block, self._population, self._pressure = self.parts
        self._interfaces: dict[str, Subject] = {}
        self._ticks = pid  # so that not all of them look anew at the same tick
        self._subject: Subject | None = None

    def read(self, target: Target) -> list[Reading]:
        """The container and its interfaces; nothing where it is gone."""
        self._ticks += 1
        quiet = self._ticks % LOOK_AGAIN_TICKS > 0
        cpu = self._cpu.read(quiet)
        quiet = quiet and self._cpu.rests
        memory, population = self._memory.read(quiet), self._population.read(quiet)
        found = self.process.interfaces()
        if found is None and cpu[0] is None and memory[0] is None and population[1] is None:
            return []
        network, readings = NO_NETWORK, []
        if self.network and found is not None:
            network = total(list(found.values()))
            readings = [
                Reading(subject=self._interface(target.subject, name), values=values)
                for name, values in found.items()
            ]
        values = (
            *cpu, *memory, *self._block.read(quiet), *network, *population,
            *self._pressure.read(quiet),
            *map(target.known.get, KNOWN),
        )  # fmt: skip
        return [Reading(subject=target.subject, values=values), *readings]

    def _interface(self, subject: Subject, name: str) -> Subject:
        if subject != self._subject:
            self._subject = subject
            self._interfaces.clear()
        found = self._interfaces.get(name)
        if found is None:
            found = self._interfaces[name] = replace(
                subject, kind="interface", id=f"{subject.id}/{name}", name=name, parent=subject.id
            )
        return found

    @property
    def forbidden(self) -> bool:
        """Whether a file of its control groups may not be read."""
        return any(file.forbidden for part in self.parts for file in part.files)

    def close(self) -> None:
        self.process.close()
        for part in self.parts:
            close_all(part.files)


def _parts(groups: Groups, shared: Shared) -> tuple[CpuPart, Part, Part, Part, Part]:
    """CPU, memory, block devices, population, pressure: each from version 1 where its controller
    is mounted there, else from the unified hierarchy."""
    v1, unified, budget = groups.v1, groups.unified, shared.budget
    cpu: CpuPart = Nothing(CPU)
    memory: Part = Nothing(MEMORY)
    block: Part = Nothing(BLOCK)
    if "cpuacct" in v1:
        cpu = CpuV1(v1["cpuacct"], v1.get("cpu", v1["cpuacct"]), budget)
    elif unified:
        cpu = CpuV2(unified, budget)
    if "memory" in v1:
        memory = MemoryV1(v1["memory"], budget)
    elif unified:
        memory = MemoryV2(unified, budget)
    members = v1.get("pids") or unified or next(iter(v1.values()), "")
    population: Part = Nothing(POPULATION)
    if members:
        population = Population(members, budget, shared.descriptions)
    if "blkio" not in v1 and unified:
        block = BlockV2(unified, budget, shared.stacks)
    elif "blkio" in v1 and shared.blocks_counted:
        block = BlockV1(v1["blkio"], budget, shared.stacks)
    elif isinstance(population, Population):
        block = BlockOfProcesses(population, shared.roots, shared.descriptions)
    pressure: Part = Pressure(unified, budget) if unified else Nothing(PRESSURE)
    return cpu, memory, block, population, pressure
