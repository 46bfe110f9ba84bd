"""The kernel's figures of this machine, as a :class:`tabib.ports.Sampler`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tabib.host.sampling.block import Stacks
from tabib.host.sampling.cgroup_v1 import counts_blocks
from tabib.host.sampling.container import Container, Shared
from tabib.host.sampling.disks import Disks
from tabib.host.sampling.files import Descriptors
from tabib.host.sampling.hierarchies import Hierarchies, groups, mounted
from tabib.host.sampling.lacks import Lacks
from tabib.host.sampling.node import Node
from tabib.host.sampling.population import Descriptions
from tabib.host.sampling.process import FirstProcess, node_namespace
from tabib.host.sampling.roots import Roots
from tabib.model.sample import Missing, Reading, Subject, Target

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Open:
    """What is opened with the first use: constructors do no I/O."""

    hierarchies: Hierarchies
    shared: Shared
    node: Node
    namespace: str
    """The machine's network namespace."""


class KernelSampler:
    """Reads control groups of version 1 and 2 and ``/proc``; see the port for what it promises.

    A container in the machine's own network namespace has no network figures: the node has them.
    Of several in one namespace, the one that started first has them: it made the namespace.

    ``disks``: paths whose file systems are watched, e.g. the engine's root. Linux only; 50
    containers take 3 ms.
    """

    def __init__(
        self,
        engine_id: str,
        hostname: str,
        disks: Sequence[Path | str] = (),
        roots: Roots | None = None,
    ) -> None:
        self._roots = roots or Roots()
        self._disks = Disks(engine_id, [str(path) for path in disks], self._roots)
        self._subject = Subject(kind="node", id=hostname, engine_id=engine_id, name=hostname)
        self._containers: dict[Key, Container] = {}
        self._lacks = Lacks(self._roots)
        self._opened: _Open | None = None

    def sample(self, targets: Sequence[Target]) -> list[Reading]:
        opened = self._open()
        self._attach(targets, opened)
        readings: list[Reading] = []
        for target in targets:
            key = (target.subject.engine_id, target.subject.id)
            container = self._containers.get(key)
            if container is None:
                continue
            found = container.read(target)
            if found:
                readings += found
            else:
                self._detach(key)
        readings.append(Reading(subject=self._subject, values=opened.node.read()))
        return readings + self._disks.read()

    @property
    def missing(self) -> tuple[Missing, ...]:
        opened = self._open()
        descriptions = opened.shared.descriptions
        if descriptions.forbidden:
            self._lacks.descriptors_forbidden()
        if descriptions.traffic_forbidden:
            self._lacks.traffic_forbidden()
        if any(container.forbidden for container in self._containers.values()):
            self._lacks.groups_forbidden()
        return (*self._lacks.found, *self._disks.missing.values())

    def close(self) -> None:
        """Let go of every descriptor; sampling again opens them anew. Idempotent."""
        for key in list(self._containers):
            self._detach(key)
        if self._opened:
            self._opened.node.close()
            self._opened = None

    def _open(self) -> _Open:
        if self._opened is None:
            budget = Descriptors()
            hierarchies = mounted(self._roots)
            blkio = hierarchies.v1.get("blkio")
            shared = Shared(
                budget=budget,
                stacks=Stacks(self._roots),
                descriptions=Descriptions(self._roots),
                roots=self._roots,
                blocks_counted=blkio is not None and counts_blocks(blkio.folder),
            )
            self._opened = _Open(
                hierarchies=hierarchies,
                shared=shared,
                node=Node(self._roots, budget),
                namespace=node_namespace(str(self._roots.proc)),
            )
            self._lacks.look(hierarchies, self._opened.node)
            if blkio and not shared.blocks_counted:
                self._lacks.requests_uncounted()
        return self._opened

    def _attach(self, targets: Sequence[Target], opened: _Open) -> None:
        """Readers for what is new, none for what is no target any more."""
        wanted = {(t.subject.engine_id, t.subject.id): t for t in targets if t.pid > 0}
        changed = False
        for key in [k for k in self._containers if k not in wanted]:
            self._detach(key)
            changed = True
        for key, target in wanted.items():
            container = self._containers.get(key)
            if container and container.pid == target.pid:
                continue
            if container:
                self._detach(key)
            attached = self._reader(target, opened)
            if attached:
                self._containers[key] = attached
            changed = True
        if changed:
            self._share_networks(opened.namespace)

    def _reader(self, target: Target, opened: _Open) -> Container | None:
        """None: its process is gone, or its number is another process's by now."""
        try:
            process = FirstProcess(str(self._roots.proc), target.pid)
        except OSError as error:
            self._lacks.process_unseen(error)
            return None
        found = groups(process.cgroups, target.subject.id, opened.hierarchies)
        if not found.named:
            process.close()
            return None
        if not process.namespace:
            self._lacks.namespace_forbidden()
        container = Container(target.pid, process, found, opened.shared)
        self._lacks.groups_of(found)
        return container

    def _share_networks(self, node: str) -> None:
        owners: dict[str, Container] = {}
        for container in self._containers.values():
            name = container.process.namespace
            first = owners.get(name)
            if first is None or _age(container) < _age(first):
                owners[name] = container
        for container in self._containers.values():
            name = container.process.namespace
            container.network = bool(name) and name != node and owners[name] is container

    def _detach(self, key: Key) -> None:
        self._containers.pop(key).close()


def _age(container: Container) -> tuple[int, int]:
    return container.process.started, container.pid
