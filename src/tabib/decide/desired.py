"""What ``reconcile`` is told to reach: the project, and how far the user lets it go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tabib.model.container import Mount
from tabib.model.project import Project, Service


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumePlace:
    """Where a plain volume's data lives: ``directory`` is generation ``generation`` of ``id``.

    ``existing``: the folder is there already, with the data of a volume whose name was removed.
    """

    id: str
    generation: int
    directory: str
    existing: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a user (or care) wants a project brought up."""

    force_recreate: bool = False
    no_recreate: bool = False
    always_recreate_deps: bool = False
    no_deps: bool = False
    no_start: bool = False
    remove_orphans: bool = False
    renew_anonymous: bool = False
    wait: bool = True
    timeout_s: float | None = None
    """Grace for containers that are replaced; None: each container's own."""
    wait_timeout_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Desired:
    """The desired state of one project on one engine.

    ``services``: those asked for; empty means all. ``places`` gives a folder for each plain volume
    that may have to be created (ids are not made up here). ``kept_mounts`` are anonymous volumes
    of containers that are gone, by container name. ``only`` restricts the work to these container
    names; ``halted`` names containers that shall stay as they are. ``compose_hashes``: the hash by
    which Docker Compose knows a service that refers to other containers, as they are now.
    """

    project: Project
    release: int
    installation: str = ""
    services: tuple[str, ...] = ()
    scale: Mapping[str, int] = field(default_factory=dict)
    options: Options = field(default_factory=Options)
    places: Mapping[str, VolumePlace] = field(default_factory=dict)
    kept_mounts: Mapping[str, tuple[Mount, ...]] = field(default_factory=dict)
    only: frozenset[str] | None = None
    halted: frozenset[str] = frozenset()
    compose_hashes: Mapping[str, str] = field(default_factory=dict)

    def replicas(self, service: Service) -> int:
        """How many containers of ``service`` there shall be."""
        return self.scale.get(service.name, service.replicas)
