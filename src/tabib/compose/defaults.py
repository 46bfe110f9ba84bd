"""Stage 6, defaults and checks of single values, once all files are merged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tabib.compose.ports import valid_ip
from tabib.compose.problems import Problems
from tabib.compose.tree import Map, Path, Seq, mark_at


def set_defaults(tree: Map) -> None:
    """What Compose fills in before anything is checked, in place."""
    for service in _maps(tree.get("services")):
        build = service.get("build")
        if isinstance(build, Map):
            build.setdefault("context", ".")
        for secret in _items(service, "secrets"):
            secret.setdefault("target", f"/run/secrets/{secret.get('source')}")
        for port in _items(service, "ports"):
            port.setdefault("protocol", "tcp")
            port.setdefault("mode", "ingress")
        for request in [*_items(service, "gpus"), *(r for _, r in _reserved(service))]:
            if "count" not in request and "device_ids" not in request:
                request["count"] = "all"


def check(tree: Map, problems: Problems) -> None:
    """Values that the schema cannot judge."""

    def add(path: Path, message: str) -> None:
        problems.add(message, mark=mark_at(tree, path), path=path)

    for name, service in _named(tree.get("services")):
        _check_service(service, ("services", name), add)
    for name, volume in _named(tree.get("volumes")):
        extra = [k for k in volume if k not in ("name", "external") and not k.startswith("x-")]
        if volume.get("external") is True and extra:
            add(("volumes", name, extra[0]), f"'{extra[0]}' has no place beside external: true")
    for section, keys in (
        ("configs", ("file", "environment", "content")),
        ("secrets", ("file", "environment")),
    ):
        for name, resource in _named(tree.get(section)):
            given = [key for key in keys if key in resource]
            if len(given) > 1:
                add((section, name, given[1]), f"only one of {', '.join(keys)} may be given")
            elif not given and "driver" not in resource and "external" not in resource:
                add((section, name), f"one of {', '.join(keys)} must be given")


def _check_service(service: Map, path: Path, add: Any) -> None:
    if service.get("pid", "") is None:
        add((*path, "pid"), "must be a text")
    build = service.get("build")
    contexts = build.get("additional_contexts") if isinstance(build, Map) else None
    for name, context in contexts.items() if isinstance(contexts, Map) else ():
        if not isinstance(context, str):
            add((*path, "build", "additional_contexts", name), "must be a path or an address")
    for index, port in enumerate(_items(service, "ports")):
        address = port.get("host_ip")
        if isinstance(address, str) and not valid_ip(address):
            add((*path, "ports", index, "host_ip"), f"'{address}' is not an IP address")
    develop = service.get("develop")
    for index, trigger in enumerate(_items(develop, "watch") if isinstance(develop, Map) else []):
        if trigger.get("path") == "":
            add((*path, "develop", "watch", index, "path"), "must not be empty")
    requests = [((*path, "gpus", i), r) for i, r in enumerate(_items(service, "gpus"))]
    requests += [((*path, *at), request) for at, request in _reserved(service)]
    for at, request in requests:
        if "count" in request and "device_ids" in request:
            add(at, "'count' and 'device_ids' exclude each other")


def resolve_environment(tree: Map, environment: Mapping[str, str]) -> dict[str, str]:
    """Names without a value take it from ``environment``; the values of secrets are returned
    apart, since no rendering of the tree may show them."""
    for service in _maps(tree.get("services")):
        entries = service.get("environment")
        if isinstance(entries, Seq):
            entries[:] = [
                f"{entry}={environment[entry]}" if entry in environment else entry
                for entry in entries
            ]
    for config in _maps(tree.get("configs")):
        source = config.get("environment")
        if isinstance(source, str) and source in environment:
            config["content"] = environment[source]
    return {
        name: environment[secret["environment"]]
        for name, secret in _named(tree.get("secrets"))
        if secret.get("environment") in environment
    }


def _named(value: Any) -> list[tuple[str, Map]]:
    return (
        [(k, v) for k, v in value.items() if isinstance(v, Map)] if isinstance(value, Map) else []
    )


def _maps(value: Any) -> list[Map]:
    return [member for _, member in _named(value)]


def _items(owner: Map, key: str) -> list[Map]:
    value = owner.get(key)
    return [item for item in value if isinstance(item, Map)] if isinstance(value, Seq) else []


def _reserved(service: Map) -> list[tuple[Path, Map]]:
    node: Any = service
    path = ("deploy", "resources", "reservations")
    for part in path:
        node = node.get(part) if isinstance(node, Map) else None
    devices = _items(node, "devices") if isinstance(node, Map) else []
    return [((*path, "devices", index), device) for index, device in enumerate(devices)]
