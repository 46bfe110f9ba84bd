"""Stage 5, canonical: short forms become long forms, in place.

Everything here keeps the marks where one thing becomes one thing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tabib.compose.gotext import sprint
from tabib.compose.mounts import parse_device, parse_volume
from tabib.compose.ports import parse_port
from tabib.compose.problems import Problems, Stop
from tabib.compose.tree import Map, Mark, Path, Seq, mark_at, marked_items, seq_of

MAX_PORTS = 65_536
"""As many as an address has. A range is written out; a few dozen of them would be millions."""


class Canonical:
    """Rewrites one merged tree; ``lenient`` leaves texts that still hold variables alone."""

    def __init__(self, tree: Map, problems: Problems, lenient: bool = False) -> None:
        self.tree = tree
        self.problems = problems
        self.lenient = lenient
        self.ports_left = MAX_PORTS

    def run(self) -> None:
        for name, service in _members(self.tree, "services"):
            self.service(service, ("services", name))
        for section in ("volumes", "networks", "secrets", "configs"):
            for name, resource in _members(self.tree, section):
                self.external(resource, (section, name))

    def service(self, service: Map, path: Path) -> None:
        if isinstance(service.get("build"), str):
            service["build"] = Map({"context": service["build"]})
        if isinstance(service.get("build"), Map):
            self.build(service["build"], (*path, "build"))
        for key in ("dns", "label_file"):
            _to_list(service, key)
        _drop_empty_dns(service)
        _to_map(service, "networks", None)
        _to_map(service, "models", None)
        _depends_on(service)
        _env_file(service)
        if isinstance(service.get("extends"), str):
            service["extends"] = Map({"service": service["extends"]})
        if isinstance(service.get("gpus"), str):
            service["gpus"] = Seq([Map({"count": "all"})])
        self.each(service, "volumes", path, parse_volume)
        self.each(service, "devices", path, lambda text: parse_device(text, self.lenient))
        for key in ("secrets", "configs"):
            self.each(service, key, path, lambda text: {"source": text})
        self.ports(service, path)
        self.ulimits(service, path)
        for trigger in _watches(service):
            _to_list(trigger, "ignore")
            _to_list(trigger, "include")

    def build(self, build: Map, path: Path) -> None:
        self.each(build, "secrets", path, lambda text: {"source": text})
        for key in ("provenance", "sbom"):
            if key in build and not isinstance(build[key], str):
                build[key] = sprint(build[key])
        self.pairs(build, "additional_contexts", path, bare=())
        self.pairs(build, "ssh", path, bare=("default",))
        self.ulimits(build, path)

    def pairs(self, owner: Map, key: str, path: Path, bare: tuple[str, ...]) -> None:
        """``["a=b"]`` → ``{a: b}``; only the names in ``bare`` may stand without a value."""
        value = owner.get(key)
        if not isinstance(value, Seq):
            return
        result = Map()
        for entry, mark in marked_items(value):
            name, equals, inner = str(entry).partition("=")
            if not equals and name not in bare:
                if not self.lenient:
                    self.problems.add(f"'{entry}' is not name=value", mark=mark, path=(*path, key))
                return
            result.place(name, inner if equals else None, mark)
        owner[key] = result

    def each(self, owner: Map, key: str, path: Path, parse: Callable[[str], Any]) -> None:
        """Turn the texts of a list into mappings."""
        value = owner.get(key)
        if not isinstance(value, Seq):
            return
        for index, entry in enumerate(value):
            if isinstance(entry, str):
                parsed = self.parsed(parse, entry, value.mark_of(index), (*path, key, index))
                if parsed is not None:
                    value[index] = _deep(parsed)

    def parsed(self, parse: Callable[[str], Any], text: str, mark: Mark, path: Path) -> Any:
        try:
            return parse(text)
        except ValueError as error:
            if not (self.lenient and "$" in text):
                self.problems.add(str(error), mark=mark, path=path)
            return None

    def ports(self, service: Map, path: Path) -> None:
        value = service.get("ports")
        if not isinstance(value, Seq):
            return
        result: list[tuple[Any, Mark]] = []
        for index, (entry, mark) in enumerate(marked_items(value)):
            if isinstance(entry, Map):
                result.append((entry, mark))
                continue
            at = (*path, "ports", index)
            if isinstance(entry, float):
                self.problems.add(f"{sprint(entry)} is no port: quote it", mark=mark, path=at)
            parsed = self.parsed(parse_port, sprint(entry), mark, at)
            if parsed is None and self.lenient:
                return
            self.ports_left -= len(parsed or ())
            if self.ports_left < 0:
                message = f"more than {MAX_PORTS} ports are published in this project"
                self.problems.add(message, mark=mark, path=at)
                raise Stop
            result += [(Map(port), mark) for port in parsed or ()]
        service["ports"] = seq_of(result)

    def ulimits(self, owner: Map, path: Path) -> None:
        """Whole numbers, written as such: Compose reads no text here."""
        limits = owner.get("ulimits")
        for name, limit in limits.items() if isinstance(limits, Map) else ():
            both = isinstance(limit, Map)
            for key, value in limit.items() if both else [("", limit)]:
                if (
                    key not in ("", "soft", "hard")
                    or _is_whole(value)
                    or (self.lenient and _is_open(value))
                ):
                    continue
                at = (*path, "ulimits", name, *([key] if both else []))
                message = f"must be a whole number, not {sprint(value)!r}"
                self.problems.add(message, mark=mark_at(self.tree, at), path=at)

    def external(self, resource: Map, path: Path) -> None:
        """``external: {name: x}``, an old form of ``external: true`` and ``name: x``."""
        external = resource.get("external")
        if not isinstance(external, Map):
            return
        resource["external"] = True
        if "name" not in external:
            return
        mark = mark_at(self.tree, (*path, "external"))
        self.problems.warn("external.name is deprecated: write name, and external: true", mark)
        if resource.get("name", external["name"]) != external["name"]:
            self.problems.add("name and external.name differ: use only name", mark=mark, path=path)
        resource["name"] = external["name"]


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 63


def _is_open(value: Any) -> bool:
    """A text with a variable that is left as it is."""
    return isinstance(value, str) and "$" in value


def _members(tree: Map, section: str) -> list[tuple[str, Map]]:
    members = tree.get(section)
    if not isinstance(members, Map):
        return []
    return [(name, member) for name, member in members.items() if isinstance(member, Map)]


def _deep(value: Any) -> Any:
    """Plain mappings of a parser as trees."""
    return Map((k, _deep(v)) for k, v in value.items()) if isinstance(value, dict) else value


def _to_list(owner: Map, key: str) -> None:
    if isinstance(owner.get(key), str):
        owner[key] = Seq([owner[key]], [owner.marks[key]] if key in owner.marks else [])


def _to_map(owner: Map, key: str, default: Any) -> None:
    value = owner.get(key)
    if isinstance(value, Seq):
        result = Map()
        for entry, mark in marked_items(value):
            result.place(str(entry), default, mark)
        owner[key] = result


def _drop_empty_dns(service: Map) -> None:
    """An empty entry of ``dns`` (a variable without a value) is no server."""
    dns = service.get("dns")
    if isinstance(dns, Seq):
        service["dns"] = seq_of([pair for pair in marked_items(dns) if pair[0]])


def _depends_on(service: Map) -> None:
    value = service.get("depends_on")
    if isinstance(value, Seq):
        result = Map()
        for entry, mark in marked_items(value):
            inner = Map({"condition": "service_started", "required": True})
            result.place(str(entry), inner, mark)
        service["depends_on"] = result
    elif isinstance(value, Map):
        for inner in value.values():
            if isinstance(inner, Map):
                inner.setdefault("condition", "service_started")
                inner.setdefault("required", True)


def _env_file(service: Map) -> None:
    _to_list(service, "env_file")
    value = service.get("env_file")
    if not isinstance(value, Seq):
        return
    for index, entry in enumerate(value):
        if isinstance(entry, str):
            value[index] = Map({"path": entry, "required": True})
        elif isinstance(entry, Map):
            entry.setdefault("required", True)


def _watches(service: Map) -> list[Map]:
    develop = service.get("develop")
    watch = develop.get("watch") if isinstance(develop, Map) else None
    return [trigger for trigger in watch or () if isinstance(trigger, Map)]
