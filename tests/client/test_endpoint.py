"""Which engine is meant: the same answers as docker's own command gives."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tabib.client.endpoint import DEFAULT_URL, resolve_endpoint
from tabib.model.errors import ConfigError, UsageError


def write_context(config: Path, name: str, endpoint: dict[str, Any], *files: str) -> Path:
    digest = hashlib.sha256(name.encode()).hexdigest()
    meta = config / "contexts" / "meta" / digest
    meta.mkdir(parents=True)
    (meta / "meta.json").write_text(json.dumps({"Name": name, "Endpoints": {"docker": endpoint}}))
    tls = config / "contexts" / "tls" / digest / "docker"
    if files:
        tls.mkdir(parents=True)
    for file in files:
        (tls / file).write_text("x")
    return tls


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path), "DOCKER_CONFIG": str(tmp_path / "docker")}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "docker").mkdir()
    return tmp_path / "docker"


def test_nothing_said_is_the_default_socket(environ: dict[str, str]) -> None:
    assert resolve_endpoint(environ).url == DEFAULT_URL


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("unix:///run/x.sock", "unix:///run/x.sock"),
        ("unix://", DEFAULT_URL),
        ("tcp://10.0.0.1:2375", "tcp://10.0.0.1:2375"),
        ("tcp://10.0.0.1", "tcp://10.0.0.1:2375"),
        ("10.0.0.1:99", "tcp://10.0.0.1:99"),
        ("tcp://[::1]:99", "tcp://[::1]:99"),
        ("tcp://[::1]", "tcp://[::1]:2375"),
        ("http://h:1/prefix", "tcp://h:1/prefix"),
        ("https://h", "https://h:2376"),
        ("ssh://me@h:22", "ssh://me@h:22"),
    ],
)
def test_host(environ: dict[str, str], host: str, url: str) -> None:
    assert resolve_endpoint({**environ, "DOCKER_HOST": host}).url == url


@pytest.mark.parametrize("host", ["npipe:////./pipe/docker", "fd://"])
def test_kinds_that_nothing_listens_on(environ: dict[str, str], host: str) -> None:
    with pytest.raises(UsageError):
        resolve_endpoint({**environ, "DOCKER_HOST": host})


def test_tls_by_the_environment(environ: dict[str, str], config: Path) -> None:
    for name in ("ca.pem", "cert.pem", "key.pem"):
        (config / name).write_text("x")
    environ |= {"DOCKER_HOST": "tcp://h", "DOCKER_TLS_VERIFY": "1"}
    found = resolve_endpoint(environ)
    assert found.url == "tcp://h:2376"
    assert found.tls_verify
    assert found.tls_ca == str(config / "ca.pem")
    assert (found.tls_cert, found.tls_key) == (str(config / "cert.pem"), str(config / "key.pem"))
    elsewhere = resolve_endpoint({**environ, "DOCKER_CERT_PATH": str(config / "none")})
    assert (elsewhere.url, elsewhere.tls_ca) == ("https://h:2376", "")
    del environ["DOCKER_TLS_VERIFY"]
    assert not resolve_endpoint({**environ, "DOCKER_TLS": "1"}).tls_verify
    assert resolve_endpoint(environ).tls_ca == ""


def test_contexts(environ: dict[str, str], config: Path) -> None:
    tls = write_context(config, "far", {"Host": "tcp://far:2376", "SkipTLSVerify": True}, "ca.pem")
    write_context(config, "near", {"Host": "ssh://near"})
    (config / "config.json").write_text('{"currentContext": "near"}')
    assert resolve_endpoint(environ).url == "ssh://near"
    far = resolve_endpoint({**environ, "DOCKER_CONTEXT": "far"})
    assert (far.url, far.tls_verify, far.tls_ca) == ("tcp://far:2376", False, str(tls / "ca.pem"))
    assert far.tls_cert == ""
    assert resolve_endpoint({**environ, "DOCKER_CONTEXT": "default"}).url == DEFAULT_URL
    both = {**environ, "DOCKER_CONTEXT": "far", "DOCKER_HOST": "unix:///x"}
    assert resolve_endpoint(both).url == "unix:///x"
    assert resolve_endpoint(both, context="near").url == "ssh://near"
    with pytest.raises(UsageError, match="no docker context other"):
        resolve_endpoint({**environ, "DOCKER_CONTEXT": "other"})


def test_a_damaged_configuration_is_named(environ: dict[str, str], config: Path) -> None:
    (config / "config.json").write_text("{")
    with pytest.raises(ConfigError) as caught:
        resolve_endpoint(environ)
    assert caught.value.target == str(config / "config.json")


def test_the_docker_command_agrees(environ: dict[str, str], config: Path) -> None:
    write_context(config, "near", {"Host": "tcp://127.0.0.1:1"})
    (config / "config.json").write_text('{"currentContext": "near"}')
    asked = subprocess.run(
        ["docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"],
        env={"PATH": "/usr/bin:/usr/local/bin:/bin", **environ},
        capture_output=True,
        text=True,
        check=True,
    )
    assert asked.stdout.strip() == resolve_endpoint(environ).url


def test_the_command_imports_nothing_heavy() -> None:
    code = (
        "import sys, tabib.client.endpoint, tabib.client.credentials;"
        "print({'aiohttp', 'asyncio', 'subprocess', 'ssl'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
