"""``tabib checkup`` of what somebody else started: the sick, the badly set up, and the well."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from setup import engine_api

from support import real_engine
from support.certificates import NOW, made
from support.installation import Installation, owner_of, until

PYTHON = "python:3.11-slim"
CANARY = "zq-canary-44119"
TLS_SERVER = """
import socket, ssl
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("/cert/server.pem")
listener = socket.create_server(("", 8443))
while True:
    taken, _ = listener.accept()
    try:
        context.wrap_socket(taken, server_side=True).close()
    except OSError:
        pass
"""
GOOD_HOST: dict[str, Any] = {
    "Memory": 64 << 20, "PidsLimit": 100, "RestartPolicy": {"Name": "unless-stopped"},
    "LogConfig": {"Type": "json-file", "Config": {"max-size": "1m"}}, "Init": True,
}  # fmt: skip
GOOD: dict[str, Any] = {
    "Image": real_engine.IMAGE, "Cmd": ["sleep", "3600"], "User": "1000:1000",
    "Healthcheck": {"Test": ["CMD", "true"], "Interval": 1_000_000_000},
}  # fmt: skip


@pytest.fixture
def start(tabib: Installation, engine: engine_api.Engine) -> Callable[..., str]:
    """Start a container of a project that tabib does not know; its service's target."""
    network = f"{tabib.prefix}_default"
    engine.call("POST", "/networks/create", body={"Name": network})

    def started(service: str, host: dict[str, Any] | None = None, **body: Any) -> str:
        labels = {
            "com.docker.compose.project": tabib.prefix, "com.docker.compose.service": service,
            "com.docker.compose.container-number": "1", **body.pop("Labels", {}),
        }  # fmt: skip
        body = {
            **GOOD,
            **body,
            "Labels": labels,
            "HostConfig": {**GOOD_HOST, "NetworkMode": network, **(host or {})},
        }
        name = f"{tabib.prefix}-{service}-1"
        engine.call("POST", "/containers/create", query=[("name", name)], body=body)
        engine.call("POST", f"/containers/{name}/start")
        return f"{tabib.prefix}/{service}"

    return started


def by_target(findings: list[dict[str, Any]]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for one in findings:
        found.setdefault(one["target"], set()).add(one["code"])
    return found


def test_the_sick_the_badly_set_up_and_the_well(
    tabib: Installation,
    engine: engine_api.Engine,
    start: Callable[..., str],
    free_port: Callable[[], int],
    tmp_path: Path,
) -> None:
    port, name = free_port(), tabib.prefix
    well = start("well")
    bare = start(
        "bare", {"Memory": 0, "PidsLimit": None, "RestartPolicy": {"Name": "no"},
                 "LogConfig": {"Type": "json-file", "Config": {}}, "PidMode": "host",
                 "Binds": ["/etc:/host:ro", "/var/run/docker.sock:/d.sock",
                           f"{name}_data:/var/lib/mysql"],
                 "PortBindings": {"6379/tcp": [{"HostPort": str(port)}]}},
        User="", Healthcheck={"Test": ["NONE"]}, Env=[f"DB_PASSWORD={CANARY}"],
        ExposedPorts={"6379/tcp": {}},
    )  # fmt: skip
    said = f"echo got {CANARY}: DATABASE_URL must be set >&2; exit 3"
    died = start("died", {"RestartPolicy": {"Name": "no"}}, Env=[f"A_TOKEN={CANARY}"],
                 Cmd=["sh", "-c", said])  # fmt: skip
    loop = start("loop", Cmd=["sh", "-c", "echo 'no space left on device' >&2; exit 1"])
    hurt = start("hurt", Healthcheck={"Test": ["CMD", "curl", "x"], "Interval": 500_000_000,
                                      "Retries": 1})  # fmt: skip
    job = start("job", {"RestartPolicy": {"Name": "no"}}, Cmd=["true"])
    meant = start("meant", {"PidMode": "host"},
                  Labels={"tabib.checkup.ignore": "security.host-namespace"})  # fmt: skip

    def settled() -> bool:
        health = (tabib.inspect(f"{name}-hurt-1") or {})["State"]["Health"]["Status"]
        looping = (tabib.inspect(f"{name}-loop-1") or {})["RestartCount"]
        return health == "unhealthy" and looping > 4

    until(settled, 60, "containers that are sick")
    done = tabib("--no-daemon", "checkup", name, "--offline", "--json").ended(1)
    findings = json.loads(done.out)
    found = by_target(findings)
    assert well not in found
    assert job not in found
    assert meant not in found
    assert found[bare] == {
        "memory.no-limit", "process.no-limit", "restart.no-policy", "storage.log-unbounded",
        "security.host-namespace", "security.sensitive-mount", "security.socket-mounted",
        "backup.none", "security.root", "health.no-check", "security.secret-in-env",
        "security.database-exposed",
    }  # fmt: skip
    assert found[died] == {"exit.missing-env"}
    assert "storage.full" in found[loop]
    assert found[hurt] == {"health.bad-command"}
    assert all(one["advice"] and one["evidence"] for one in findings)

    # A stranger's host stays a stranger's.
    assert owner_of(engine) is None
    text = tabib("--no-daemon", "checkup", f"{name}/died", "-v").ended(1, "DATABASE_URL").out
    sarif = tabib("--no-daemon", "checkup", name, "--format", "sarif").ended(1).out
    junit = tabib("--no-daemon", "checkup", name, "--format", "junit").ended(1).out
    assert len(json.loads(sarif)["runs"][0]["results"]) == len(findings)
    assert len(ElementTree.fromstring(junit).findall("testsuite")) == 1
    for shown in (done.out, text, sarif, junit):
        assert CANARY not in shown

    (grade,) = json.loads(
        tabib("--no-daemon", "checkup", f"{name}/well", "--grades", "--json").ended(0).out
    )
    assert (grade["grade"], grade["score"]) == ("A", 100)


def test_certificates_of_published_ports(
    tabib: Installation,
    start: Callable[..., str],
    free_port: Callable[[], int],
    tmp_path: Path,
) -> None:
    real_engine.ensure_images(PYTHON)
    made(tmp_path, "shop.example.com", NOW + timedelta(days=3))
    (tmp_path / "server.pem").chmod(0o644)
    tmp_path.chmod(0o755)  # it runs as another user
    port = free_port()
    target = start(
        "tls", {"Binds": [f"{tmp_path}:/cert:ro"],
                "PortBindings": {"8443/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(port)}]}},
        Image=PYTHON, Cmd=["python3", "-c", TLS_SERVER], ExposedPorts={"8443/tcp": {}},
    )  # fmt: skip

    def seen() -> dict[str, Any] | None:
        done = tabib("checkup", target, "--offline", "--json", "--fail-on", "never")
        rows = [one for one in done.json if one["code"] == "tls.expiring"]
        return rows[0] if rows else None

    found = until(seen, 30, "the certificate")
    assert (found["target"], found["severity"]) == (target, "error")
    assert f"port {port}" in found["summary"]
    assert "shop.example.com" in found["evidence"][0]["text"]


def test_what_cannot_be_looked_at(tabib: Installation, start: Callable[..., str]) -> None:
    nowhere = {"DOCKER_HOST": "unix:///tmp/no-such-engine.sock"}
    tabib("--no-daemon", "checkup", env=nowhere).ended(5, "no-such-engine.sock", "→")
    start("well")
    tabib("--no-daemon", "checkup", f"{tabib.prefix}/wel").ended(
        2, f"did you mean {tabib.prefix}/well?"
    )
    tabib("--no-daemon", "checkup", "--ignore", "memory.nolimit").ended(
        2, "did you mean memory.no-limit?"
    )
