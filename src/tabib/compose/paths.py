"""Stage 6, paths: what is relative to a file's folder becomes absolute, in place."""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from typing import Any

from tabib.compose.mounts import clean
from tabib.compose.problems import Problems
from tabib.compose.tree import Map, Path, Seq, mark_at

_REMOTE = ("https://", "http://", "git://", "ssh://", "github.com/", "git@")


def join(base: str, path: str) -> str:
    """``filepath.Join``."""
    return clean(f"{base}/{path}") if base else clean(path)


def _windows_absolute(path: str) -> bool:
    return (path[1:2] == ":" and path[2:3] in ("\\", "/")) or path[:2] in ("\\\\", "//")


class Paths:
    """Resolves against ``base``; ``real`` follows symbolic links (only watched paths need it)."""

    def __init__(self, base: str, home: str, real: Callable[[str], str]) -> None:
        self.base = base
        self.home = home
        self.real = real

    def user(self, path: str) -> str:
        return join(self.home, path[1:]) if path.startswith("~") and self.home else path

    def absolute(self, path: str) -> str:
        path = self.user(path)
        return path if not path or path.startswith("/") else join(self.base, path)

    def source(self, path: str) -> str:
        """A path for the engine, which may run on Windows."""
        path = self.user(path)
        known = path.startswith("/") or _windows_absolute(path)
        return path if known else join(self.base, path)

    def context(self, path: str) -> str:
        remote = "://" in path or path.startswith(("service:", *_REMOTE))
        return path if remote else self.absolute(path)

    def tree(self, tree: Map, problems: Problems) -> None:
        """Every path of a canonical tree."""
        for name, service in _maps(tree.get("services")):
            self.service(service)
            self.mounts(tree, service, ("services", name), problems)
        for section in ("configs", "secrets"):
            for _, resource in _maps(tree.get(section)):
                _change(resource, "file", self.source)
        for _, volume in _maps(tree.get("volumes")):
            options = volume.get("driver_opts")
            bind = isinstance(options, Map) and options.get("o") == "bind"
            if bind and volume.get("driver") == "local":
                _change(options, "device", self.source)

    def service(self, service: Map) -> None:
        build = service.get("build")
        if isinstance(build, Map):
            _change(build, "context", self.context)
            for key, change in (("additional_contexts", self.context), ("ssh", self.source)):
                inner = build.get(key)
                for name in inner if isinstance(inner, Map) else ():
                    _change(inner, name, change)
        for entry in service.get("env_file") or ():
            _change(entry, "path", self.absolute)
        labels = service.get("label_file")
        if isinstance(labels, Seq):
            labels[:] = [self.absolute(p) if isinstance(p, str) else p for p in labels]
        _change(service.get("extends"), "file", self.absolute)
        develop = service.get("develop")
        for trigger in (develop.get("watch") or ()) if isinstance(develop, Map) else ():
            _change(trigger, "path", lambda path: self.real(self.absolute(path)))

    def mounts(self, tree: Map, service: Map, at: tuple[str, ...], problems: Problems) -> None:
        volumes = service.get("volumes")
        for index, mount in enumerate(volumes if isinstance(volumes, Seq) else ()):
            if not isinstance(mount, Map) or mount.get("type") != "bind":
                continue
            if "source" not in mount:
                path: Path = (*at, "volumes", index)
                problems.add("a bind mount needs a 'source'", mark=mark_at(tree, path), path=path)
            _change(mount, "source", self.source)


def _maps(value: Any) -> list[tuple[str, Map]]:
    return (
        [(k, v) for k, v in value.items() if isinstance(v, Map)] if isinstance(value, Map) else []
    )


def _change(owner: Any, key: str, change: Callable[[str], str]) -> None:
    if isinstance(owner, Map) and isinstance(owner.get(key), str):
        owner[key] = change(owner[key])


def base_name(path: str) -> str:
    return posixpath.basename(path.rstrip("/")) or "/"


def folder(path: str) -> str:
    return posixpath.dirname(path) or "/"
