"""Stage 11, model: what was resolved as the nouns of :mod:`tabib.model.project`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from tabib.compose import extension, hashes
from tabib.compose.resolve import Resolution
from tabib.compose.service import service_of
from tabib.compose.tree import Path, dotted, mark_at
from tabib.model.project import FileObject, LoadWarning, Network, Project, Service, Volume

Spec = dict[str, Any]


def project_of(found: Resolution) -> Project:
    """The project; nothing is refused here."""
    services = {n: service_of(n, s, found) for n, s in found.active.items()}
    keep = None if found.request.all_resources else used_by(services.values())
    return Project(
        name=found.name,
        working_dir=found.setting.working_dir,
        files=found.setting.files,
        environment_files=found.setting.env_files,
        profiles=tuple(profile for profile in found.profiles if profile),
        services=services,
        disabled={n: service_of(n, s, found) for n, s in found.disabled.items()},
        networks=_networks(found, _kept(found, "networks", keep)),
        volumes=_volumes(found, _kept(found, "volumes", keep)),
        secrets=_file_objects(found, "secrets", keep),
        configs=_file_objects(found, "configs", keep),
        extensions={k: extension.plain(v) for k, v in found.tree.items() if k.startswith("x-")},
        models=_kept(found, "models", keep),
        inline=found.inline,
        places=_places(found),
        warnings=tuple(
            LoadWarning(message=w.message, file=w.mark.file, line=w.mark.line, column=w.mark.column)
            for w in found.problems.warnings
        ),
    )


def _places(found: Resolution) -> dict[str, str]:
    owners: list[Path] = [(), *(("services", name) for name in found.active)]
    places = {}
    for owner in owners:
        node = found.tree.get("services", {}).get(owner[1], {}) if owner else found.tree
        extended = node.get("x-tabib") if isinstance(node, dict) else None
        listed = extended.get("notify") if isinstance(extended, dict) else None
        for index in range(len(listed) if isinstance(listed, list) else 0):
            path = (*owner, "x-tabib", "notify", index)
            mark = mark_at(found.tree, path)
            places[dotted(path)] = f"{mark.file}:{mark.line}:{mark.column}"
    return places


def _kept(found: Resolution, section: str, keep: _Used | None) -> dict[str, Spec]:
    members = found.sections[section]
    return {k: v for k, v in members.items() if keep is None or k in getattr(keep, section)}


def _networks(found: Resolution, specs: Mapping[str, Spec]) -> dict[str, Network]:
    return {
        key: Network(
            key=key,
            name=spec.get("name", key),
            external=spec.get("external", False),
            spec=spec,
            config_hash="" if found.request.no_hashes else hashes.network_hash(spec),
        )
        for key, spec in specs.items()
    }


def _volumes(found: Resolution, specs: Mapping[str, Spec]) -> dict[str, Volume]:
    return {
        key: Volume(
            key=key,
            name=spec.get("name", key),
            external=spec.get("external", False),
            spec=spec,
            config_hash="" if found.request.no_hashes else hashes.volume_hash(spec),
        )
        for key, spec in specs.items()
    }


def _file_objects(found: Resolution, section: str, keep: _Used | None) -> dict[str, FileObject]:
    objects = {}
    for key, spec in _kept(found, section, keep).items():
        content = spec.get("content")
        if section == "secrets":
            content = found.secret_values.get(key)
        if spec.get("environment"):
            spec.pop("content", None)  # Compose prints where a value comes from, not the value
            content = content or ""
        objects[key] = FileObject(
            key=key,
            name=spec.get("name", key),
            file=spec.get("file", ""),
            content=content,
            external=spec.get("external", False),
            spec=spec,
        )
    return objects


class _Used(NamedTuple):
    """The resources that active services refer to."""

    networks: set[str]
    volumes: set[str]
    secrets: set[str]
    configs: set[str]
    models: set[str]


def used_by(services: Iterable[Service]) -> _Used:
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
