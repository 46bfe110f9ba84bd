"""Checkups: what is looked at, and what is found. ``CheckupFinding`` is the JSON contract."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from tabib.model.backup import Copies
from tabib.model.container import ImageState, MountState, PortBinding, VolumeState
from tabib.model.incident import Case, Evidence, Incident

NODE = "node"
"""The target of what concerns the machine and the engine as a whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """What a checkup looks at of one container; nothing in it is a secret value."""

    id: str
    name: str
    project: str = ""
    service: str = ""
    config_file: str = ""
    """The first Compose file that it was made from; empty where none is known."""
    oneoff: bool = False
    job: bool = False
    """Another service waits for its end, or ``tabib.job`` says so."""
    ignored: frozenset[str] = frozenset()
    """Codes and patterns of codes that its label ``tabib.checkup.ignore`` names."""
    image: str = ""
    """The reference as it was written."""
    image_id: str = ""
    status: str = ""
    health: str = ""
    has_health_check: bool = False
    exit_code: int | None = None
    oom_killed: bool = False
    engine_error: str = ""
    restarts: int = 0
    restart_policy: str = ""
    """``""`` or ``no``: none."""
    in_care: bool = False
    """tabib looks after it and may act."""
    halted: str = ""
    """Why it shall not run by tabib's care record; empty where it shall."""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    memory_limit_bytes: int = 0
    """0: none."""
    memory_peak_bytes: int | None = None
    """The most it used within the last hour, as the recorder has it."""
    oom_kills: int | None = None
    """Processes in it that the kernel killed for memory since it was started, as the recorder has
    it."""
    throttled_share: float | None = None
    """Of the periods of its CPU limit between the newest readings, how many were held up."""
    pids_limit: int = 0
    """0: none."""
    user: str = ""
    uid: int | None = None
    """Of its first process on the machine; None: not known."""
    privileged: bool = False
    capabilities: tuple[str, ...] = ()
    """Added ones, without ``CAP_``."""
    host_namespaces: tuple[str, ...] = ()
    """Of ``network``, ``pid`` and ``ipc`` those that are the machine's own."""
    secret_names: tuple[str, ...] = ()
    """Environment variables whose values are secrets."""
    log_driver: str = ""
    log_rotated: bool = True
    """Whether its driver bounds what is kept."""
    log_bytes: int | None = None
    """Its log on the disk; None: not known."""
    mounts: tuple[MountState, ...] = ()
    ports: tuple[PortBinding, ...] = ()
    """Those that it publishes, or would publish if it ran."""

    @property
    def runs(self) -> bool:
        return self.status in ("running", "paused", "restarting")

    @property
    def target(self) -> str:
        return f"{self.project}/{self.service}" if self.project and self.service else self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """A certificate that a published port showed. ``subject``: its common name or first name."""

    container_id: str
    host: str
    port: int
    subject: str
    not_before: datetime
    not_after: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TagNow:
    """What a registry has under a tag now. ``digest`` empty: not known, ``why`` says."""

    digest: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """Room on the file system of the engine's data; ``inodes`` 0: it does not count them."""

    path: str
    size_bytes: int
    free_bytes: int
    inodes: int = 0
    inodes_free: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """Everything that a checkup's rules may look at. Names are redacted, values are left out."""

    at: datetime
    containers: tuple[Examined, ...] = ()
    images: tuple[ImageState, ...] = ()
    volumes: tuple[VolumeState, ...] = ()
    volume_bytes: Mapping[str, int] = field(default_factory=dict)
    volume_files: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Volume name or bind's source → some of the files in it, where they can be read."""
    build_cache_bytes: int | None = None
    memory_bytes: int = 0
    clock_offset_s: float = 0.0
    event_gaps: int = 0
    """How often the stream of events ended since the daemon started."""
    room: Room | None = None
    certificates: tuple[Certificate, ...] = ()
    tags: Mapping[str, TagNow] = field(default_factory=dict)
    """Image reference → what its registry says; only of those that were asked for."""
    cases: Mapping[str, Case] = field(default_factory=dict)
    """Container id → the evidence of one that is in trouble now."""
    incidents: tuple[Incident, ...] = ()
    """Those that are open."""
    copies: Mapping[str, Copies] = field(default_factory=dict)
    """Project in care → what tabib has of its data; empty where it copies none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckupFinding:
    """One finding. ``target``: ``project/service``, a container's name, or ``node``."""

    target: str
    code: str
    severity: str
    summary: str
    evidence: tuple[Evidence, ...] = ()
    advice: str = ""
    project: str = ""
    service: str = ""
    containers: tuple[str, ...] = ()
    """Names of the containers that it was found in."""
    file: str = ""
    """The Compose file of the service, where one is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grade:
    """How a project is: ``score`` 0…100, ``grade`` A…F. ``project`` empty: containers without one;
    :data:`NODE`: the machine."""

    project: str
    score: int
    grade: str
    services: int
    findings: Mapping[str, int] = field(default_factory=dict)
    """Severity → how many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Priority:
    """One thing to do: a code with all that it was found in."""

    code: str
    severity: str
    advice: str
    targets: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleText:
    """What a code means, for formats that list their rules."""

    explain: str
    advice: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkup:
    """The answer. ``notes``: what could not be looked at, and why."""

    at: datetime
    target: str
    engine: str
    findings: tuple[CheckupFinding, ...] = ()
    grades: tuple[Grade, ...] = ()
    first: tuple[Priority, ...] = ()
    rules: Mapping[str, RuleText] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    containers: int = 0
    """How many were looked at."""
    ignored: int = 0
    """Findings that were left out because somebody said so."""
