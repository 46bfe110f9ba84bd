"""Image digests for ``tabib config``: asked of the engine's registries, else of its own images."""

from __future__ import annotations

import base64
import json
import os
from typing import Any
from urllib.parse import quote

from tabib.cli.session import engine_endpoint
from tabib.cli.settings import Settings
from tabib.client.credentials import credentials_for
from tabib.client.hijack import EngineDialer
from tabib.model.errors import EngineError, ImageUnavailable
from tabib.model.reference import DOCKER_HUB, parse_reference


class Digests:
    """Pins images as ``docker compose config --resolve-image-digests`` does.

    Where no registry answers, the digest under which the engine once pulled the image counts:
    it is what would run here.
    """

    def __init__(self, settings: Settings) -> None:
        self._engine = EngineDialer(engine_endpoint(settings))
        self._known: dict[str, str] = {}

    def pinned(self, image: str) -> str:
        """``docker.io/library/nginx:1@sha256:…``.

        :raises ImageUnavailable: neither a registry nor the engine knows a digest.
        :raises EngineUnavailable: there is no engine to ask.
        """
        name = canonical(image)
        if "@" in name:
            return name
        if name not in self._known:
            self._known[name] = self._digest(name, image)
        return f"{name}@{self._known[name]}"

    def _digest(self, name: str, image: str) -> str:
        try:
            path = f"/distribution/{quote(name, safe='/:')}/json"
            answer = self._engine.call("GET", path, headers=_authority(image))
            return str(answer["Descriptor"]["digest"])
        except EngineError as error:
            found = self._local(name, image)
            if found:
                return found
            raise ImageUnavailable(
                f"the registry gives no digest: {error.happened}",
                attempted="resolve the digest of",
                target=name,
                advice="The engine has the image under no digest either: pull it, or log in.",
            ) from error

    def _local(self, name: str, image: str) -> str:
        try:
            seen: Any = self._engine.call("GET", f"/images/{quote(image, safe='/:')}/json")
        except EngineError:
            return ""
        repository = name.rpartition(":")[0]
        for entry in seen.get("RepoDigests") or ():
            if canonical(entry).partition("@")[0] == repository:
                return str(entry.partition("@")[2])
        return ""


def canonical(image: str) -> str:
    """The full name: ``nginx`` → ``docker.io/library/nginx:latest``; a digest outranks a tag."""
    reference = parse_reference(image)
    repository = reference.repository
    if reference.registry == DOCKER_HUB:
        first, slash, rest = repository.partition("/")
        if slash and first in (DOCKER_HUB, "index.docker.io", "registry-1.docker.io"):
            repository = rest
        if "/" not in repository:
            repository = f"library/{repository}"
        repository = f"{DOCKER_HUB}/{repository}"
    if reference.digest:
        return f"{repository}@{reference.digest}"
    return f"{repository}:{reference.tag or 'latest'}"


def _authority(image: str) -> dict[str, str]:
    found = credentials_for([image], os.environ).get(parse_reference(image).registry)
    if not found:
        return {}
    encoded = base64.urlsafe_b64encode(json.dumps(found).encode()).decode()
    return {"X-Registry-Auth": encoded}
