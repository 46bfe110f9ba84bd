"""Stage 10, resolve: what the files of services add, and the last of what may be refused.

Beyond it a project only takes another form (:mod:`tabib.compose.project`), which who only checks
a file has no use for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tabib.compose import extension, fields
from tabib.compose.consistency import Consistency
from tabib.compose.discover import Setting, read_text
from tabib.compose.tree import Map, Mark, Path, mark_at

if TYPE_CHECKING:
    from tabib.compose.load import Loader

Spec = dict[str, Any]


class Service:
    """A service with the content of its files."""

    __slots__ = ("environment", "extension", "labels", "spec")

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        """As it is written, in Compose's JSON."""
        self.labels: dict[str, str] = {}
        self.environment: dict[str, Any] = {}
        self.extension: dict[str, Any] = {}
        """``x-tabib`` and ``tabib.*`` labels, merged over the project's."""


class Resolution:
    """Resolves one canonical tree; problems are collected, not raised."""

    def __init__(self, tree: Map, name: str, setting: Setting, loader: Loader) -> None:
        self.tree = tree
        self.name = name
        self.setting = setting
        self.request = loader.request
        self.reader = loader.reader
        self.problems = loader.problems
        self.secret_values = loader.secret_values
        self.inline: dict[str, Any] = {}
        self.profiles: list[str] = []
        self.active: dict[str, Service] = {}
        self.disabled: dict[str, Service] = {}
        self.sections: dict[str, dict[str, Spec]] = {}

    def run(self) -> None:
        """:raises Stop: the project is not consistent."""
        specs = {
            name: fields.struct(fields.SERVICE, service, ("services", name), self._note)
            for name, service in self._members("services")
        }
        self.profiles = self._profiles(specs)
        active = {n: s for n, s in specs.items() if _enabled(s, self.profiles)}
        disabled = {n: s for n, s in specs.items() if n not in active}
        self.problems.settle()
        if not (self.request.no_consistency or self.request.no_interpolate):
            Consistency(self.tree, active, disabled, self.problems).run()
            for spec in active.values():
                if "scale" in spec and "deploy" in spec:
                    spec["deploy"] = {**_ordered_replicas(spec["deploy"], spec["scale"])}
        common = extension.parse(self.tree, (), self.tree, {}, self.problems)
        self.active = {n: self._service(n, s, common) for n, s in active.items()}
        self.disabled = {n: self._service(n, s, common, False) for n, s in disabled.items()}
        self.problems.check()
        for section, struct in (
            ("networks", fields.NETWORK), ("volumes", fields.VOLUME),
            ("secrets", fields.FILE_OBJECT), ("configs", fields.FILE_OBJECT),
            ("models", fields.MODEL),
        ):  # fmt: skip
            self.sections[section] = {
                key: fields.struct(struct, node, (section, key), self._note)
                for key, node in self._members(section)
            }
            if section != "models":
                self.problems.check()

    def _note(self, path: Path, found: str | dict[str, Any], value: Any = None) -> Any:
        """A problem with ``value``, or the ``x-*`` keys of a struct; what takes its place."""
        if isinstance(found, str):
            if self.request.no_interpolate and isinstance(value, str) and "$" in value:
                return value
            self.problems.add(found, mark=mark_at(self.tree, path), path=path)
            return None
        node = self.inline
        for part in path:
            node = node.setdefault(str(part), {})
        node.update(extension.plain(found))
        return None

    def _members(self, section: str) -> list[tuple[str, Any]]:
        members = self.tree.get(section)
        return sorted(members.items()) if isinstance(members, Map) else []

    def _profiles(self, specs: Mapping[str, Spec]) -> list[str]:
        """The active ones, with those of services that the command line names."""
        # where none is named, Compose splits an empty text, and so names the empty profile
        profiles = list(self.setting.profiles) or [""]
        for name in self.request.services:
            if name in specs and not _enabled(specs[name], profiles):
                profiles += specs[name].get("profiles", ())
        return profiles

    def _service(
        self, name: str, spec: Spec, common: Mapping[str, Any], active: bool = True
    ) -> Service:
        service = Service(spec)
        service.labels = self._labels(name, spec, active)
        service.environment = self._environment(name, spec, active)
        written = self.tree["services"][name]
        own = extension.parse(self.tree, ("services", name), written, service.labels, self.problems)
        service.extension = extension.merged(common, own)
        return service

    def _environment(self, name: str, raw: Spec, active: bool) -> dict[str, Any]:
        known = self.setting.environment
        written = {
            k: known.get(k) if v is None else v for k, v in raw.get("environment", {}).items()
        }
        values = {k: v for k, v in written.items() if v is not None}
        given = dict(values)

        def lookup(variable: str) -> str | None:
            return known.get(variable, given.get(variable))

        for index, entry in enumerate(raw.get("env_file", [])):
            path = ("services", name, "env_file", index)
            self._file(entry, values, lookup, mark_at(self.tree, path), active)
        merged = {**values, **written}
        return {key: merged[key] for key in sorted(merged)}

    def _labels(self, name: str, raw: Spec, active: bool) -> dict[str, str]:
        labels: dict[str, str] = {}
        for index, path in enumerate(raw.get("label_file", [])):
            mark = mark_at(self.tree, ("services", name, "label_file", index))
            self._file({"path": path, "required": True}, labels, labels.get, mark, active)
        labels.update(raw.get("labels", {}))
        return {key: labels[key] for key in sorted(labels)}

    def _file(
        self, entry: Spec, values: dict[str, str], lookup: Any, mark: Mark, active: bool
    ) -> None:
        """Variables of one env or label file; a service that is not active may lack its files."""
        path = entry.get("path", "")
        if not self.reader.is_file(path):
            if active and entry["required"]:
                what = "is a folder" if self.reader.is_dir(path) else "does not exist"
                self.problems.add(f"the file {path} {what}", mark=mark)
            return
        from tabib.compose import dotenv

        parse = {"": dotenv.parse, "raw": dotenv.parse_raw, ".env": dotenv.parse}.get(
            entry.get("format", "")
        )
        if parse is None:
            self.problems.add(f"unknown format '{entry['format']}' of an env file", mark=mark)
            return
        try:
            parse(read_text(path, self.reader, self.problems, dotenv.MAX_BYTES), values, lookup)
        except dotenv.DotenvError as error:
            self.problems.add(str(error), mark=Mark(path, error.line, 1))


def _enabled(spec: Spec, profiles: list[str]) -> bool:
    own = spec.get("profiles")
    return not own or "*" in profiles or any(profile in profiles for profile in own)


def _ordered_replicas(deploy: Spec, replicas: int) -> Spec:
    merged = {**deploy, "replicas": replicas}
    return {field.key: merged[field.key] for field in fields.DEPLOY if field.key in merged}
