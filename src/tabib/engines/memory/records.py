"""What the memory engine remembers of its containers, networks, volumes and images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tabib.engines.memory.program import FOREVER, Program
from tabib.model.container import LABEL_SERVICE, LogLine


@dataclass(slots=True)
class FileNode:
    content: bytes = b""
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    mtime: float = 0.0


Files = dict[str, FileNode]
"""Path (absolute in a container, relative to its root in a volume) → file."""


@dataclass(slots=True)
class ImageRecord:
    id: str
    tags: set[str] = field(default_factory=set)
    digests: set[str] = field(default_factory=set)
    config: dict[str, Any] = field(default_factory=dict)
    """Cmd, Entrypoint, Env, Volumes, ExposedPorts, Healthcheck, StopSignal, Labels …"""
    platform: str = "linux/amd64"
    size_bytes: int = 1_000_000


@dataclass(slots=True)
class NetworkRecord:
    id: str
    name: str
    driver: str = "bridge"
    labels: dict[str, str] = field(default_factory=dict)
    spec: Mapping[str, Any] = field(default_factory=dict)
    active: set[str] = field(default_factory=set)
    """Ids of containers with a live endpoint."""
    predefined: bool = False


@dataclass(slots=True)
class VolumeRecord:
    name: str
    driver: str = "local"
    labels: dict[str, str] = field(default_factory=dict)
    options: dict[str, str] = field(default_factory=dict)
    files: Files = field(default_factory=dict)
    """Shared with every volume backed by the same directory."""
    anonymous: bool = False


@dataclass(slots=True)
class MountRecord:
    type: str
    target: str
    name: str = ""
    source: str = ""
    read_only: bool = False
    files: Files = field(default_factory=dict)
    anonymous: bool = False


@dataclass(slots=True)
class Attachment:
    """One network of a container; ``network_id`` is empty until its first start."""

    name: str
    aliases: tuple[str, ...] = ()
    network_id: str = ""
    live: bool = False


@dataclass(slots=True)
class Health:
    """A health check and where it stands. Durations in seconds."""

    test: tuple[str, ...]
    interval_s: float = 30.0
    timeout_s: float = 30.0
    retries: int = 3
    start_period_s: float = 0.0
    status: str = "starting"
    streak: int = 0
    log: list[dict[str, Any]] = field(default_factory=list)


@dataclass(slots=True)
class ContainerRecord:
    id: str
    name: str
    image: str
    image_id: str
    created_at: datetime
    command: tuple[str, ...]
    labels: dict[str, str]
    config: dict[str, Any]
    """The engine's ``Config``."""
    host_config: dict[str, Any]
    mounts: list[MountRecord] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    ports: list[tuple[int, str, str, int]] = field(default_factory=list)
    """(container port, protocol, host address, host port); host port 0: exposed alone."""
    files: Files = field(default_factory=dict)
    health: Health | None = None
    stop_signal: int = 15
    stop_timeout_s: float = 10.0
    restart: str = "no"
    max_retries: int = 0
    # state
    status: str = "created"
    exit_code: int = 0
    error: str = ""
    oom_killed: bool = False
    started_at: datetime | None = None
    finished_at: datetime | None = None
    restarts: int = 0
    stopped_by_hand: bool = False
    program: Program = FOREVER
    life: int = 0
    """Counts starts and ends: a timer of an earlier life does nothing."""
    backoff_s: float = 0.1
    logs: list[LogLine] = field(default_factory=list)
    health_override: bool | None = None
    bound: dict[tuple[int, str, str, int], tuple[str, int]] = field(default_factory=dict)
    """Entry of ``ports`` → (protocol, host port) while it runs."""
    busy: str = ""
    """``starting`` or ``dying``: the engine holds its lock, an inspection waits."""

    @property
    def service(self) -> str:
        return self.labels.get(LABEL_SERVICE, "")

    @property
    def alive(self) -> bool:
        """Its main process exists. (``status`` says ``running`` a little longer.)"""
        return self.status in ("running", "paused") and self.busy != "dying"
