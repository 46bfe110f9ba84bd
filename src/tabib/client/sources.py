"""Where services are built from: contexts, Dockerfiles and build secrets of this machine."""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tabib.client.context import Context
from tabib.decide import dockerignore
from tabib.model.build import BuildSource
from tabib.model.errors import BuildFailed
from tabib.model.project import Project, Service

_REMOTE = re.compile(r"(?:https?|git|ssh)://|git@|github\.com/")
_LOCAL_CONTEXT = re.compile(r"(?![a-z][a-z0-9+.-]*:)")
IGNORE_FILE = ".dockerignore"


@dataclass(frozen=True, slots=True)
class _Found:
    source: BuildSource
    context: Context | None = None


class Unusable(Exception):
    """Why a service cannot be built, and what to do; told only once it has to be."""

    def __init__(self, problem: str, advice: str = "") -> None:
        super().__init__(problem)
        self.source = BuildSource(problem=problem, advice=advice)


@dataclass(slots=True)
class Sources:
    """The sources of some services. Reading them never fails: what is wrong stands in
    ``BuildSource.problem``, and matters once an image has to be built.
    """

    project: Project
    environ: Mapping[str, str]
    far: bool = False
    """The daemon is on another machine, and sees no file of this one."""
    ssh: tuple[str, ...] = ()
    """What the command line says beside each service's ``ssh``."""
    found: dict[str, _Found] = field(default_factory=dict)

    def look(self, services: Iterable[Service]) -> dict[str, BuildSource]:
        """The sources of those of ``services`` that are built."""
        for service in services:
            if "build" in service.spec and service.name not in self.found:
                try:
                    self.found[service.name] = self._find(service.spec["build"])
                except Unusable as problem:
                    self.found[service.name] = _Found(problem.source)
        return {name: one.source for name, one in self.found.items()}

    def chunks(self, service: str) -> Iterator[bytes]:
        """The context of ``service`` as a tar stream.

        :raises BuildFailed: a file of it cannot be read.
        """
        found = self.found.get(service)
        if found is None or found.context is None:
            raise BuildFailed("it has no context here", attempted="build", target=service)
        try:
            yield from found.context.chunks()
        except OSError as error:
            raise BuildFailed(
                f"{error.filename or 'a file'}: {error.strerror or error}",
                attempted="send the context of",
                target=f"service {service}",
                advice=f"Make it readable, or leave it out with {IGNORE_FILE}.",
            ) from error

    def _find(self, said: Mapping[str, Any]) -> _Found:
        secrets, ssh = self._secrets(said), self._ssh(said)
        self._check_contexts(said)
        where, inline = str(said.get("context") or ""), said.get("dockerfile_inline")
        if _REMOTE.match(where):
            if inline:
                raise Unusable("dockerfile_inline needs a context on this machine")
            name = str(said.get("dockerfile") or "Dockerfile")
            return _Found(BuildSource(remote=where, dockerfile=name, secrets=secrets, ssh=ssh))
        if not os.path.isdir(where):
            raise Unusable(f"its context {where} is no folder")
        name, text, extra = _inline(inline) if inline else _dockerfile(where, said)
        context = _context(where, name, extra, "" if inline else _beside(where, said))
        source = BuildSource(context=where, dockerfile=name, text=text, secrets=secrets, ssh=ssh)
        return _Found(source, context)

    def _secrets(self, said: Mapping[str, Any]) -> dict[str, str]:
        values = {}
        for one in said.get("secrets") or ():
            secret = self.project.secrets.get(str(one.get("source")))
            if secret is None or secret.external:
                raise Unusable(f"its build secret {one.get('source')} is not in the file")
            try:
                content = (secret.content or "").encode()
                if secret.file:
                    with open(secret.file, "rb") as file:
                        content = file.read()
            except OSError as error:
                raise Unusable(
                    f"its build secret {secret.key}: {secret.file}: {error.strerror}"
                ) from error
            identity = str(one.get("target") or secret.key)
            values[identity] = base64.b64encode(content).decode()
        return values

    def _ssh(self, said: Mapping[str, Any]) -> tuple[str, ...]:
        asked = [str(one).partition("=") for one in (*(said.get("ssh") or ()), *self.ssh)]
        if asked and self.far:
            raise Unusable("`ssh` is for a daemon on the same machine only")
        found = {name: self._keys(name, given) for name, _, given in asked}
        return tuple(f"{name}={paths}" for name, paths in found.items())

    def _keys(self, name: str, given: str) -> str:
        """Paths with commas between them: an agent's socket, or keys."""
        given = given or (self.environ.get("SSH_AUTH_SOCK", "") if name == "default" else "")
        if not given:
            raise _no_agent(name)
        paths = [os.path.abspath(os.path.expanduser(path)) for path in given.split(",")]
        for path in paths:
            if not os.path.exists(path):
                raise Unusable(
                    f"`ssh: {name}`: {path} is not there", "Name an agent's socket, or a key."
                )
        return ",".join(paths)

    def _check_contexts(self, said: Mapping[str, Any]) -> None:
        for name, value in (said.get("additional_contexts") or {}).items():
            if not _LOCAL_CONTEXT.match(str(value)):
                continue
            if self.far:
                raise Unusable(f"additional context {name}: the daemon is on another machine")
            if not os.path.isdir(str(value)):
                raise Unusable(f"its additional context {name}: {value} is no folder")


def _no_agent(identity: str) -> Unusable:
    if identity == "default":
        return Unusable(
            "`ssh: default`: no agent runs here (SSH_AUTH_SOCK is not set), and no key is named",
            "Start an agent (`eval $(ssh-agent)`, `ssh-add`), or name a key: `default=PATH`.",
        )
    return Unusable(
        f"`ssh: {identity}` names no agent's socket and no key",
        f"Name one: `{identity}=PATH`.",
    )


def _beside(where: str, said: Mapping[str, Any]) -> str:
    return os.path.join(where, str(said.get("dockerfile") or "Dockerfile"))


def _inline(text: str) -> tuple[str, str, dict[str, bytes]]:
    """(name in the archive, text, files to add): a name that no file of the user's has."""
    content = str(text).encode()
    name = f".dockerfile.{hashlib.sha256(content).hexdigest()[:20]}"
    return name, str(text), {name: content}


def _dockerfile(where: str, said: Mapping[str, Any]) -> tuple[str, str, dict[str, bytes]]:
    """The same for a Dockerfile that is a file. One from outside of the context is added to it."""
    path = _beside(where, said)
    if not os.path.exists(path) and not said.get("dockerfile"):
        path = os.path.join(where, "dockerfile")
    real = os.path.realpath(path)
    try:
        with open(real, "rb") as file:
            content = file.read()
    except OSError as error:
        raise Unusable(f"its Dockerfile {_beside(where, said)}: {error.strerror}") from error
    text = content.decode("utf-8", "replace")
    inside = os.path.relpath(real, os.path.realpath(where))
    if inside.startswith("..") or os.path.islink(path):
        return _inline(text)
    return inside.replace(os.sep, "/"), text, {}


def _context(where: str, name: str, extra: Mapping[str, bytes], beside: str) -> Context:
    """What goes along. A Dockerfile's own ``.dockerignore`` wins over the context's."""
    rules = ""
    for path in (f"{beside}{IGNORE_FILE}" if beside else "", os.path.join(where, IGNORE_FILE)):
        if path and os.path.isfile(path):
            with open(path, encoding="utf-8", errors="surrogateescape") as file:
                rules = file.read()
            break
    try:
        ignore = dockerignore.read(rules)
    except dockerignore.BadPattern as error:
        raise Unusable(f"{path}: {error}") from error
    added = dict(extra)
    if extra:
        # The engine takes out of the context what this names: the Dockerfile that we added.
        own = rules or IGNORE_FILE
        added[IGNORE_FILE] = f"{own}\n{name}\n".encode("utf-8", "surrogateescape")
    return Context(where, ignore, frozenset({name, IGNORE_FILE}), added)
