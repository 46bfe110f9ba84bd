"""What the user wants: a Compose project, after every stage of loading.

A service keeps its **canonical mapping** (``spec``): exactly the value that
``docker compose config --format json`` prints for it, in Compose's own field order. Adapters
translate from ``spec``; decisions use the few typed fields beside it. Source: compose-go's
``types.ServiceConfig`` as of Docker Compose 2.40.3.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependency:
    """One edge of ``depends_on`` (explicit, or implied by links, volumes_from, namespaces)."""

    service: str
    condition: str = "service_started"
    """``service_started``, ``service_healthy`` or ``service_completed_successfully``."""
    restart: bool = False
    """Restart this service after tabib restarts or recreates the dependency."""
    required: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One service in canonical form.

    ``spec`` may hold secret values (``environment``): it is never journalled or logged as it
    stands; ``stores.vault`` seals it first.
    """

    name: str
    spec: Json
    config_hash: str
    """Compose's own configuration hash, as its containers carry it: 64 hex digits."""
    printed_hash: str = ""
    """What ``docker compose config --hash`` prints; another one only with ``env_file`` or
    ``label_file``, which that command has not read yet."""
    image: str = ""
    """Image reference; for a service that is built without ``image``, ``<project>-<service>``."""
    replicas: int = 1
    """``scale`` or ``deploy.replicas``; 1 where neither is given."""
    container_name: str = ""
    depends_on: tuple[Dependency, ...] = ()
    networks: tuple[str, ...] = ()
    """Keys into ``Project.networks`` in order of connection (priority, then name)."""
    volumes: tuple[str, ...] = ()
    """Keys into ``Project.volumes`` that are mounted."""
    extension: Json = field(default_factory=dict)
    """``x-tabib`` and ``tabib.*`` labels of the service, merged over the project's."""

    @property
    def restart(self) -> str | None:
        """The restart policy as written, or ``None``; ``deploy.restart_policy`` is mapped, and
        wins over ``restart``, as in Compose."""
        policy = (self.spec.get("deploy") or {}).get("restart_policy")
        if policy is None:
            written = self.spec.get("restart")
            return None if written is None else str(written)
        condition = policy.get("condition", "any")
        if condition == "none":
            return "no"
        if condition == "on-failure":
            attempts = policy.get("max_attempts")
            return f"on-failure:{attempts}" if attempts else "on-failure"
        return "always"

    @property
    def has_healthcheck(self) -> bool:
        """Whether the file itself defines an active health check (the image may too)."""
        check = self.spec.get("healthcheck")
        if not check or check.get("disable"):
            return False
        test = check.get("test")
        return bool(test) and list(test)[:1] != ["NONE"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """A network of the project; ``spec`` is canonical, ``name`` the engine's name."""

    key: str
    name: str
    external: bool = False
    spec: Json = field(default_factory=dict)
    config_hash: str = ""
    """Compose's NetworkHash, put into ``com.docker.compose.config-hash``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """A named volume of the project; ``spec`` is canonical, ``name`` the engine's name."""

    key: str
    name: str
    external: bool = False
    spec: Json = field(default_factory=dict)
    config_hash: str = ""

    @property
    def plain(self) -> bool:
        """Local driver without options: tabib may hold its data in generations of its own."""
        return (
            not self.external
            and self.spec.get("driver", "local") in ("", "local")
            and not self.spec.get("driver_opts")
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FileObject:
    """A top-level secret or config.

    Exactly one of ``file`` (absolute path on the user's machine), ``content`` (literal, or the
    value of ``environment``) is set unless ``external``.
    """

    key: str
    name: str
    file: str = ""
    content: str | None = None
    external: bool = False
    spec: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadWarning:
    """Accepted, but worth a line: ``version`` is obsolete, a field has no effect."""

    message: str
    file: str = ""
    line: int = 0
    column: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A whole Compose project, interpolated, merged, validated and normalised.

    ``services`` holds the active ones in the file's canonical order (sorted by name);
    ``disabled`` those that no active profile enables.
    """

    name: str
    working_dir: str
    files: tuple[str, ...] = ()
    environment_files: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    services: Mapping[str, Service] = field(default_factory=dict)
    disabled: Mapping[str, Service] = field(default_factory=dict)
    networks: Mapping[str, Network] = field(default_factory=dict)
    volumes: Mapping[str, Volume] = field(default_factory=dict)
    secrets: Mapping[str, FileObject] = field(default_factory=dict)
    configs: Mapping[str, FileObject] = field(default_factory=dict)
    extensions: Json = field(default_factory=dict)
    """Top-level ``x-*`` keys."""
    inline: Json = field(default_factory=dict)
    """``x-*`` keys within services, networks, …, nested as they stand (list positions as text)."""
    models: Json = field(default_factory=dict)
    """Top-level ``models``, canonical; nothing here runs them yet."""
    warnings: tuple[LoadWarning, ...] = ()
    places: Mapping[str, str] = field(default_factory=dict)
    """Where in the files (``file:line:column``) what only the daemon can judge stands: the URLs of
    ``notify``, by their path (``x-tabib.notify[0]``)."""
