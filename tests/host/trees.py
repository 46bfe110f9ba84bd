"""Recorded trees to be read, and edited."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from tabib.host.sampling import KernelSampler, Roots
from tabib.model.metrics import METRICS
from tabib.model.sample import Reading, Subject, Target

RECORDINGS = Path(__file__).parent / "recordings"
V1_ID = "1b2141dac0187221884c88a48b9fad223941505b6c79666e17204cd0990583bf"
V2_ID = "c0ffee0000000000000000000000000000000000000000000000000000000007"


def named(reading: Reading) -> dict[str, int | None]:
    names = (metric.name for metric in METRICS[reading.subject.kind])
    return dict(zip(names, reading.values, strict=True))


@dataclass(frozen=True, slots=True)
class Tree:
    """A copy of a recording; ``group`` of version 2, or the folder of the controllers."""

    folder: Path
    container_id: str
    pid: int

    @property
    def group(self) -> Path:
        return self.folder / f"cgroup/system.slice/docker-{self.container_id}.scope"

    def v1(self, controller: str) -> Path:
        return self.folder / f"cgroup/{controller}/docker/{self.container_id}"

    @property
    def proc(self) -> Path:
        return self.folder / "proc"

    @property
    def process(self) -> Path:
        return self.proc / str(self.pid)

    def sampler(self, *disks: str) -> KernelSampler:
        folder = self.folder
        roots = Roots(proc=folder / "proc", sys=folder / "sys", cgroup=folder / "cgroup")
        return KernelSampler("engine", "machine", disks, roots)

    def target(self, **known: int) -> Target:
        return target(self.container_id, self.pid, **known)


def target(container_id: str, pid: int, **known: int) -> Target:
    subject = Subject(
        kind="container", id=container_id, engine_id="engine", name="c", project="shop", service="s"
    )
    return Target(subject=subject, pid=pid, known=known)


def v1(folder: Path) -> Tree:
    return _copy(folder, "v1", V1_ID, 11729)


def v2(folder: Path) -> Tree:
    return _copy(folder, "v2", V2_ID, 687)


def _copy(folder: Path, name: str, container_id: str, pid: int) -> Tree:
    shutil.copytree(RECORDINGS / name, folder / name, symlinks=True)
    return Tree(folder / name, container_id, pid)


def of(readings: list[Reading], kind: str) -> list[Reading]:
    return [reading for reading in readings if reading.subject.kind == kind]
