"""Which engine is meant, found as the ``docker`` command finds it. Standard library alone.

In order: ``DOCKER_HOST``, ``DOCKER_CONTEXT``, the current context of ``config.json``, the default
Unix socket. Contexts lie in ``contexts/meta/<sha256 of the name>/meta.json`` and
``contexts/tls/<sha256>/docker/`` of docker's configuration folder.
"""

from __future__ import annotations

import hashlib
import json
import os.path
from collections.abc import Mapping
from typing import Any

from tabib.model.errors import ConfigError, UsageError
from tabib.model.wire import EndpointAddress

DEFAULT_URL = "unix:///var/run/docker.sock"
_PLAIN_PORT, _TLS_PORT = 2375, 2376


def resolve_endpoint(environ: Mapping[str, str], context: str = "") -> EndpointAddress:
    """The engine that ``docker`` would speak to with this environment.

    :param context: a context's name given on the command line; it wins over everything.
    :raises UsageError: the address or the context is not one.
    :raises ConfigError: docker's own configuration cannot be read.
    """
    if context:
        return _of_context(context, environ)
    if environ.get("DOCKER_HOST"):
        return _of_host(environ["DOCKER_HOST"], environ)
    name = environ.get("DOCKER_CONTEXT") or str(
        docker_config(environ).get("currentContext") or "default"
    )
    return _of_context(name, environ)


def config_dir(environ: Mapping[str, str]) -> str:
    """docker's configuration folder: ``DOCKER_CONFIG``, else ``~/.docker``."""
    home = environ.get("HOME") or os.path.expanduser("~")
    return environ.get("DOCKER_CONFIG") or os.path.join(home, ".docker")


def docker_config(environ: Mapping[str, str]) -> Mapping[str, Any]:
    """docker's ``config.json``; empty where there is none.

    :raises ConfigError: it is there, and cannot be read.
    """
    return _read_json(os.path.join(config_dir(environ), "config.json")) or {}


def _of_context(name: str, environ: Mapping[str, str]) -> EndpointAddress:
    if name == "default":
        return _of_host(environ.get("DOCKER_HOST") or DEFAULT_URL, environ)
    digest = hashlib.sha256(name.encode()).hexdigest()
    contexts = os.path.join(config_dir(environ), "contexts")
    meta = _read_json(os.path.join(contexts, "meta", digest, "meta.json"))
    endpoint = ((meta or {}).get("Endpoints") or {}).get("docker")
    if not endpoint:
        raise UsageError(
            f"there is no docker context {name}",
            attempted="find the engine",
            advice="`docker context ls` lists them; unset DOCKER_CONTEXT for the default one.",
        )
    folder = os.path.join(contexts, "tls", digest, "docker")
    return EndpointAddress(
        url=normalise_url(str(endpoint.get("Host") or DEFAULT_URL), secure=os.path.isdir(folder)),
        tls_ca=_present(folder, "ca.pem"),
        tls_cert=_present(folder, "cert.pem"),
        tls_key=_present(folder, "key.pem"),
        tls_verify=not endpoint.get("SkipTLSVerify"),
    )


def _of_host(host: str, environ: Mapping[str, str]) -> EndpointAddress:
    verify = bool(environ.get("DOCKER_TLS_VERIFY"))
    secure = verify or bool(environ.get("DOCKER_TLS"))
    url = normalise_url(host, secure=secure)
    if not secure or not url.startswith(("tcp:", "https:")):
        return EndpointAddress(url=url)
    folder = environ.get("DOCKER_CERT_PATH") or config_dir(environ)
    authority = _present(folder, "ca.pem")
    if not authority:
        # the machine's own authorities: only the scheme can say that it is TLS all the same
        url = url.replace("tcp:", "https:", 1)
    return EndpointAddress(
        url=url,
        tls_ca=authority,
        tls_cert=_present(folder, "cert.pem"),
        tls_key=_present(folder, "key.pem"),
        tls_verify=verify,
    )


def normalise_url(host: str, *, secure: bool = False) -> str:
    """``DOCKER_HOST`` in full: with a scheme, a host and a port.

    :raises UsageError: it is of a kind that no engine listens on.
    """
    scheme, separator, rest = host.strip().partition("://")
    if not separator:
        scheme, rest = ("unix", scheme) if host.startswith("/") else ("tcp", scheme)
    if scheme == "unix":
        return f"unix://{rest}" if rest else DEFAULT_URL
    if scheme in ("ssh", "memory"):
        return f"{scheme}://{rest}"
    if scheme in ("tcp", "http", "https"):
        authority, slash, path = rest.partition("/")
        name, colon, port = authority.rpartition(":")
        if not colon or "]" in port:
            name, port = authority, ""
        secure = secure or scheme == "https"
        port = port or str(_TLS_PORT if secure else _PLAIN_PORT)
        kept = "https" if scheme == "https" else "tcp"
        return f"{kept}://{name or '127.0.0.1'}:{port}{slash}{path}"
    raise UsageError(
        f"no engine listens on {scheme}://",
        attempted="find the engine",
        target=host,
        advice="Use unix:///path, tcp://host:port or ssh://user@host in DOCKER_HOST.",
    )


def _present(folder: str, name: str) -> str:
    path = os.path.abspath(os.path.join(folder, name))
    return path if os.path.isfile(path) else ""


def _read_json(path: str) -> Mapping[str, Any] | None:
    try:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise ConfigError(
            str(error),
            attempted="read docker's configuration",
            target=path,
            advice="Correct the file, or let DOCKER_CONFIG name another folder.",
        ) from error
    return found if isinstance(found, dict) else {}
