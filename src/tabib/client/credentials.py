"""Pull credentials from docker's ``config.json``, for the registries of given images alone.

They are read where the user is and travel with one request; nothing stores them. Helpers speak
docker's credential protocol: ``docker-credential-NAME get``, the server on standard input, a JSON
object ``{ServerURL, Username, Secret}`` back. Standard library alone.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from typing import Any

from tabib.client.endpoint import docker_config
from tabib.model.errors import ConfigError
from tabib.model.reference import DOCKER_HUB, parse_reference

HELPER_DEADLINE_S = 20.0
_HUB_KEYS = ("https://index.docker.io/v1/", "index.docker.io", "docker.io", "registry-1.docker.io")
_TOKEN_USER = "<token>"
"""The user name by which a helper says that the secret is an identity token."""


def credentials_for(
    references: Iterable[str], environ: Mapping[str, str]
) -> dict[str, dict[str, str]]:
    """Registry host → auth mapping of the Engine API, for those that ``docker login`` knows.

    Docker Hub is ``docker.io`` here. A registry without credentials is left out.

    :raises ConfigError: docker's configuration cannot be read, or a helper fails.
    """
    config = docker_config(environ)
    if not config:
        return {}
    hosts = {parse_reference(reference).registry for reference in references}
    found = {host: _auth(host, config, environ) for host in sorted(hosts)}
    return {host: auth for host, auth in found.items() if auth}


def _auth(host: str, config: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, str]:
    servers = _HUB_KEYS if host == DOCKER_HUB else (host, f"https://{host}", f"http://{host}")
    helpers = config.get("credHelpers") or {}
    helper = next((helpers[server] for server in servers if server in helpers), None)
    if helper or config.get("credsStore"):
        auth = _ask(str(helper or config["credsStore"]), servers[0], environ)
        if auth or helper:
            return auth
    return _written(servers, config.get("auths") or {})


def _written(servers: Iterable[str], auths: Mapping[str, Any]) -> dict[str, str]:
    by_host = {key.rstrip("/"): value for key, value in auths.items()}
    for server in servers:
        entry = by_host.get(server.rstrip("/"))
        if entry:
            return _entry(entry)
    return {}


def _entry(entry: Mapping[str, Any]) -> dict[str, str]:
    kept = {
        "username": entry.get("username"),
        "password": entry.get("password"),
        "identitytoken": entry.get("identitytoken"),
        "registrytoken": entry.get("registrytoken"),
    }
    if entry.get("auth"):
        try:
            text = base64.b64decode(str(entry["auth"])).decode().rstrip("\0")
        except ValueError as error:
            raise ConfigError(
                "an `auth` value in docker's config.json is not Base64",
                attempted="read pull credentials",
                advice="Log in again with `docker login`.",
            ) from error
        kept["username"], _, kept["password"] = text.partition(":")
    return {key: str(value) for key, value in kept.items() if value}


def _ask(helper: str, server: str, environ: Mapping[str, str]) -> dict[str, str]:
    import subprocess  # costs 10 ms, and most users have no helper

    program = f"docker-credential-{helper}"
    try:
        done = subprocess.run(
            [program, "get"],
            input=server.encode(),
            capture_output=True,
            timeout=HELPER_DEADLINE_S,
            env=dict(environ),
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _helper_failed(program, str(error)) from error
    said = done.stdout.decode(errors="replace").strip()
    if done.returncode != 0:
        if "credentials not found" in said:
            return {}
        raise _helper_failed(program, said or done.stderr.decode(errors="replace").strip())
    try:
        answer = json.loads(said)
        user, secret = str(answer["Username"]), str(answer["Secret"])
    except (ValueError, KeyError, TypeError) as error:
        raise _helper_failed(program, "its answer is not what the protocol says") from error
    if user == _TOKEN_USER:
        return {"identitytoken": secret}
    return {"username": user, "password": secret}


def _helper_failed(program: str, said: str) -> ConfigError:
    return ConfigError(
        said or "it failed",
        attempted="ask",
        target=program,
        advice="Repair the helper, or take it out of `credsStore`/`credHelpers` in config.json.",
    )
