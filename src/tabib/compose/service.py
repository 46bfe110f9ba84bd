"""Stage 11a, services: a resolved service as the noun, with its hashes and the typed fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tabib.compose import fields, hashes
from tabib.compose.resolve import Resolution
from tabib.compose.resolve import Service as Resolved
from tabib.model.project import Dependency, Service

Spec = dict[str, Any]
_SERVICE_ORDER = tuple(field.key for field in fields.SERVICE)


def service_of(name: str, found: Resolved, resolution: Resolution) -> Service:
    """The service ``name`` of a project."""
    raw = found.spec
    resolved = {**raw, "labels": found.labels, "environment": found.environment}
    filled = {k: resolved[k] for k in _SERVICE_ORDER if k in resolved and k != "env_file"}
    spec = {k: v for k, v in filled.items() if v or k not in ("labels", "environment")}
    config_hash = printed_hash = ""
    if not resolution.request.no_hashes:
        platform = resolution.setting.environment.get("DOCKER_DEFAULT_PLATFORM")
        config_hash = hashes.service_hash(_with_platform(spec, platform))
        printed_hash = hashes.service_hash(_printed(found, platform))
    spec.pop("label_file", None)
    replicas = spec.get("scale", (spec.get("deploy") or {}).get("replicas"))
    return Service(
        name=name,
        spec=spec,
        config_hash=config_hash,
        printed_hash=printed_hash,
        image=spec.get("image") or f"{resolution.name}-{name}",
        replicas=replicas if isinstance(replicas, int) else 1,
        container_name=spec.get("container_name", ""),
        depends_on=tuple(_dependency(n, d) for n, d in spec.get("depends_on", {}).items()),
        networks=_by_priority(spec.get("networks") or {}),
        volumes=tuple(dict.fromkeys(_mounted(spec))),
        extension=found.extension,
    )


def _printed(found: Resolved, platform: str | None) -> Spec:
    """What ``config --hash`` hashes."""
    raw = found.spec
    printed = {k: raw[k] for k in _SERVICE_ORDER if k in raw}
    if raw.get("label_file"):
        printed = {k: v for k, v in {**printed, "labels": found.labels}.items() if v != {}}
        printed = {k: printed[k] for k in _SERVICE_ORDER if k in printed and k != "label_file"}
    return _env_files_as_printed(_with_platform(printed, platform))


def _with_platform(spec: Spec, platform: str | None) -> Spec:
    """What is hashed: services that are built get the default platform at the last moment."""
    if not platform or "build" not in spec or "platform" in spec:
        return dict(spec)
    merged = {**spec, "platform": platform}
    return {key: merged[key] for key in _SERVICE_ORDER if key in merged}


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
