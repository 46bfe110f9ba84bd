"""Pull credentials: written down, or asked of a helper program."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from tabib.client.credentials import credentials_for
from tabib.model.errors import ConfigError

HUB = "https://index.docker.io/v1/"
HELPER = """#!/bin/sh
read server
case "$server" in
  https://index.docker.io/v1/) echo '{"ServerURL": "x", "Username": "ann", "Secret": "pw"}';;
  token.example.com) echo '{"Username": "<token>", "Secret": "t0"}';;
  broken.example.com) echo 'the store is locked'; exit 1;;
  odd.example.com) echo 'hello';;
  *) echo 'credentials not found in native keychain'; exit 1;;
esac
"""


def auth(user: str, password: str) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    program = tmp_path / "docker-credential-test"
    program.write_text(HELPER)
    program.chmod(0o755)
    return {"DOCKER_CONFIG": str(tmp_path), "PATH": f"{tmp_path}:/usr/bin:/bin"}


def write(environ: dict[str, str], config: dict[str, Any]) -> None:
    Path(environ["DOCKER_CONFIG"], "config.json").write_text(json.dumps(config))


def test_without_a_configuration_there_are_none(environ: dict[str, str]) -> None:
    assert credentials_for(["redis:7", "r.example.com/a"], environ) == {}


def test_written_ones_of_the_registries_asked_for_alone(environ: dict[str, str]) -> None:
    write(
        environ,
        {
            "auths": {
                HUB: auth("ann", "p:w"),
                "https://r.example.com/": auth("bob", "x"),
                "other.example.com": auth("eve", "y"),
                "id.example.com": {**auth("u", ""), "identitytoken": "t"},
                "empty.example.com": {},
            }
        },
    )
    references = ["redis:7", "user/app", "r.example.com/a/b:1", "id.example.com/x", "localhost:5/x"]
    assert credentials_for([*references, "empty.example.com/x"], environ) == {
        "docker.io": {"username": "ann", "password": "p:w"},
        "r.example.com": {"username": "bob", "password": "x"},
        "id.example.com": {"username": "u", "identitytoken": "t"},
    }


def test_a_store_is_asked_first_and_what_it_lacks_is_looked_up(environ: dict[str, str]) -> None:
    written = {"r.example.com": auth("bob", "x")}
    write(environ, {"credsStore": "test", "auths": written})
    assert credentials_for(["redis", "token.example.com/x", "r.example.com/x"], environ) == {
        "docker.io": {"username": "ann", "password": "pw"},
        "token.example.com": {"identitytoken": "t0"},
        "r.example.com": {"username": "bob", "password": "x"},
    }


def test_a_helper_of_one_registry(environ: dict[str, str]) -> None:
    write(environ, {"credHelpers": {"token.example.com": "test"}})
    assert credentials_for(["redis", "token.example.com/x"], environ) == {
        "token.example.com": {"identitytoken": "t0"}
    }


@pytest.mark.parametrize(
    ("helper", "host", "said"),
    [
        ("test", "broken.example.com", "the store is locked"),
        ("test", "odd.example.com", "protocol"),
        ("absent", "redis.example.com", "No such file"),
    ],
)
def test_a_helper_that_fails_is_named(
    environ: dict[str, str], helper: str, host: str, said: str
) -> None:
    write(environ, {"credHelpers": {host: helper}})
    with pytest.raises(ConfigError, match=said) as caught:
        credentials_for([f"{host}/x"], environ)
    assert caught.value.target == f"docker-credential-{helper}"


def test_damaged_ones_are_said(environ: dict[str, str]) -> None:
    write(environ, {"auths": {HUB: {"auth": "é"}}})
    with pytest.raises(ConfigError):
        credentials_for(["redis"], environ)
