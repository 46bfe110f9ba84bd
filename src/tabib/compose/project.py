"""Stage 10, model: the canonical tree as the nouns of :mod:`tabib.model.project`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tabib.compose import dotenv, extension, fields, hashes
from tabib.compose.consistency import Consistency
from tabib.compose.discover import Setting, read_text
from tabib.compose.problems import Problems
from tabib.compose.request import LoadRequest, Reader
from tabib.compose.tree import Map, Mark, Path, mark_at
from tabib.model.project import Dependency, FileObject, Network, Project, Service, Volume

Spec = dict[str, Any]


@dataclass(slots=True)
class Builder:
    """Builds one project from its canonical tree; problems are collected, not raised."""

    tree: Map
    name: str
    setting: Setting
    request: LoadRequest
    reader: Reader
    problems: Problems
    secret_values: Mapping[str, str]
    inline: dict[str, Any] = field(default_factory=dict)

    def build(self) -> Project:
        """:raises Stop: the project is not consistent."""
        specs = self._specs()
        profiles = self._profiles(specs)
        active = {n: s for n, s in specs.items() if _enabled(s, profiles)}
        disabled = {n: s for n, s in specs.items() if n not in active}
        self.problems.check()
        if not self.request.no_consistency:
            Consistency(self.tree, active, disabled, self.problems).run()
            for spec in active.values():
                if "scale" in spec and "deploy" in spec:
                    spec["deploy"] = {**_ordered_replicas(spec["deploy"], spec["scale"])}
        common = extension.parse(self.tree, (), self.tree, {}, self.problems)
        services = {n: self._service(n, s, common) for n, s in active.items()}
        idle = {n: self._service(n, s, common, active=False) for n, s in disabled.items()}
        self.problems.check()
        keep = None if self.request.all_resources else _used(services.values())
        return Project(
            name=self.name,
            working_dir=self.setting.working_dir,
            files=self.setting.files,
            environment_files=self.setting.env_files,
            profiles=tuple(profiles),
            services=services,
            disabled=idle,
            networks=self._networks(keep),
            volumes=self._volumes(keep),
            secrets=self._file_objects("secrets", keep),
            configs=self._file_objects("configs", keep),
            extensions={k: extension.plain(v) for k, v in self.tree.items() if k.startswith("x-")},
            models=self._models(),
            inline=self.inline,
            warnings=tuple(self.problems.warnings),
        )

    def _note(self, path: Path, found: str | dict[str, Any]) -> None:
        if isinstance(found, str):
            self.problems.add(found, mark=mark_at(self.tree, path), path=path)
            return
        node = self.inline
        for part in path:
            node = node.setdefault(str(part), {})
        node.update(extension.plain(found))

    def _members(self, section: str) -> list[tuple[str, Any]]:
        members = self.tree.get(section)
        return sorted(members.items()) if isinstance(members, Map) else []

    def _specs(self) -> dict[str, Spec]:
        return {
            name: fields.struct(fields.SERVICE, service, ("services", name), self._note)
            for name, service in self._members("services")
        }

    def _profiles(self, specs: Mapping[str, Spec]) -> list[str]:
        """The active ones, with those of services that the command line names."""
        profiles = list(self.setting.profiles)
        for name in self.request.services:
            if name in specs and not _enabled(specs[name], profiles):
                profiles += specs[name].get("profiles", ())
        return profiles

    def _service(
        self, name: str, raw: Spec, common: Mapping[str, Any], active: bool = True
    ) -> Service:
        labels_files = raw.get("label_file", [])
        labels = self._labels(name, raw, active)
        environment = self._environment(name, raw, active)
        resolved = {**raw, "labels": labels, "environment": environment}
        filled = {k: resolved[k] for k in _SERVICE_ORDER if k in resolved and k != "env_file"}
        spec = {k: v for k, v in filled.items() if v or k not in ("labels", "environment")}
        created = dict(spec)
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
            config_hash=hashes.service_hash(created),
            printed_hash=hashes.service_hash(_env_files_as_printed(printed)),
            image=spec.get("image") or f"{self.name}-{name}",
            replicas=1 if replicas is None else replicas,
            container_name=spec.get("container_name", ""),
            depends_on=tuple(_dependency(n, d) for n, d in spec.get("depends_on", {}).items()),
            networks=_by_priority(spec.get("networks") or {}),
            volumes=tuple(dict.fromkeys(_mounted(spec))),
            extension=extension.merged(common, own),
        )

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
            parse(read_text(path, self.reader, self.problems), values, lookup)
        except dotenv.DotenvError as error:
            self.problems.add(str(error), mark=Mark(path, error.line, 1))

    def _networks(self, keep: _Used | None) -> dict[str, Network]:
        found = {}
        for key, node in self._members("networks"):
            spec = fields.struct(fields.NETWORK, node, ("networks", key), self._note)
            if keep is None or key in keep.networks:
                found[key] = Network(
                    key=key,
                    name=spec.get("name", key),
                    external=spec.get("external", False),
                    spec=spec,
                    config_hash=hashes.network_hash(spec),
                )
        self.problems.check()
        return found

    def _volumes(self, keep: _Used | None) -> dict[str, Volume]:
        found = {}
        for key, node in self._members("volumes"):
            spec = fields.struct(fields.VOLUME, node, ("volumes", key), self._note)
            if keep is None or key in keep.volumes:
                found[key] = Volume(
                    key=key,
                    name=spec.get("name", key),
                    external=spec.get("external", False),
                    spec=spec,
                    config_hash=hashes.volume_hash(spec),
                )
        self.problems.check()
        return found

    def _models(self) -> dict[str, Any]:
        return {
            key: fields.struct(fields.MODEL, node, ("models", key), self._note)
            for key, node in self._members("models")
        }

    def _file_objects(self, section: str, keep: _Used | None) -> dict[str, FileObject]:
        found = {}
        for key, node in self._members(section):
            spec = fields.struct(fields.FILE_OBJECT, node, (section, key), self._note)
            content = spec.get("content")
            if section == "secrets":
                content = self.secret_values.get(key)
            if spec.get("environment"):
                spec.pop("content", None)  # Compose prints where a value comes from, not the value
                content = content or ""
            if keep is None or key in getattr(keep, section):
                found[key] = FileObject(
                    key=key,
                    name=spec.get("name", key),
                    file=spec.get("file", ""),
                    content=content,
                    external=spec.get("external", False),
                    spec=spec,
                )
        self.problems.check()
        return found


_SERVICE_ORDER = tuple(field.key for field in fields.SERVICE)


@dataclass(frozen=True, slots=True)
class _Used:
    networks: set[str]
    volumes: set[str]
    secrets: set[str]
    configs: set[str]


def _used(services: Any) -> _Used:
    """What active services refer to: Compose leaves everything else out."""
    used = _Used(set(), set(), set(), set())
    for service in services:
        spec = service.spec
        used.networks.update(service.networks)
        used.volumes.update(service.volumes)
        build = spec.get("build") or {}
        used.secrets.update(s.get("source", "") for s in spec.get("secrets", ()))
        used.secrets.update(s.get("source", "") for s in build.get("secrets", ()))
        used.configs.update(c.get("source", "") for c in spec.get("configs", ()))
    return used


def _enabled(spec: Spec, profiles: list[str]) -> bool:
    own = spec.get("profiles")
    return not own or "*" in profiles or any(profile in profiles for profile in own)


def _ordered_replicas(deploy: Spec, replicas: int) -> Spec:
    merged = {**deploy, "replicas": replicas}
    return {field.key: merged[field.key] for field in fields.DEPLOY if field.key in merged}


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
    return tuple(sorted(networks, key=lambda key: (-(networks[key] or {}).get("priority", 0), key)))


def _mounted(spec: Spec) -> list[str]:
    return [
        mount["source"]
        for mount in spec.get("volumes", ())
        if mount.get("type") == "volume" and mount.get("source")
    ]
