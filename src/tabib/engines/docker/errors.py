"""The engine's refusals and silences, in the words of ``model/errors.py``.

The texts are those of Engine 20.10 (runc 1.1) and 28.5 (runc 1.3), tried one by one; what no rule
knows keeps the engine's own words and is classed by HTTP status.
"""

from __future__ import annotations

import errno
import re
import ssl
from collections.abc import Mapping
from typing import Any

import aiohttp

from tabib.engines.docker.call import CREATE, PULL, Call
from tabib.engines.docker.refusals import RULES, Rule
from tabib.model.errors import (
    Conflict,
    EngineError,
    EngineForbidden,
    EngineTimeout,
    EngineUnavailable,
    ImageUnavailable,
    NotFound,
    StartFailed,
    TabibError,
)

_BY_STATUS: Mapping[int, tuple[type[EngineError], str]] = {
    404: (NotFound, ""),
    403: (Conflict, "Something still uses it: look again."),
    409: (Conflict, "Something changed meanwhile: look again."),
}


_JOIN_GROUP = (
    "Join the group `docker` (sudo usermod -aG docker $USER, then log in anew), or use sudo."
)


def refused(call: Call, status: int, message: str) -> TabibError:
    """The error for an answer of ``status`` that says ``message``."""
    for rule in RULES:
        if rule.only and call.attempted not in rule.only:
            continue
        found = rule.pattern.search(message)
        if found:
            return _by_rule(rule, found, call, status, message)
    if call.attempted == PULL:
        return ImageUnavailable(
            message or f"the engine answered {status}",
            attempted=call.attempted,
            target=call.target,
            advice="Try `docker pull` with this reference.",
            details={"status": status},
        )
    if call.attempted == CREATE and status == 400:
        return StartFailed(
            message,
            attempted=call.attempted,
            target=call.target,
            advice="The engine cannot make that: correct the service in the Compose file.",
            details={"status": status},
        )
    kind, advice = _BY_STATUS.get(status, (EngineError, ""))
    return kind(
        message or f"the engine answered {status}",
        attempted=call.attempted,
        target=call.target,
        advice=advice,
        details={"status": status},
    )


def _by_rule(rule: Rule, found: re.Match[str], call: Call, status: int, message: str) -> TabibError:
    named = {key: value for key, value in found.groupdict().items() if value is not None}
    facts: dict[str, Any] = {"status": status, "engine": message, **rule.details, **named}
    if rule.code:
        facts["code"] = rule.code
    if "port" in facts:
        facts["port"] = int(facts["port"])
    words = {"target": call.target, "engine": message, **named}
    return rule.kind(
        rule.happened.format_map(_Blank(words)) if rule.happened else message,
        attempted=call.attempted,
        target=call.target,
        advice=rule.advice.format_map(_Blank(words)),
        details=facts,
    )


class _Blank(dict[str, str]):
    """A format mapping in which what the engine did not name is an empty string."""

    def __missing__(self, key: str) -> str:
        return ""


def unreachable(call: Call, error: Exception, url: str, ssh_said: str = "") -> TabibError:
    """The error for a request that got no answer, or whose answer broke off."""
    kind, happened, advice = _silence(call, error, url, ssh_said)
    return kind(
        happened,
        attempted=call.attempted,
        target=call.target or url,
        advice=advice,
        details={"url": url},
    )


def _silence(
    call: Call, error: Exception, url: str, ssh_said: str
) -> tuple[type[EngineUnavailable], str, str]:
    """(kind, what happened, advice)"""
    if isinstance(error, TimeoutError):
        return (
            EngineTimeout,
            f"no answer within {call.deadline_s or 0:g} seconds",
            "The engine may still act on it: look again before repeating.",
        )
    if _errno(error) in (errno.EACCES, errno.EPERM):
        return (
            EngineForbidden,
            f"no right on the engine's socket {url}",
            _JOIN_GROUP,
        )
    if ssh_said:
        return (
            EngineUnavailable,
            f"ssh said: {ssh_said.splitlines()[-1]}",
            "Check that `ssh` reaches that host and that `docker version` works there.",
        )
    if isinstance(error, ssl.SSLError | aiohttp.ClientSSLError):
        return (
            EngineUnavailable,
            f"no secure connection to {url}: {_words(error)}",
            "Check DOCKER_CERT_PATH, the certificates' dates, and the port (2376 for TLS).",
        )
    if isinstance(error, aiohttp.ClientConnectorError):
        return (
            EngineUnavailable,
            f"no engine answers at {url} ({_words(error)})",
            "Is it running? Start it (sudo systemctl start docker), or point DOCKER_HOST at one "
            "that does.",
        )
    return (
        EngineUnavailable,
        f"the connection to the engine broke off ({_words(error)})",
        "Is the engine being restarted? Look again.",
    )


def too_old(call: Call, offered: str) -> EngineUnavailable:
    """The engine speaks, but nothing that we do."""
    return EngineUnavailable(
        f"its API {offered} is too old: 1.41 is needed",
        attempted=call.attempted,
        target=call.target,
        advice="Update Docker Engine to 20.10 or newer.",
        details={"api": offered},
    )


def _errno(error: Exception) -> int | None:
    inner = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    return inner.errno if isinstance(inner, OSError) else None


def _words(error: Exception) -> str:
    inner = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    said = inner.strerror if isinstance(inner, OSError) else ""
    return said or str(inner) or type(inner).__name__
