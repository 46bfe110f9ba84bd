"""Stage 3b, extends: a service built on another one, of the same file or of another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from tabib.compose import resets
from tabib.compose.merge import Merge
from tabib.compose.problems import Problems, Stop, nearest
from tabib.compose.tree import Map, Mark, Path, clone, mark_at

OpenFile = Callable[[str], tuple[Map, list[Path]]]
"""Absolute path → the file's canonical tree, its paths resolved, and its resets."""
Locate = Callable[[str, Mark, Path], str]
"""A path as written, where and at which key → the absolute one. Raises Stop: it is refused."""
_MAX_CHAIN = 50
_MAX_FAILURES = 20


class _File(NamedTuple):
    """A file whose services are at hand."""

    path: str
    tree: Map
    resets: list[Path]

    @property
    def services(self) -> Map:
        services = self.tree.get("services")
        return services if isinstance(services, Map) else Map()


class Extends:
    """Resolves the ``extends`` of one file's services."""

    def __init__(self, open_file: OpenFile, absolute: Locate, problems: Problems) -> None:
        self.open_file = open_file
        self.absolute = absolute
        self.problems = problems
        self.files: dict[str, _File] = {}

    def apply(self, path: str, tree: Map, reset_paths: list[Path]) -> None:
        """Replace each service of ``tree`` that extends another by the merged one."""
        file = _File(path, tree, reset_paths)
        failures = 0
        for name in list(file.services):
            try:
                self._service(file, name, [])
            except Stop:
                # It is told; the services beside it are judged without it.
                failures += 1
                if failures > _MAX_FAILURES:
                    raise
                if isinstance(file.services.get(name), Map):
                    file.services[name].pop("extends", None)

    def _service(self, file: _File, name: str, chain: list[tuple[str, str]]) -> Any:
        service = file.services.get(name)
        if not isinstance(service, Map) or "extends" not in service:
            return service
        at: Path = ("services", name, "extends")
        link = (file.path, name)
        if link in chain or len(chain) > _MAX_CHAIN:
            loop = [*chain[chain.index(link) :], link] if link in chain else [*chain[-2:], link]
            names = " → ".join(service_name for _, service_name in loop)
            self._add(file, at, f"services extend each other: {names}")
            raise Stop
        base_file, base_name = self._target(file, service["extends"], at)
        if base_name not in base_file.services:
            where = f" in {base_file.path}" if base_file is not file else ""
            hint = nearest(base_name, base_file.services)
            self._add(file, at, f"there is no service '{base_name}'{where}", hint)
            raise Stop
        base = self._service(base_file, base_name, [*chain, link])
        if not isinstance(base, Map):
            return service
        source = clone(base)
        resets.apply(file.resets, Map({"services": Map({name: source})}))
        merged = Merge(self.problems).values(source, clone(service), ("services", name))
        merged.pop("extends", None)
        file.services[name] = merged
        return merged

    def _target(self, file: _File, extends: Any, at: Path) -> tuple[_File, str]:
        if isinstance(extends, str):
            return file, extends
        name = extends.get("service") if isinstance(extends, Map) else None
        if not isinstance(name, str):
            self._add(file, at, "needs the 'service' that is extended")
            raise Stop
        other = extends.get("file")
        if other is None:
            return file, name
        if not isinstance(other, str):
            self._add(file, (*at, "file"), "must be a path")
            raise Stop
        path = self.absolute(other, mark_at(file.tree, (*at, "file")), (*at, "file"))
        if path not in self.files:
            tree, reset_paths = self.open_file(path)
            self.files[path] = _File(path, tree, reset_paths)
        return self.files[path], name

    def _add(self, file: _File, path: Path, message: str, suggestion: str = "") -> None:
        mark = mark_at(file.tree, path)
        self.problems.add(message, mark=mark, path=path, suggestion=suggestion)
