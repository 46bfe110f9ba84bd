"""Builds: where an image is built from, as the command found it, and what an engine is to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

ENGINE = "engine"
"""The Engine API's own builder: ``POST /build``."""
BUILDX = "buildx"
"""BuildKit through ``docker buildx`` on the daemon's machine."""
ENGINES_OWN = "default"
"""Buildx's name for the BuildKit that is in the engine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildSource:
    """Where a service is built from. Only the command sees the user's files, so it fills this in;
    the files of ``context`` follow as a stream once a build asks for them.
    """

    context: str = ""
    """Absolute folder on the command's machine; empty where the context is ``remote``."""
    remote: str = ""
    """A git or HTTP address that the engine fetches itself."""
    dockerfile: str = "Dockerfile"
    """Path within the archive."""
    text: str = ""
    """The Dockerfile itself; empty where it is not on the command's machine."""
    problem: str = ""
    """Why it cannot be built; matters only once it has to be."""
    advice: str = ""
    """What to do then, where it is not in `build:`."""
    secrets: Mapping[str, str] = field(default_factory=dict)
    """Id → value, Base64. They travel with one request, and nothing stores them."""
    ssh: tuple[str, ...] = ()
    """``id=path`` of agent sockets or keys, for builders on the command's own machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildChoice:
    """What the command line says of builds, beside the file."""

    no_cache: bool = False
    pull: bool = False
    args: Mapping[str, str] = field(default_factory=dict)
    push: bool = False
    builder: str = ""
    """A builder of ``docker buildx``, by name."""
    memory_bytes: int = 0
    """At most, for each instruction; only the engine's own builder knows it."""
    attestations: Mapping[str, str] = field(default_factory=dict)
    """``provenance`` and ``sbom``, as given; they win over the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildSpec:
    """Everything an engine needs to build one image. May hold secret values (``args``,
    ``secrets``): it is never journalled.
    """

    tags: tuple[str, ...]
    """The first is the service's image."""
    builder: str = ENGINE
    instance: str = ""
    """Which of buildx's builders; empty: the one that the user has chosen there."""
    dockerfile: str = "Dockerfile"
    text: str = ""
    remote: str = ""
    args: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    target: str = ""
    cache_from: tuple[str, ...] = ()
    cache_to: tuple[str, ...] = ()
    network: str = ""
    extra_hosts: tuple[str, ...] = ()
    """``name:address`` each."""
    shm_size_bytes: int = 0
    memory_bytes: int = 0
    ulimits: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """Name → soft and hard limit."""
    platforms: tuple[str, ...] = ()
    isolation: str = ""
    no_cache: bool = False
    pull: bool = False
    push: bool = False
    """To the registry instead of the engine: what most engines cannot keep."""
    entitlements: tuple[str, ...] = ()
    attestations: Mapping[str, str] = field(default_factory=dict)
    """``provenance`` and ``sbom``, as written."""
    contexts: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    ssh: tuple[str, ...] = ()
