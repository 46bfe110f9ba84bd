"""Texts of engines, old and new, each to the error that says what to do."""

from __future__ import annotations

import pytest

from tabib.engines.docker.call import CREATE, PULL, START, Call
from tabib.engines.docker.errors import refused
from tabib.model import errors

ENDPOINT = "driver failed programming external connectivity on endpoint web (0a1b)"
RUNC = "OCI runtime create failed: runc create failed: unable to start container process: "

CASES = [
    # (attempted, status, text, kind, code, details)
    (
        START,
        500,
        f"{ENDPOINT}: Bind for 0.0.0.0:8080 failed: port is already allocated",
        errors.PortTaken,
        "network.port-taken",
        {"port": 8080, "address": "0.0.0.0"},
    ),
    (
        START,
        500,
        f"{ENDPOINT}: Error starting userland proxy: listen udp4 127.0.0.1:53: bind: address "
        "already in use",
        errors.PortTaken,
        "network.port-taken",
        {"port": 53, "protocol": "udp", "address": "127.0.0.1"},
    ),
    (
        START,
        500,
        f"failed to set up container networking: {ENDPOINT}: failed to bind host port for "
        "0.0.0.0:8080:172.31.0.2:80/tcp: address already in use",
        errors.PortTaken,
        "network.port-taken",
        {"port": 8080, "protocol": "tcp", "address": "0.0.0.0"},
    ),
    (
        START,
        500,
        f"failed to set up container networking: {ENDPOINT}: failed to bind host port "
        "[::]:8080/tcp: address already in use",
        errors.PortTaken,
        "network.port-taken",
        {"port": 8080, "protocol": "tcp", "address": "[::]"},
    ),
    (
        START,
        400,
        f'failed to create shim task: {RUNC}exec: "curl": executable file not found in $PATH: '
        "unknown",
        errors.StartFailed,
        "exit.command-not-found",
        {"exit_code": 127, "command": "curl"},
    ),
    (
        START,
        400,
        f'{RUNC}exec: "/app/run.sh": stat /app/run.sh: no such file or directory: unknown',
        errors.StartFailed,
        "exit.command-not-found",
        {"exit_code": 127, "command": "/app/run.sh"},
    ),
    (
        START,
        400,
        f'{RUNC}error during container init: exec: "/etc/passwd": permission denied',
        errors.StartFailed,
        "exit.not-executable",
        {"exit_code": 126, "command": "/etc/passwd"},
    ),
    (
        START,
        400,
        f"{RUNC}exec /bad: exec format error",
        errors.StartFailed,
        "exit.exec-format",
        {},
    ),
    (
        CREATE,
        404,
        "No such image: shop/api:7",
        errors.ImageUnavailable,
        "image.not-found",
        {"status": 404},
    ),
    (
        CREATE,
        409,
        'Conflict. The container name "/shop-web-1" is already in use by container "0a1b2c". You '
        "have to remove (or rename) that container to be able to reuse that name.",
        errors.Conflict,
        "config.name-conflict",
        {"name": "shop-web-1", "holder": "0a1b2c"},
    ),
    (
        PULL,
        404,
        "manifest for redis:99 not found: manifest unknown: manifest unknown",
        errors.ImageUnavailable,
        "image.not-found",
        {},
    ),
    (
        PULL,
        404,
        "pull access denied for shop/api, repository does not exist or may require 'docker "
        "login': denied: requested access to the resource is denied",
        errors.ImageUnavailable,
        "image.denied",
        {},
    ),
    (
        PULL,
        500,
        "toomanyrequests: You have reached your pull rate limit.",
        errors.ImageUnavailable,
        "image.rate-limit",
        {},
    ),
    (
        PULL,
        500,
        'Get "https://registry-1.docker.io/v2/": dial tcp: lookup registry-1.docker.io: no such '
        "host",
        errors.ImageUnavailable,
        "image.registry-unreachable",
        {},
    ),
    (
        PULL,
        200,
        "write /var/lib/docker/tmp/GetImageBlob1: no space left on device",
        errors.StartFailed,
        "storage.engine-root-full",
        {},
    ),
    (
        PULL,
        200,
        "failed to register layer: Error processing tar file(exit status 1): unexpected EOF",
        errors.ImageUnavailable,
        "engine.corrupt-layer",
        {},
    ),
    (START, 404, "network 0a1b not found", errors.StartFailed, "network.missing", {}),
    ("remove network", 404, "network 0a1b not found", errors.NotFound, None, {"status": 404}),
    (START, 404, "No such container: web", errors.NotFound, None, {"status": 404}),
    ("remove volume", 409, "remove v: volume is in use - [0a]", errors.Conflict, None, {}),
    (
        "create network",
        500,
        "all predefined address pools have been fully subnetted",
        errors.EngineError,
        "network.pool-exhausted",
        {},
    ),
    (CREATE, 400, "Conflicting options: a and b", errors.StartFailed, None, {"status": 400}),
    (PULL, 500, "something new", errors.ImageUnavailable, None, {"status": 500}),
    ("list", 500, "", errors.EngineError, None, {"status": 500}),
]


@pytest.mark.parametrize(("attempted", "status", "text", "kind", "code", "details"), CASES)
def test_each_text_has_its_error(
    attempted: str, status: int, text: str, kind: type, code: str | None, details: dict
) -> None:
    error = refused(Call(attempted=attempted, target="web"), status, text)
    assert type(error) is kind
    assert error.details.get("code") == code
    assert {key: error.details.get(key) for key in details} == details
    assert (error.attempted, error.target) == (attempted, "web")
    assert error.happened
    if code:
        assert error.advice
        assert "{" not in error.happened + error.advice
