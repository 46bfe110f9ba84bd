"""Stage 10, model: the canonical tree as the nouns of :mod:`tabib.model.project`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tabib.compose import extension, fields, hashes
from tabib.compose.consistency import Consistency
from tabib.compose.discover import Setting
from tabib.compose.problems import Problems
from tabib.compose.request import LoadRequest, Reader
from tabib.compose.service import ServiceBuilder
from tabib.compose.tree import Map, Path, mark_at
from tabib.model.project import FileObject, Network, Project, Volume

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
        self.problems.settle()
        if not (self.request.no_consistency or self.request.no_interpolate):
            Consistency(self.tree, active, disabled, self.problems).run()
            for spec in active.values():
                if "scale" in spec and "deploy" in spec:
                    spec["deploy"] = {**_ordered_replicas(spec["deploy"], spec["scale"])}
        common = extension.parse(self.tree, (), self.tree, {}, self.problems)
        make = ServiceBuilder(self.tree, self.name, self.setting, self.reader, self.problems)
        make.no_hashes = self.request.no_hashes
        services = {n: make.service(n, s, common) for n, s in active.items()}
        idle = {n: make.service(n, s, common, active=False) for n, s in disabled.items()}
        self.problems.check()
        keep = None if self.request.all_resources else used_by(services.values())
        return Project(
            name=self.name,
            working_dir=self.setting.working_dir,
            files=self.setting.files,
            environment_files=self.setting.env_files,
            profiles=tuple(profile for profile in profiles if profile),
            services=services,
            disabled=idle,
            networks=self._networks(keep),
            volumes=self._volumes(keep),
            secrets=self._file_objects("secrets", keep),
            configs=self._file_objects("configs", keep),
            extensions={k: extension.plain(v) for k, v in self.tree.items() if k.startswith("x-")},
            models=self._models(keep),
            inline=self.inline,
            warnings=tuple(self.problems.warnings),
        )

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

    def _specs(self) -> dict[str, Spec]:
        return {
            name: fields.struct(fields.SERVICE, service, ("services", name), self._note)
            for name, service in self._members("services")
        }

    def _profiles(self, specs: Mapping[str, Spec]) -> list[str]:
        """The active ones, with those of services that the command line names."""
        # where none is named, Compose splits an empty text, and so names the empty profile
        profiles = list(self.setting.profiles) or [""]
        for name in self.request.services:
            if name in specs and not _enabled(specs[name], profiles):
                profiles += specs[name].get("profiles", ())
        return profiles

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
                    config_hash="" if self.request.no_hashes else hashes.network_hash(spec),
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
                    config_hash="" if self.request.no_hashes else hashes.volume_hash(spec),
                )
        self.problems.check()
        return found

    def _models(self, keep: _Used | None) -> dict[str, Any]:
        found = {
            key: fields.struct(fields.MODEL, node, ("models", key), self._note)
            for key, node in self._members("models")
        }
        return {k: spec for k, spec in found.items() if keep is None or k in keep.models}

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


class _Used(NamedTuple):
    """The resources that active services refer to."""

    networks: set[str]
    volumes: set[str]
    secrets: set[str]
    configs: set[str]
    models: set[str]


def used_by(services: Any) -> _Used:
    """What active services refer to: Compose leaves everything else out."""
    used = _Used(set(), set(), set(), set(), set())
    for service in services:
        spec = service.spec
        used.networks.update(service.networks)
        used.volumes.update(service.volumes)
        build = spec.get("build") or {}
        used.secrets.update(s.get("source", "") for s in spec.get("secrets", ()))
        used.secrets.update(s.get("source", "") for s in build.get("secrets", ()))
        used.configs.update(c.get("source", "") for c in spec.get("configs", ()))
        used.models.update(spec.get("models") or {})
    return used


def _enabled(spec: Spec, profiles: list[str]) -> bool:
    own = spec.get("profiles")
    return not own or "*" in profiles or any(profile in profiles for profile in own)


def _ordered_replicas(deploy: Spec, replicas: int) -> Spec:
    merged = {**deploy, "replicas": replicas}
    return {field.key: merged[field.key] for field in fields.DEPLOY if field.key in merged}
