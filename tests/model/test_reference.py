"""Image references, apart and in the registry that they mean."""

from __future__ import annotations

import pytest

from tabib.model.reference import parse_reference

DIGEST = "sha256:" + "0" * 64


@pytest.mark.parametrize(
    ("text", "repository", "registry", "version"),
    [
        ("redis", "redis", "docker.io", "latest"),
        ("redis:7", "redis", "docker.io", "7"),
        ("user/app:1", "user/app", "docker.io", "1"),
        ("docker.io/library/redis", "docker.io/library/redis", "docker.io", "latest"),
        ("index.docker.io/x", "index.docker.io/x", "docker.io", "latest"),
        ("localhost/x", "localhost/x", "localhost", "latest"),
        ("localhost:5000/x:1", "localhost:5000/x", "localhost:5000", "1"),
        ("r.example.com/a/b", "r.example.com/a/b", "r.example.com", "latest"),
        (f"r.example.com:1/a@{DIGEST}", "r.example.com:1/a", "r.example.com:1", DIGEST),
        (f"redis:7@{DIGEST}", "redis", "docker.io", DIGEST),
    ],
)
def test_parts(text: str, repository: str, registry: str, version: str) -> None:
    found = parse_reference(text)
    assert (found.repository, found.registry, found.version) == (repository, registry, version)
