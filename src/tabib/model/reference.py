"""Image references, read as the registries' own grammar says.

Source: the distribution project's reference grammar: ``[host[:port]/]path[:tag][@digest]``. The
first part is a host only where it holds a dot or a colon, or is ``localhost``.
"""

from __future__ import annotations

from dataclasses import dataclass

DOCKER_HUB = "docker.io"
"""The host that a reference without one means."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """One image reference taken apart.

    ``repository`` is as written, without tag and digest; ``registry`` is where it lives, with
    Docker Hub's several names all written :data:`DOCKER_HUB`.
    """

    repository: str
    registry: str
    tag: str = ""
    digest: str = ""

    @property
    def version(self) -> str:
        """What picks the image in its repository: the digest, else the tag, else ``latest``."""
        return self.digest or self.tag or "latest"


def parse_reference(text: str) -> Reference:
    """Take a reference apart; nothing is checked, the engine judges what it is given."""
    rest, _, digest = text.partition("@")
    head, slash, last = rest.rpartition("/")
    last, _, tag = last.partition(":")
    repository = f"{head}{slash}{last}"
    return Reference(repository=repository, registry=_registry(repository), tag=tag, digest=digest)


def _registry(repository: str) -> str:
    first, slash, _ = repository.partition("/")
    if not slash or not (first == "localhost" or "." in first or ":" in first):
        return DOCKER_HUB
    return DOCKER_HUB if first in ("index.docker.io", "registry-1.docker.io") else first
