"""The one-off container of ``run``: a service with some of its fields replaced."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tabib.decide.desired import Desired
from tabib.decide.specs import container_spec
from tabib.model import container as c
from tabib.model.container import ContainerSpec, Endpoint, ImageState, Mount
from tabib.model.project import Service
from tabib.model.wire import RunRequest


def oneoff_spec(
    desired: Desired, service: Service, image: ImageState | None, request: RunRequest, name: str
) -> ContainerSpec:
    """As ``docker compose run``: no published ports unless asked for, no restart, own name."""
    spec = dict(service.spec)
    overrides = dict(request.overrides)
    if not request.service_ports:
        spec.pop("ports", None)
    for key in ("restart", "container_name"):
        spec.pop(key, None)
    if spec.get("deploy"):
        spec["deploy"] = {k: v for k, v in spec["deploy"].items() if k != "restart_policy"}
    for key in ("environment", "labels"):
        if key in overrides:
            spec[key] = {**(spec.get(key) or {}), **overrides.pop(key)}
    extra_volumes = list(overrides.pop("volumes", ()))
    spec.update(overrides)
    spec["tty"], spec["stdin_open"] = request.tty, request.stdin_open
    base = container_spec(desired, replace(service, spec=spec), 1, image)
    labels = {**base.labels, c.LABEL_ONEOFF: "True"}
    labels.pop(c.LABEL_RELEASE, None)
    labels.pop(c.LABEL_HOOKS, None)
    labels.pop(c.LABEL_CONFIG_HASH, None)
    return replace(
        base,
        name=name,
        labels=labels,
        oneoff=True,
        tty=request.tty,
        stdin_open=request.stdin_open,
        endpoints=tuple(_endpoint(one, service, name, request) for one in base.endpoints),
        mounts=(*_without(base.mounts, extra_volumes), *map(_extra, extra_volumes)),
    )


def _endpoint(one: Endpoint, service: Service, name: str, request: RunRequest) -> Endpoint:
    if request.use_aliases:
        own = tuple(alias for alias in one.aliases if not alias.startswith(f"{name}-"))
        return replace(one, aliases=tuple(dict.fromkeys((name, service.name, *own))))
    # A fixed address or alias belongs to the service's own container.
    options = {
        key: value
        for key, value in one.options.items()
        if key not in ("aliases", "ipv4_address", "ipv6_address", "mac_address")
    }
    return replace(one, aliases=(name,), options=options)


def _without(mounts: tuple[Mount, ...], extra: list[Mapping[str, Any]]) -> tuple[Mount, ...]:
    replaced = {str(entry["target"]) for entry in extra}
    return tuple(mount for mount in mounts if mount.target not in replaced)


def _extra(entry: Mapping[str, Any]) -> Mount:
    kind = str(entry.get("type", "volume"))
    return Mount(
        type=kind,
        source=str(entry.get("source") or ""),
        target=str(entry["target"]),
        read_only=bool(entry.get("read_only")),
        options=entry.get(kind) or {},
    )
