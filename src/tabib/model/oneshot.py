"""Helper containers that run one program and go: what restic and its like run in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tabib.model.container import InjectedFile, Mount

LABEL_HELPER = "tabib.helper"
"""On every helper container: what it is for (``backup``, ``restore``, ``drill``, ``wal`` …). Such
containers belong to no project and are never cared for, recorded as services, or backed up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OneShot:
    """One program in a container of its own, removed when it has ended.

    It gets no network unless one is named, no capability unless one is named, and a root that
    cannot be written to but for ``mounts``.
    """

    purpose: str
    """The value of :data:`LABEL_HELPER`."""
    image: str
    argv: tuple[str, ...]
    """The whole command line: the image's entrypoint is not used."""
    name: str = ""
    hostname: str = "tabib"
    environment: Mapping[str, str] = field(default_factory=dict)
    """May hold secrets: never logged."""
    mounts: tuple[Mount, ...] = ()
    files: tuple[InjectedFile, ...] = ()
    """Put in before it starts; may hold secrets."""
    network: str = "none"
    """``none``, ``host``, ``bridge``, ``container:<id>`` or the engine's name of a network."""
    user: str = ""
    capabilities: tuple[str, ...] = ()
    """The only ones it has, as ``DAC_READ_SEARCH``."""
    memory_bytes: int = 0
    """0: no limit."""
    cpu_shares: int = 0
    """Weight beside other containers, of 1024 usually; 0: as the others."""
    cpus: float = 0.0
    """At most so much of a processor; 0: no limit."""
    stdin: bool = False
    """Whether input is written to it; where not, it reads the end of it at once."""
    labels: Mapping[str, str] = field(default_factory=dict)
