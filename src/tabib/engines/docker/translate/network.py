"""Network attachments of a container, and networks and volumes themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tabib.engines.docker.translate.units import integer, part, present
from tabib.model.container import ContainerSpec, Endpoint, NetworkSpec, VolumeSpec

IPV4_SWITCH_SINCE = (1, 48)
_INTERFACE_NAME = "com.docker.network.endpoint.ifname"


def network_mode(spec: ContainerSpec) -> str:
    """What the container is created in: its mode, or the first network it attaches to."""
    if spec.network_mode:
        return spec.network_mode
    return spec.endpoints[0].network if spec.endpoints else "none"


def endpoint_settings(endpoint: Endpoint, links: list[str]) -> dict[str, Any]:
    """One attachment as the API writes it."""
    options = endpoint.options
    addresses = present(
        {
            "IPv4Address": options.get("ipv4_address"),
            "IPv6Address": options.get("ipv6_address"),
            "LinkLocalIPs": list(options.get("link_local_ips") or ()),
        }
    )
    driver_options = {key: str(value) for key, value in part(options, "driver_opts").items()}
    if options.get("interface_name"):
        driver_options[_INTERFACE_NAME] = str(options["interface_name"])
    return present(
        {
            "Aliases": list(endpoint.aliases),
            "Links": links,
            "IPAMConfig": addresses,
            "DriverOpts": driver_options,
            "MacAddress": options.get("mac_address"),
            "GwPriority": integer(options.get("gw_priority")),
        }
    )


def container_links(spec: ContainerSpec) -> list[str]:
    """``container:alias``; each linked container answers to its own names as well."""
    links: list[str] = []
    for written in spec.service.get("links") or ():
        name, _, alias = str(written).partition(":")
        links.append(f"{name}:{alias or name}")
        links.append(f"{name}:{name.removeprefix(f'{spec.project}-')}")
        links.append(f"{name}:{name}")
    for written in spec.service.get("external_links") or ():
        name, _, alias = str(written).partition(":")
        links.append(f"{name}:{alias or name}")
    return list(dict.fromkeys(links))


def network_body(network: NetworkSpec, api: tuple[int, int]) -> dict[str, Any]:
    """The body of ``/networks/create``."""
    spec = network.spec
    body: dict[str, Any] = {
        "Name": network.name,
        "CheckDuplicate": True,
        "Driver": str(spec.get("driver") or ""),
        "Labels": dict(network.labels),
        "Internal": bool(spec.get("internal")),
        "Attachable": bool(spec.get("attachable")),
        "Options": {key: str(value) for key, value in part(spec, "driver_opts").items()},
    }
    ipam = _ipam(part(spec, "ipam"))
    if ipam:
        body["IPAM"] = ipam
    if spec.get("enable_ipv6") is not None:
        body["EnableIPv6"] = bool(spec["enable_ipv6"])
    if spec.get("enable_ipv4") is not None and api >= IPV4_SWITCH_SINCE:
        body["EnableIPv4"] = bool(spec["enable_ipv4"])
    return body


def _ipam(ipam: Mapping[str, Any]) -> dict[str, Any]:
    pools = [
        present(
            {
                "Subnet": pool.get("subnet"),
                "IPRange": pool.get("ip_range"),
                "Gateway": pool.get("gateway"),
                "AuxiliaryAddresses": dict(pool.get("aux_addresses") or {}),
            }
        )
        for pool in ipam.get("config") or ()
    ]
    options = dict(ipam.get("options") or {})
    return present({"Driver": ipam.get("driver"), "Config": pools, "Options": options})


def volume_body(volume: VolumeSpec) -> dict[str, Any]:
    """The body of ``/volumes/create``.

    A ``directory`` must exist on the engine's machine when the volume is first mounted; making
    it is the caller's part (it knows whose it should be).
    """
    options = {key: str(value) for key, value in part(volume.spec, "driver_opts").items()}
    driver = str(volume.spec.get("driver") or "")
    if volume.directory:
        driver = "local"
        options = {"type": "none", "o": "bind", "device": volume.directory}
    return present(
        {
            "Name": volume.name,
            "Driver": driver,
            "DriverOpts": options,
            "Labels": dict(volume.labels),
        }
    )
