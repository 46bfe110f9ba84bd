"""What a repository's address means for the helper container that restic runs in."""

from __future__ import annotations

import hashlib
import posixpath
import re
import shlex
from collections.abc import Container, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from tabib.model.backup import RepositoryAddress
from tabib.model.container import InjectedFile, Mount
from tabib.model.errors import ConfigError

SSH_KEY, KNOWN_HOSTS, CA = "TABIB_SSH_KEY", "TABIB_SSH_KNOWN_HOSTS", "TABIB_CACERT"
"""In an address's environment: texts that become files in the helper."""
_GIVEN = "/run/tabib"
_SEEN_HOSTS = "/cache/known_hosts"
INSIDE = "/repository"
"""Where a folder of the engine's host is in the helper."""
_FILES = {
    SSH_KEY: f"{_GIVEN}/ssh_key",
    KNOWN_HOSTS: f"{_GIVEN}/known_hosts",
    CA: f"{_GIVEN}/ca.pem",
}
_RCLONE = "/usr/local/bin/rclone"
_SFTP_URL = re.compile(r"sftp://(?P<host>(?:[^@/]+@)?(?:\[[^]]+\]|[^/:]+))(?::(?P<port>\d+))?/.*")
_SFTP = re.compile(r"sftp:(?P<host>(?:[^@/:]+@)?(?:\[[^]]+\]|[^/:]+)):(?P<port>)[^:]*")
_KINDS = ("s3", "sftp", "rest", "rclone", "b2", "azure", "gs", "swift")
_LOOPBACK = re.compile(r"localhost|127(\.\d+){3}|\[?::1\]?", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One repository as restic is told of it. ``name`` holds no secret."""

    location: str
    name: str
    mark: str
    """Names the address without telling it: a hash."""
    network: str = "none"
    folder: str = ""
    """The path on the engine's host; empty: it is elsewhere."""
    mounts: tuple[Mount, ...] = ()
    files: tuple[InjectedFile, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    """May hold secrets."""
    options: tuple[str, ...] = ()
    """For restic, before its command."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rclone:
    """rclone as this host has it, for an engine on this host."""

    program: str = ""
    config: str = ""


def target_of(
    address: RepositoryAddress, default_folder: str, rclone: Rclone | None = None
) -> Target:
    """The target of ``address``, whose environment is plain here. ``rclone``: of the engine's own
    host; None where it is another.

    :raises ConfigError: it is no address that restic knows.
    """
    url = address.url or default_folder
    mark = hashlib.blake2b(url.encode(), digest_size=8).hexdigest()
    kind = url.partition(":")[0]
    if url.startswith("/") or kind == "local":
        folder = posixpath.normpath(url.removeprefix("local:"))
        source = Mount(type="bind", source=folder, target=INSIDE)
        return Target(
            location=INSIDE,
            name=address.name or folder,
            mark=mark,
            folder=folder,
            mounts=(source,),
            environment=dict(address.environment),
        )
    if kind not in _KINDS:
        raise ConfigError(
            "it is no address of a repository",
            attempted="use repository",
            target=address.name or without_secrets(url),
            advice="Write an absolute path, s3:…, sftp:…, rest:… or rclone:….",
        )
    environment, files = _files(address.environment)
    target = Target(
        location=url,
        name=address.name or without_secrets(url),
        mark=mark,
        network="host" if _LOOPBACK.fullmatch(host_of(url)) else "bridge",
        environment=environment,
        files=files,
    )
    if kind == "sftp":
        command = _ssh(url, {file.path for file in files})
        return replace(target, options=("-o", f"sftp.command={command}"))
    if kind == "rclone":
        return _by_rclone(target, rclone)
    return target


def _files(environment: Mapping[str, str]) -> tuple[dict[str, str], tuple[InjectedFile, ...]]:
    """(the environment without the texts that become files, those files)."""
    plain = dict(environment)
    files = []
    for name, path in _FILES.items():
        text = plain.pop(name, "")
        if text:
            content = text.strip().replace("\r\n", "\n") + "\n"
            files.append(InjectedFile(path=path, content=content, mode=0o600))
            if name == CA:
                plain["RESTIC_CACERT"] = path
    return plain, tuple(files)


def _ssh(url: str, files: Container[str]) -> str:
    """The command that restic speaks SFTP through: never asks, and knows its server.

    :raises ConfigError: the address names no server.
    """
    found = _SFTP_URL.fullmatch(url) or _SFTP.fullmatch(url)
    if found is None:
        raise ConfigError(
            "its address is no sftp:USER@HOST:/PATH",
            attempted="use repository",
            target=without_secrets(url),
            advice="Write sftp:USER@HOST:/PATH, or sftp://USER@HOST:PORT//PATH.",
        )
    words = ["ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=15"]
    words += ["-o", "ServerAliveInterval=30", "-o", "ServerAliveCountMax=6"]
    if _FILES[SSH_KEY] in files:
        words += ["-i", _FILES[SSH_KEY], "-o", "IdentitiesOnly=yes"]
    if _FILES[KNOWN_HOSTS] in files:
        words += ["-o", f"UserKnownHostsFile={_FILES[KNOWN_HOSTS]}"]
        words += ["-o", "StrictHostKeyChecking=yes"]
    else:
        # The key that is seen first is remembered, and no other taken from then on.
        words += ["-o", f"UserKnownHostsFile={_SEEN_HOSTS}"]
        words += ["-o", "StrictHostKeyChecking=accept-new"]
    if found["port"]:
        words += ["-p", found["port"]]
    host = found["host"].replace("[", "").replace("]", "")
    return shlex.join([*words, host, "-s", "sftp"])


def _by_rclone(target: Target, rclone: Rclone | None) -> Target:
    """With this host's rclone and its configuration, read-only. Its server is not known here: the
    helper has the host's network."""
    mounts, options, environment = [], [], dict(target.environment)
    if rclone and rclone.program:
        mounts.append(Mount(type="bind", source=rclone.program, target=_RCLONE, read_only=True))
        options += ["-o", f"rclone.program={_RCLONE}"]
    config = environment.get("RCLONE_CONFIG") or (rclone.config if rclone else "")
    if config:
        inside = f"{_GIVEN}-rclone.conf"
        mounts.append(Mount(type="bind", source=config, target=inside, read_only=True))
        environment["RCLONE_CONFIG"] = inside
    return replace(
        target,
        mounts=tuple(mounts),
        options=tuple(options),
        environment=environment,
        network="host",
    )


def host_of(url: str) -> str:
    """The server in an address as restic writes it; empty where it names none."""
    rest = url.partition(":")[2]
    if "://" not in rest:
        rest = rest if rest.startswith("//") else f"//{rest}"
    try:
        return urlsplit(rest).hostname or ""
    except ValueError:
        return ""


def without_secrets(url: str) -> str:
    """``url`` without user and password."""
    return re.sub(r"//[^/@]*@", "//", url)
