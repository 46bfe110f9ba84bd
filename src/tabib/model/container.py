"""What is to be created on an engine, and what an engine shows: specs and observed state.

All instants are aware UTC datetimes; sizes are bytes; durations are seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Json = Mapping[str, Any]

# ── labels (docker/compose pkg/api/labels.go; ours live under ``tabib.``) ──────────────────────
LABEL_PROJECT = "com.docker.compose.project"
LABEL_SERVICE = "com.docker.compose.service"
LABEL_NUMBER = "com.docker.compose.container-number"
LABEL_ONEOFF = "com.docker.compose.oneoff"
LABEL_CONFIG_HASH = "com.docker.compose.config-hash"
LABEL_CONFIG_FILES = "com.docker.compose.project.config_files"
LABEL_ENVIRONMENT_FILE = "com.docker.compose.project.environment_file"
LABEL_WORKING_DIR = "com.docker.compose.project.working_dir"
LABEL_DEPENDS_ON = "com.docker.compose.depends_on"
LABEL_IMAGE = "com.docker.compose.image"
LABEL_REPLACE = "com.docker.compose.replace"
LABEL_NETWORK = "com.docker.compose.network"
LABEL_VOLUME = "com.docker.compose.volume"
LABEL_VERSION = "com.docker.compose.version"
LABEL_RELEASE = "tabib.release"
LABEL_OWNER = "tabib.installation"
LABEL_VOLUME_ID = "tabib.volume-id"
LABEL_VOLUME_GENERATION = "tabib.volume-generation"
LABEL_HOOKS = "tabib.hooks"
"""JSON of ``post_start`` and ``pre_stop``, on containers that have some; may hold secrets."""
LABEL_NOTIFY = "tabib.notify"
"""And ``tabib.notify.*``: notification URLs, which are secrets."""
LABEL_REPOSITORY = "tabib.backup.repositor"
"""And what begins so (``tabib.backup.repository.environment.…``): URLs and credentials."""

RUNNING = ("running", "paused", "restarting")
"""States in which a container has, or is about to have, a process, endpoints and ports."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """One mount of a container. ``source`` is a path, an engine volume name, or empty."""

    type: str
    """``bind``, ``volume``, ``tmpfs`` or ``image``."""
    source: str = ""
    target: str
    read_only: bool = False
    options: Json = field(default_factory=dict)
    """The canonical ``bind``/``volume``/``tmpfs`` option mapping of Compose's long form."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One network attachment; ``options`` is the canonical per-service network mapping."""

    network: str
    """The engine's network name."""
    aliases: tuple[str, ...] = ()
    options: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class InjectedFile:
    """A secret or config whose content is streamed into the container before it starts."""

    path: str
    content: str
    uid: int = 0
    gid: int = 0
    mode: int = 0o444


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerSpec:
    """Everything an engine needs to create one container.

    ``service`` is the canonical service mapping; names of networks, volumes and other containers
    are already resolved to the engine's. Where ``raw`` is given (a container that was adopted),
    the adapter recreates from that engine-specific creation body instead.
    """

    name: str
    project: str
    service_name: str
    slot: int
    image: str
    service: Json = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    mounts: tuple[Mount, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()
    network_mode: str = ""
    """``""`` (attach ``endpoints``), ``none``, ``host``, ``bridge`` or ``container:<name>``."""
    files: tuple[InjectedFile, ...] = ()
    oneoff: bool = False
    tty: bool | None = None
    stdin_open: bool | None = None
    raw: Json | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkSpec:
    """A network to create; ``spec`` is the canonical Compose mapping."""

    name: str
    spec: Json = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeSpec:
    """A volume to create. ``directory`` non-empty: back it by that folder (bind, generation)."""

    name: str
    spec: Json = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    directory: str = ""


# ── observed ───────────────────────────────────────────────────────────────────────────────────


IMAGE_INDEXES = "image.indexes"
"""Capability: images of several platforms, and attestations beside them, can be kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineInfo:
    """Who the engine is. ``id`` is stable over restarts; ``started_at`` is not."""

    id: str
    kind: str
    """``docker``, ``memory`` (later ``swarm``, ``kubernetes``)."""
    version: str
    api_version: str
    endpoint: str
    hostname: str = ""
    os: str = "linux"
    architecture: str = ""
    root_dir: str = ""
    started_at: datetime | None = None
    """When the engine process started, where it can be known."""
    local: bool = False
    """The engine sees the same file system as this process (bind paths mean the same)."""
    cgroup_version: int = 0
    capabilities: frozenset[str] = frozenset()
    """e.g. ``healthcheck.start_interval``, ``mount.subpath``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PortBinding:
    container_port: int
    protocol: str = "tcp"
    host_ip: str = ""
    host_port: int = 0
    """0: exposed, not published."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MountState:
    type: str
    name: str = ""
    """The engine's volume name; empty for binds."""
    source: str = ""
    target: str
    read_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerState:
    """One container as the engine shows it.

    Fields below ``# detail`` are only known when it was observed with ``detail=True``;
    otherwise they hold their defaults.
    """

    id: str
    name: str
    status: str
    """``created``, ``running``, ``paused``, ``restarting``, ``removing``, ``exited``, ``dead``."""
    image: str
    image_id: str
    created_at: datetime
    health: str = ""
    """``""`` (no check), ``starting``, ``healthy`` or ``unhealthy``."""
    exit_code: int | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    networks: Mapping[str, str] = field(default_factory=dict)
    """Engine network name → network id."""
    mounts: tuple[MountState, ...] = ()
    ports: tuple[PortBinding, ...] = ()
    # detail
    started_at: datetime | None = None
    finished_at: datetime | None = None
    restarts: int = 0
    oom_killed: bool = False
    error: str = ""
    """The engine's own ``State.Error``: why it could not start the container."""
    restart_policy: str = ""
    pid: int = 0
    """Host process id of its first process; 0 while none runs."""
    log_driver: str = ""
    log_path: str = ""
    """The engine's own log file on its host; empty where the driver keeps none."""

    @property
    def project(self) -> str:
        return self.labels.get(LABEL_PROJECT, "")

    @property
    def service(self) -> str:
        return self.labels.get(LABEL_SERVICE, "")

    @property
    def slot(self) -> int:
        number = self.labels.get(LABEL_NUMBER, "0")
        return int(number) if number.isdigit() else 0

    @property
    def oneoff(self) -> bool:
        return self.labels.get(LABEL_ONEOFF, "").lower() == "true"

    @property
    def config_hash(self) -> str:
        return self.labels.get(LABEL_CONFIG_HASH, "")

    @property
    def release(self) -> int | None:
        number = self.labels.get(LABEL_RELEASE, "")
        return int(number) if number.isdigit() else None


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkState:
    id: str
    name: str
    driver: str = "bridge"
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeState:
    name: str
    driver: str = "local"
    labels: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    mountpoint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageState:
    """A local image. ``digests`` are repository digests (``name@sha256:…``)."""

    id: str
    tags: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()
    platform: str = ""
    volumes: tuple[str, ...] = ()
    """Paths that the image declares as VOLUME."""
    has_healthcheck: bool = False
    exposed: tuple[str, ...] = ()
    """Ports that the image declares as EXPOSE, e.g. ``80/tcp``."""
    size_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """One look at an engine. Restricted to one project where one was asked for."""

    at: datetime
    containers: tuple[ContainerState, ...] = ()
    networks: tuple[NetworkState, ...] = ()
    volumes: tuple[VolumeState, ...] = ()
    images: Mapping[str, ImageState] = field(default_factory=dict)
    """Reference as asked for → local image; absent ones are missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    stream: str
    """``stdout`` or ``stderr``."""
    text: str
    """Without its line end; invalid UTF-8 replaced."""
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecResult:
    exit_code: int
    stdout: bytes
    stderr: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """What the engine's data takes on its disk, in bytes."""

    writable_layers: Mapping[str, int] = field(default_factory=dict)
    """Container id → size of what it wrote outside volumes."""
    volumes: Mapping[str, int] = field(default_factory=dict)
    """Volume name → size; volumes whose size the engine does not tell are missing."""
