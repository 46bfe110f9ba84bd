"""Stage 10a, services: what a service's own files add, its hashes, and the typed fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tabib.compose import dotenv, extension, fields, hashes
from tabib.compose.discover import Setting, read_text
from tabib.compose.problems import Problems
from tabib.compose.request import Reader
from tabib.compose.tree import Map, Mark, mark_at
from tabib.model.project import Dependency, Service

Spec = dict[str, Any]
_SERVICE_ORDER = tuple(field.key for field in fields.SERVICE)


@dataclass(slots=True)
class ServiceBuilder:
    """Makes the services of one project; problems are collected, not raised."""

    tree: Map
    project: str
    setting: Setting
    reader: Reader
    problems: Problems
    no_hashes: bool = False

    def service(
        self, name: str, raw: Spec, common: Mapping[str, Any], active: bool = True
    ) -> Service:
        labels_files = raw.get("label_file", [])
        labels = self._labels(name, raw, active)
        environment = self._environment(name, raw, active)
        resolved = {**raw, "labels": labels, "environment": environment}
        filled = {k: resolved[k] for k in _SERVICE_ORDER if k in resolved and k != "env_file"}
        spec = {k: v for k, v in filled.items() if v or k not in ("labels", "environment")}
        created = self._with_platform(spec)
        spec.pop("label_file", None)
        printed = {k: raw[k] for k in _SERVICE_ORDER if k in raw}
        if labels_files:
            printed = {k: v for k, v in {**printed, "labels": labels}.items() if v != {}}
            printed = {k: printed[k] for k in _SERVICE_ORDER if k in printed and k != "label_file"}
        own = extension.parse(
            self.tree, ("services", name), self.tree["services"][name], labels, self.problems
        )
        replicas = spec.get("scale", (spec.get("deploy") or {}).get("replicas"))
        return Service(
            name=name,
            spec=spec,
            config_hash=self._hash(created),
            printed_hash=self._hash(_env_files_as_printed(self._with_platform(printed))),
            image=spec.get("image") or f"{self.project}-{name}",
            replicas=replicas if isinstance(replicas, int) else 1,
            container_name=spec.get("container_name", ""),
            depends_on=tuple(_dependency(n, d) for n, d in spec.get("depends_on", {}).items()),
            networks=_by_priority(spec.get("networks") or {}),
            volumes=tuple(dict.fromkeys(_mounted(spec))),
            extension=extension.merged(common, own),
        )

    def _hash(self, spec: Spec) -> str:
        return "" if self.no_hashes else hashes.service_hash(spec)

    def _with_platform(self, spec: Spec) -> Spec:
        """What is hashed: services that are built get the default platform at the last moment."""
        platform = self.setting.environment.get("DOCKER_DEFAULT_PLATFORM")
        if not platform or "build" not in spec or "platform" in spec:
            return dict(spec)
        merged = {**spec, "platform": platform}
        return {key: merged[key] for key in _SERVICE_ORDER if key in merged}

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


def _env_files_as_printed(spec: Spec) -> Spec:
    """A required env file is printed as its path alone."""
    if "env_file" not in spec:
        return spec
    shown = [entry.get("path", "") if entry["required"] else entry for entry in spec["env_file"]]
    return {key: shown if key == "env_file" else value for key, value in spec.items()}


def _dependency(name: str, value: Spec) -> Dependency:
    return Dependency(
        service=name,
        condition=value.get("condition", "service_started"),
        restart=value.get("restart", False),
        required=value["required"],
    )


def _by_priority(networks: Mapping[str, Any]) -> tuple[str, ...]:
    def order(key: str) -> tuple[int, str]:
        priority = (networks[key] or {}).get("priority", 0)
        return (-priority if isinstance(priority, int) else 0, key)

    return tuple(sorted(networks, key=order))


def _mounted(spec: Spec) -> list[str]:
    return [
        mount["source"]
        for mount in spec.get("volumes", ())
        if isinstance(mount, dict) and mount.get("type") == "volume" and mount.get("source")
    ]
