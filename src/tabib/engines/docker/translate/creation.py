"""A whole creation: the body, and what only can be done once the container exists."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tabib.engines.docker.translate.config import container_config
from tabib.engines.docker.translate.host import host_config
from tabib.engines.docker.translate.network import (
    container_links,
    endpoint_settings,
    network_mode,
)
from tabib.model.container import ContainerSpec
from tabib.model.errors import ConfigError

API_SOCKET = "/var/run/docker.sock"
MANY_NETWORKS_SINCE = (1, 44)
"""From here on a container is created with all its networks, and a MAC address is one of them."""

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Creation:
    """``connect``: networks (with endpoint settings) to attach after creation, before start."""

    body: Json
    platform: str = ""
    connect: tuple[tuple[str, Json], ...] = ()


def creation(spec: ContainerSpec, api: tuple[int, int], url: str = "") -> Creation:
    """What to send for ``spec`` to an engine that speaks ``api`` at ``url``.

    :raises ConfigError: a seccomp profile cannot be read, or the engine has no socket to mount.
    """
    if spec.raw is not None:
        return _from_raw(spec, spec.raw, api)
    body: Json = {**container_config(spec, api), "HostConfig": host_config(spec, api)}
    if spec.service.get("use_api_socket"):
        body["HostConfig"].setdefault("Binds", []).append(_api_socket(spec, url))
    links = container_links(spec)
    endpoints = {
        endpoint.network: endpoint_settings(endpoint, links) for endpoint in spec.endpoints
    }
    _place_mac_address(spec, body, endpoints, api)
    connect = _place_endpoints(body, endpoints, network_mode(spec), api)
    return Creation(
        body=body,
        platform=str(spec.service.get("platform") or ""),
        connect=connect,
    )


def _api_socket(spec: ContainerSpec, url: str) -> str:
    if not url.startswith("unix://"):
        raise ConfigError(
            "use_api_socket needs an engine that is reached by its socket on this machine",
            attempted="create container",
            target=spec.name,
            advice="Mount the socket under `volumes:` by the path that it has there.",
        )
    return f"{url.removeprefix('unix://')}:{API_SOCKET}:rw"


def _from_raw(spec: ContainerSpec, raw: Mapping[str, Any], api: tuple[int, int]) -> Creation:
    body: Json = dict(raw)
    networking = body.pop("NetworkingConfig", None) or {}
    body["Image"] = spec.image or raw.get("Image", "")
    body["Labels"] = {**(raw.get("Labels") or {}), **spec.labels}
    host = dict(raw.get("HostConfig") or {})
    body["HostConfig"] = host
    endpoints = dict(networking.get("EndpointsConfig") or {})
    connect = _place_endpoints(body, endpoints, str(host.get("NetworkMode") or ""), api)
    return Creation(body=body, connect=connect)


def _place_mac_address(
    spec: ContainerSpec, body: Json, endpoints: dict[str, Json], api: tuple[int, int]
) -> None:
    mode = network_mode(spec)
    primary = endpoints.get(mode, {})
    address = spec.service.get("mac_address") or primary.get("MacAddress")
    if not address:
        return
    if api < MANY_NETWORKS_SINCE or mode not in endpoints:
        body["MacAddress"] = address
    else:
        primary["MacAddress"] = address


def _place_endpoints(
    body: Json, endpoints: dict[str, Json], mode: str, api: tuple[int, int]
) -> tuple[tuple[str, Json], ...]:
    """Put into ``body`` the endpoints that the API takes there; the others come back."""
    at_once = {
        name: settings
        for name, settings in endpoints.items()
        if api >= MANY_NETWORKS_SINCE or name == mode
    }
    if at_once:
        body["NetworkingConfig"] = {"EndpointsConfig": at_once}
    return tuple((name, settings) for name, settings in endpoints.items() if name not in at_once)
