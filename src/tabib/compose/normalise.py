"""Stage 7, normalise: what Compose implies is written out, in place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tabib.compose.mounts import clean
from tabib.compose.tree import Map, Seq

_NAMESPACES = ("network_mode", "ipc", "pid", "uts", "cgroup")


def normalise(tree: Map, name: str, environment: Mapping[str, str]) -> None:
    """Default networks, implied dependencies, defaults of builds, engine names of resources."""
    tree["name"] = name
    services = [s for s in (tree.get("services") or {}).values() if isinstance(s, Map)]
    _networks(tree, services)
    for service in services:
        _service(service, environment)
    for section in ("networks", "volumes", "configs", "secrets"):
        members = tree.get(section)
        if isinstance(members, Map):
            for key in members:
                _name_resource(members, key, name)


def _networks(tree: Map, services: list[Map]) -> None:
    used = False
    for service in services:
        if "provider" in service or "network_mode" in service:
            continue
        if not service.get("networks"):
            service["networks"] = Map({"default": None})
        used = used or "default" in service["networks"]
    networks = tree.get("networks")
    networks = networks if isinstance(networks, Map) else Map()
    if used:
        networks.setdefault("default", None)
    if networks:
        tree["networks"] = networks


def _service(service: Map, environment: Mapping[str, str]) -> None:
    if service.get("pull_policy") == "if_not_present":
        service["pull_policy"] = "missing"
    build = service.get("build")
    if isinstance(build, Map):
        if build.get("context") is None:
            build["context"] = "."
        if build.get("dockerfile") is None and build.get("dockerfile_inline") is None:
            build["dockerfile"] = "Dockerfile"
        if "args" in build:
            build["args"] = _resolve(build["args"], environment, keep=False)
    if "environment" in service:
        service["environment"] = _resolve(service["environment"], environment, keep=True)
    for mount in service.get("volumes") or ():
        if isinstance(mount, Map) and isinstance(mount.get("target"), str):
            mount["target"] = clean(mount["target"])
    _dependencies(service)


def _dependencies(service: Map) -> None:
    depends: Map = service.get("depends_on") or Map()

    def imply(name: str, restart: bool) -> None:
        if name not in depends:
            value = {"condition": "service_started", "restart": restart, "required": True}
            depends[name] = Map(value)

    for link in service.get("links") or ():
        parts = str(link).split(":")
        imply(parts[0] if len(parts) == 2 else str(link), True)
    for namespace in _NAMESPACES:
        reference = service.get(namespace)
        if isinstance(reference, str) and reference.startswith("service:"):
            imply(reference.removeprefix("service:"), True)
    for source in service.get("volumes_from") or ():
        if not str(source).startswith("container:"):
            imply(str(source).split(":")[0], False)
    if depends:
        service["depends_on"] = depends


def _resolve(value: Any, environment: Mapping[str, str], *, keep: bool) -> Any:
    """Names without a value get it from ``environment``, or stay (``keep``), or go."""
    if isinstance(value, Seq):
        entries = []
        for entry in value:
            if not isinstance(entry, str) or "=" in entry:
                entries.append(entry)
            elif entry in environment:
                entries.append(f"{entry}={environment[entry]}")
            elif keep:
                entries.append(entry)
        return Seq(entries)
    if isinstance(value, Map):
        result = Map(marks=value.marks)
        for key, inner in value.items():
            if inner is not None:
                result[key] = inner
            elif key in environment:
                result[key] = environment[key]
            elif keep:
                result[key] = None
        return result
    return value


def _name_resource(members: dict[str, Any], key: str, project: str) -> None:
    resource = members[key]
    if resource is None:
        resource = members[key] = Map()
    if isinstance(resource, Map) and resource.get("name") is None:
        external = str(resource.get("external")).lower() in ("true", "1", "t")
        resource["name"] = key if external else f"{project}_{key}"
