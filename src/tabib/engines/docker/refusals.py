"""The table of texts in which engines refuse, and what each means for the reader."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tabib.engines.docker.call import BUILD, CREATE, PULL, PUSH, START
from tabib.model.errors import (
    Conflict,
    EngineError,
    ImageUnavailable,
    PortTaken,
    StartFailed,
    TabibError,
)

RESTART = "restart container"
_STARTING = (CREATE, START, RESTART)
_REGISTRY = (PULL, PUSH, BUILD)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """``pattern`` is searched in the engine's text; its named groups become details.

    ``happened`` and ``advice`` may name groups and ``{target}``; an empty ``happened`` keeps the
    engine's words. ``only``: the calls it applies to (all, where empty).
    """

    pattern: re.Pattern[str]
    kind: type[TabibError]
    code: str
    happened: str
    advice: str
    only: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)


def _rule(
    pattern: str, kind: type[TabibError], code: str, words: tuple[str, str], **rest: Any
) -> Rule:
    happened, advice = words
    return Rule(
        pattern=re.compile(pattern, re.IGNORECASE | re.DOTALL),
        kind=kind,
        code=code,
        happened=happened,
        advice=advice,
        **rest,
    )


_IMAGE = (
    _rule(
        r"toomanyrequests|pull rate limit|429 Too Many Requests",
        ImageUnavailable,
        "image.rate-limit",
        (
            "the registry refuses more pulls for now (rate limit)",
            "Log in with `docker login` for a higher limit, wait, or use a mirror.",
        ),
    ),
    _rule(
        r"pull access denied|requested access to the resource is denied|unauthorized"
        r"|authentication required|no basic auth credentials|insufficient_scope"
        r"|401 Unauthorized|403 Forbidden",
        ImageUnavailable,
        "image.denied",
        (
            "the registry denies access, or there is no such repository",
            "Check the name, and log in with `docker login` if it is private.",
        ),
        only=_REGISTRY,
    ),
    _rule(
        r"no matching manifest for|does not match the specified platform|no match for platform"
        r"|image with reference .* was found but",
        ImageUnavailable,
        "image.platform",
        ("it does not exist for this platform", "Use one built for it, or set `platform:`."),
    ),
    _rule(
        r"invalid reference format|must be lowercase|invalid repository name|invalid tag format",
        ImageUnavailable,
        "image.invalid-reference",
        (
            "that is no valid image reference",
            "Write `[registry/]name[:tag]`, the name in lower case.",
        ),
    ),
    _rule(
        r"manifest unknown|manifest for .* not found|name unknown|no such manifest"
        r"|failed to resolve reference .*: not found|: not found$",
        ImageUnavailable,
        "image.not-found",
        ("the registry has no such image", "Check the name and the tag."),
        only=_REGISTRY,
    ),
    _rule(
        r"no such image|an image does not exist locally|tag does not exist",
        ImageUnavailable,
        "image.not-found",
        ("the image is not on this engine", "Pull it or build it first."),
        only=(*_STARTING, "tag image", PUSH),
    ),
    _rule(
        r"failed to register layer(?!.*no space left)",
        ImageUnavailable,
        "engine.corrupt-layer",
        ("", "The engine's storage is damaged: remove the image and pull it anew."),
    ),
    _rule(
        r"no such host|server misbehaving|Temporary failure in name resolution"
        r"|connection refused|connection reset|i/o timeout|TLS handshake timeout"
        r"|network is unreachable|no route to host|gave HTTP response to HTTPS client|x509:"
        r"|does not look like a TLS handshake"
        r"|Client\.Timeout|request canceled|deadline exceeded|\bEOF\b|proxyconnect"
        r"|received unexpected HTTP status: 5\d\d|\b50[0234] ",
        ImageUnavailable,
        "image.registry-unreachable",
        (
            "the registry cannot be reached: {engine}",
            "Check the network and the registry's name, then repeat.",
        ),
        only=_REGISTRY,
    ),
)

_PORT_WORDS = ("port {port} is already in use", "Stop what uses it, or publish another port.")
_PORTS = (
    _rule(
        r"Bind for (?P<address>\S*):(?P<port>\d+) failed: port is already allocated",
        PortTaken,
        "network.port-taken",
        _PORT_WORDS,
    ),
    _rule(
        r"listen (?P<protocol>tcp|udp|sctp)[46]? (?P<address>\S*?):(?P<port>\d+):"
        r" bind: address already in use",
        PortTaken,
        "network.port-taken",
        _PORT_WORDS,
    ),
    _rule(
        r"failed to bind host port (?:for )?(?P<address>\[[^\]]*\]|[^\s:]*):(?P<port>\d+)"
        r"[^\s]*?/(?P<protocol>tcp|udp|sctp): address already in use",
        PortTaken,
        "network.port-taken",
        _PORT_WORDS,
    ),
    _rule(
        r"cannot assign requested address",
        StartFailed,
        "",
        ("", "The address that a port is published on is not this machine's."),
        only=_STARTING,
    ),
)

_EXEC = (
    _rule(
        r'exec:? "?(?P<command>[^"]*?)"?: '
        r"(?:executable file not found|.*no such file or directory)",
        StartFailed,
        "exit.command-not-found",
        (
            "the command {command} is not in the image",
            "Check `command:` and `entrypoint:`; for a script, the interpreter in its first line.",
        ),
        only=_STARTING,
        details={"exit_code": 127},
    ),
    _rule(
        r"exec format error",
        StartFailed,
        "exit.exec-format",
        (
            "the command is not made for this machine",
            "Use an image of this machine's platform; a script needs its `#!` line.",
        ),
        only=_STARTING,
    ),
    _rule(
        r'exec:? "?(?P<command>[^"]*?)"?: .*(?:permission denied|is a directory)',
        StartFailed,
        "exit.not-executable",
        (
            "the command {command} cannot be executed",
            "Make it executable (chmod +x) in the image, or correct `command:`.",
        ),
        only=_STARTING,
        details={"exit_code": 126},
    ),
    _rule(
        r"unable to find user (?P<user>[^:]+)",
        StartFailed,
        "",
        ("the image has no user {user}", "Correct `user:`, or write its number."),
        only=_STARTING,
    ),
)

_STORAGE = (
    _rule(
        r"bind source path does not exist: (?P<path>.+)",
        StartFailed,
        "storage.bind-missing",
        ("{path}, which it mounts, does not exist", "Restore it, or correct `volumes:`."),
    ),
    _rule(
        r'error mounting "(?P<path>[^"]+)" to rootfs at "(?P<mountpoint>[^"]+)".*'
        r"(?:not a directory|onto a file)",
        StartFailed,
        "storage.bind-missing",
        (
            "{path} and {mountpoint} are not of one kind (file, folder)",
            "Where the file was missing, an engine makes an empty folder: put the file there.",
        ),
    ),
    _rule(
        r"failed to mount local volume: mount (?P<path>[^:]+):.*no such file or directory",
        StartFailed,
        "storage.volume-lost",
        ("the volume's folder {path} is gone", "Restore it from a backup."),
    ),
    _rule(
        r"marked read-only",
        StartFailed,
        "storage.read-only",
        (
            "{engine}",
            "A secret or config that is not a file is copied in: give it as `file:`, or let its "
            "folder be writable.",
        ),
        only=_STARTING,
    ),
    _rule(
        r"no space left on device",
        StartFailed,
        "storage.engine-root-full",
        ("the engine's disk is full", "Free space: `docker system df` shows what takes it."),
    ),
)

_NETWORK = (
    _rule(
        r"network (?P<network>\S+) not found",
        StartFailed,
        "network.missing",
        ("its network {network} is gone", "Create it anew: `tabib up` does."),
        only=_STARTING,
    ),
    _rule(
        r"pool overlaps with other one|non-overlapping IPv4 address pool"
        r"|address pools have been fully subnetted|no available IPv4 address",
        EngineError,
        "network.pool-exhausted",
        (
            "no free addresses: {engine}",
            "Remove networks that nothing uses (`docker network prune`), or set another subnet.",
        ),
    ),
)

_CONFIG = (
    _rule(
        r'container name "/?(?P<name>[^"]+)" is already in use by container "?(?P<holder>\w+)',
        Conflict,
        "config.name-conflict",
        (
            "the name {name} is taken by container {holder}",
            "Rename or remove that container.",
        ),
    ),
    _rule(
        r"Minimum memory limit|memoryswap limit|Range of CPUs is from|memory reservation limit"
        r"|Minimum (?:kernel )?memory|can not be less than",
        StartFailed,
        "config.limit-refused",
        ("{engine}", "Correct the limit in the Compose file."),
        only=_STARTING,
    ),
    _rule(
        r"could not select device driver|gathering device information"
        r"|unknown or invalid runtime name|Unknown runtime specified",
        StartFailed,
        "config.device-missing",
        ("{engine}", "This machine has no such device or runtime: install it, or remove it."),
        only=_STARTING,
    ),
)

RULES = (*_IMAGE, *_PORTS, *_EXEC, *_STORAGE, *_NETWORK, *_CONFIG)
"""In order: the first that matches wins."""
