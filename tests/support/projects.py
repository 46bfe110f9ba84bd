"""Small projects in canonical form, as the loader would give them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from tabib.compose.hashes import network_hash, service_hash, volume_hash
from tabib.model.project import Dependency, Network, Project, Service, Volume

IMAGE = "busybox:1.36"
NAME = "tale"
HEALTHY = "service_healthy"
STARTED = "service_started"
COMPLETED = "service_completed_successfully"
CHECK = {
    "test": ["CMD", "true"],
    "interval": "1s",
    "timeout": "1s",
    "retries": 2,
}


def after(*names: str, condition: str = STARTED, restart: bool = False) -> tuple[Dependency, ...]:
    """``depends_on`` with one condition for all."""
    return tuple(Dependency(service=n, condition=condition, restart=restart) for n in names)


def service(
    name: str,
    *,
    depends_on: Iterable[Dependency] = (),
    networks: Iterable[str] = ("default",),
    volumes: Mapping[str, str] | None = None,
    anonymous: Iterable[str] = (),
    ports: Iterable[int] = (),
    check: bool = False,
    replicas: int = 1,
    container_name: str = "",
    extension: Mapping[str, Any] | None = None,
    **spec: Any,
) -> Service:
    """One service. ``volumes``: target → key; ``anonymous``: targets; ``ports``: published ones;
    ``spec``: further canonical fields (``environment``, ``restart``, ``network_mode``, …)."""
    volumes = dict(volumes or {})
    shared = str(spec.get("network_mode") or "")
    joined = () if shared else tuple(networks)
    canonical: dict[str, Any] = {"image": IMAGE, **spec}
    if check:
        canonical.setdefault("healthcheck", CHECK)
    if joined:
        canonical["networks"] = dict.fromkeys(joined)
    mounts = [{"type": "volume", "source": key, "target": at} for at, key in volumes.items()]
    mounts += [{"type": "volume", "target": at} for at in anonymous]
    if mounts:
        canonical["volumes"] = mounts
    if ports:
        canonical["ports"] = [
            {"mode": "ingress", "target": 80 + n, "published": str(port), "protocol": "tcp"}
            for n, port in enumerate(ports)
        ]
    if container_name:
        canonical["container_name"] = container_name
    edges = [*depends_on]
    if shared.startswith("service:"):
        edges.append(Dependency(service=shared.removeprefix("service:"), restart=True))
    return Service(
        name=name,
        spec=canonical,
        config_hash=service_hash(canonical),
        image=str(canonical["image"]),
        replicas=replicas,
        container_name=container_name,
        depends_on=tuple(edges),
        networks=joined,
        volumes=tuple(dict.fromkeys(volumes.values())),
        extension=dict(extension or {}),
    )


def project(*services: Service, name: str = NAME, folder: str = "", **fields: Any) -> Project:
    """A project of ``services``, with every network and volume that they name."""
    working_dir = folder or f"/srv/{name}"
    named = {one.name: one for one in sorted(services, key=lambda one: one.name)}
    keys = sorted({key for one in services for key in one.networks})
    volumes = sorted({key for one in services for key in one.volumes})
    defaults: dict[str, Any] = {
        "networks": {key: network(key, project=name) for key in keys},
        "volumes": {key: volume(key, project=name) for key in volumes},
        "files": (f"{working_dir}/compose.yaml",),
    }
    return Project(name=name, working_dir=working_dir, services=named, **(defaults | fields))


def network(key: str, *, project: str = NAME, external: bool = False, **spec: Any) -> Network:
    name = key if external else f"{project}_{key}"
    canonical = {"name": name, **spec}
    hashed = network_hash(canonical)
    return Network(key=key, name=name, external=external, spec=canonical, config_hash=hashed)


def volume(key: str, *, project: str = NAME, external: bool = False, **spec: Any) -> Volume:
    name = key if external else f"{project}_{key}"
    canonical = {"name": name, **spec}
    hashed = volume_hash(canonical)
    return Volume(key=key, name=name, external=external, spec=canonical, config_hash=hashed)


def changed(one: Service, **spec: Any) -> Service:
    """The service with other canonical fields, and the hash that follows from them."""
    canonical = {**one.spec, **spec}
    return replace(
        one, spec=canonical, config_hash=service_hash(canonical), image=str(canonical["image"])
    )


def with_service(whole: Project, one: Service) -> Project:
    """``whole`` with ``one`` added, or in place of the service of its name."""
    services = {**whole.services, one.name: one}
    return replace(whole, services=dict(sorted(services.items())))


def edited(whole: Project, name: str, **spec: Any) -> Project:
    """``whole`` with fields of one service changed."""
    return with_service(whole, changed(whole.services[name], **spec))
