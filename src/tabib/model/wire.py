"""What travels between the command and the daemon: requests and stream messages.

The API is HTTP/1.1 over ``STATE_DIR/tabib.sock`` (see ``docs/api.md``). Bodies are JSON of these
nouns. Long work answers ``application/x-ndjson``: one message object per line, each with a
``type``; the last one is ``result`` or ``error``. Closing the connection does not stop the work.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tabib.model.backup import RepositoryAddress
from tabib.model.build import BuildChoice, BuildSource
from tabib.model.project import Project

API_VERSION = 1
ENDPOINT_HEADER = "X-Tabib-Endpoint"
"""Every request names its engine: the JSON of :class:`EndpointAddress`."""

# Stream messages, by ``type``:
#   operation {id, name, project}                      first line
#   note      {level: info|warning, text}
#   plan      {project, release, steps: [{id, verb, subject, reason, after, service}], notes: [..]}
#   step      {id, state: started|done|failed|skipped|stopped, subject, verb, seconds?, error?}
#   progress  {id, subject, text, current_bytes, total_bytes}
#   phase     {name}: what a restore does now (fetch, check, stop, swap, start)
#   context   {id, service}  the build of step `id` waits for its context: the command sends it to
#             `POST /v1/operations/{operation}/contexts?step={id}` as a tar stream
#   output    {id, subject, text}  a line that a build wrote
#   container {name, service, status, health}
#   result    {…}  what the operation returns, see each route
#   error     {error: TabibError.to_wire()}


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointAddress:
    """An engine endpoint as the command resolved it (DOCKER_HOST, context, default).

    ``url``: ``unix:///…``, ``tcp://host:port``, ``ssh://[user@]host[:port]`` or ``memory://name``.
    TLS material is given by absolute path.
    """

    url: str
    tls_ca: str = ""
    tls_cert: str = ""
    tls_key: str = ""
    tls_verify: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class UpRequest:
    """``POST /v1/projects/{name}/up`` → stream; result: {release, created: [..], recreated: [..],
    removed: [..], changed: bool, containers: {total, running, healthy, finished}, seconds}."""

    project: Project
    services: tuple[str, ...] = ()
    by: str = ""
    """Who asked: ``user@host``."""
    scale: Mapping[str, int] = field(default_factory=dict)
    pull: str = ""
    """``always``, ``missing``, ``never``, or ``""``: as each service says."""
    force_recreate: bool = False
    no_recreate: bool = False
    always_recreate_deps: bool = False
    no_deps: bool = False
    no_start: bool = False
    remove_orphans: bool = False
    renew_anon_volumes: bool = False
    wait: bool = True
    timeout_s: float | None = None
    """Grace for stopping containers that are replaced."""
    wait_timeout_s: float | None = None
    dry_run: bool = False
    yes: bool = False
    no_wait_lease: bool = False
    care: str = ""
    """``observe`` while the command itself waits for containers to exit; ``""``: as written."""
    credentials: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    build: str = ""
    """``always``, ``never``, or ``""``: what is missing, and as each service says."""
    sources: Mapping[str, BuildSource] = field(default_factory=dict)
    """Service → where it is built from."""
    no_backup: bool = False
    """Take no snapshot before what could cost data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildRequest:
    """``POST /v1/projects/{name}/build`` → stream; result: {images: {service: {image, id}},
    pushed: [..], seconds}."""

    project: Project
    services: tuple[str, ...] = ()
    with_dependencies: bool = False
    choice: BuildChoice = field(default_factory=BuildChoice)
    sources: Mapping[str, BuildSource] = field(default_factory=dict)
    by: str = ""
    dry_run: bool = False
    no_wait_lease: bool = False
    credentials: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagesRequest:
    """``POST /v1/projects/{name}/pull`` and ``…/push`` → stream; result: {images: {reference:
    id}, skipped: {service: why}, failed: {reference: why}, seconds}.

    ``policy``: ``missing`` or ``always`` for every service (``pull``); ``""``: as each says.
    """

    project: Project
    services: tuple[str, ...] = ()
    with_dependencies: bool = False
    policy: str = ""
    ignore_buildable: bool = False
    ignore_failures: bool = False
    by: str = ""
    dry_run: bool = False
    no_wait_lease: bool = False
    credentials: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DownRequest:
    """``POST /v1/projects/{name}/down`` → stream; result: {removed: [..], volumes: [..]}.

    ``project`` may be None: then what the engine and the journal know of the name is taken down.
    """

    project: Project | None = None
    services: tuple[str, ...] = ()
    volumes: bool = False
    remove_orphans: bool = False
    timeout_s: float | None = None
    dry_run: bool = False
    yes: bool = False
    no_wait_lease: bool = False
    by: str = ""
    no_backup: bool = False
    """Take no snapshot before volumes are removed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionRequest:
    """``POST /v1/projects/{name}/actions`` → stream; result: {containers: [names]}.

    ``verb``: ``start``, ``stop``, ``restart``, ``kill``, ``pause``, ``unpause``, ``rm``, ``scale``.
    Options: stop/restart ``timeout_s``; kill ``signal``; rm ``force``, ``stop``, ``volumes``;
    scale ``replicas: {service: n}``, ``no_deps``; restart ``no_deps``; all ``wait``.
    """

    verb: str
    services: tuple[str, ...] = ()
    project: Project | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    dry_run: bool = False
    yes: bool = False
    no_wait_lease: bool = False
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """``POST /v1/projects/{name}/run`` → stream; result: {container, name}.

    Starts the dependencies and creates (does not start) a one-off container of ``service`` in
    which ``overrides`` (canonical service fields: command, entrypoint, environment, user,
    working_dir, ports, volumes, labels, …) replace or, for environment and volumes, extend what
    the service says. The command attaches, then calls ``/v1/containers/{id}/start``.
    """

    project: Project
    service: str
    name: str = ""
    overrides: Mapping[str, Any] = field(default_factory=dict)
    tty: bool = False
    stdin_open: bool = False
    no_deps: bool = False
    service_ports: bool = False
    use_aliases: bool = False
    by: str = ""
    dry_run: bool = False
    no_wait_lease: bool = False
    credentials: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    build: str = ""
    sources: Mapping[str, BuildSource] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptRequest:
    """``POST /v1/projects/{name}/adopt`` → stream; result: {containers, mode}."""

    mode: str = "act"
    by: str = ""
    dry_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentRequest:
    """``POST /v1/incidents/{id}/treat``, ``…/undo`` → stream, result: {incident}; ``…/close`` →
    {incident}. ``reason``: why it is closed."""

    by: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreRequest:
    """``POST /v1/projects/{name}/restore`` → stream; result: {project, dry_run, snapshot, taken_at,
    rpo_seconds, rto_seconds, lost, phases, kept, checks, volumes}."""

    services: tuple[str, ...] = ()
    """Empty: every data set that the snapshot has."""
    snapshot: str = ""
    """Its id; empty: the newest good one."""
    to: str = ""
    """Restore into volumes of this other project's name."""
    to_time: datetime | None = None
    undo: bool = False
    """Put back what the last restore replaced; nothing else may be asked for then. Result:
    {project, dry_run, undone: {snapshot, restored_at}, volumes, kept, started}."""
    dry_run: bool = False
    yes: bool = False
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillRequest:
    """``POST /v1/projects/{name}/drill`` → stream; result: the snapshot with its drill."""

    snapshot: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoverRequest:
    """``POST /v1/recover`` → stream; result: {dry_run, repository, host: {…}, projects: [{project,
    state, snapshot, taken_at, verified_at, size_bytes, rpo_seconds, rto_seconds, images, ports,
    missing, notes, lost, error}], recovered, failed}. ``projects``: these alone; empty: all.
    ``images``: take images from the repository even where they could be pulled."""

    address: RepositoryAddress
    key: str
    projects: tuple[str, ...] = ()
    images: bool = False
    dry_run: bool = False
    yes: bool = False
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifyTestRequest:
    """``POST /v1/notify/test`` → [{destination, project, delivered, why, seconds}]. Who is told
    about ``project`` (empty: about anything), or ``url`` alone, which is not kept."""

    project: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupRequest:
    """``POST /v1/projects/{name}/backup`` → stream; result: {snapshot: row of ``snapshots``,
    let_go: [ids], key_shown: bool, seconds}. ``services``: only what they write to. ``prune``: no
    snapshot is taken; result: {let_go: [ids], freed_bytes, seconds}."""

    services: tuple[str, ...] = ()
    by: str = ""
    no_wait_lease: bool = False
    prune: bool = False
    images: bool = False
    """Keep the project's images in the repositories as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldRequest:
    """``POST /v1/snapshots/{id}/hold`` → row of ``snapshots``."""

    hold: bool = True
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRequest:
    """``POST /v1/backup/key`` → {key, shown_at, shown_to}: the key of this installation's
    repositories, and when and to whom it was shown last. It is refused where that was done once,
    unless ``again``."""

    again: bool = False
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryRequest:
    """``POST /v1/repository/snapshots`` → rows of ``snapshots``, read from the repository itself.
    ``key``: of another installation's; ``""``: this one's."""

    address: RepositoryAddress
    key: str = ""
    project: str = ""
