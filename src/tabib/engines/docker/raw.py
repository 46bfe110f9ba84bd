"""From an inspection to the creation body that makes the same container again.

For containers that somebody else made: there is no Compose model to build them from. Source: the
Engine API's ``ContainerInspectResponse`` and ``ContainerCreateRequest`` (1.41 to 1.51).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Json = Mapping[str, Any]

_SHORT_ID = 12
_NOT_CREATED = frozenset({"ContainerIDFile"})
"""Host configuration that says where a client wrote the old container's id."""


def creation_body(inspection: Json) -> dict[str, Any]:
    """The body of ``/containers/create`` that gives the inspected container again.

    Anonymous volumes come along by name; the host name and aliases that the engine made up from
    the old id, addresses and MAC addresses that it handed out do not.
    """
    config = dict(inspection.get("Config") or {})
    short_id = str(inspection.get("Id") or "")[:_SHORT_ID]
    if config.get("Hostname") == short_id:
        del config["Hostname"]
    host = {
        key: value
        for key, value in (inspection.get("HostConfig") or {}).items()
        if key not in _NOT_CREATED
    }
    if host.get("Links"):
        host["Links"] = [_link(str(entry)) for entry in host["Links"]]
    if str(host.get("NetworkMode")).startswith("container:"):
        # these belong to the container whose network it joins; the engine refuses them here
        for key in ("Hostname", "Domainname", "ExposedPorts"):
            config.pop(key, None)
    host["Mounts"] = list(_mounts(inspection, host))
    body = {**config, "HostConfig": host}
    endpoints = _endpoints(inspection, short_id)
    if endpoints:
        body["NetworkingConfig"] = {"EndpointsConfig": endpoints}
    return body


def _mounts(inspection: Json, host: Json) -> Iterable[dict[str, Any]]:
    volumes = {
        str(mount.get("Destination")): str(mount.get("Name"))
        for mount in inspection.get("Mounts") or ()
        if mount.get("Type") == "volume" and mount.get("Name")
    }
    taken = {_bind_target(str(bind)) for bind in host.get("Binds") or ()}
    for mount in host.get("Mounts") or ():
        target = str(mount.get("Target"))
        taken.add(target)
        if mount.get("Type") == "volume" and not mount.get("Source") and target in volumes:
            yield {**mount, "Source": volumes[target]}
        else:
            yield dict(mount)
    read_only = {
        str(mount.get("Destination"))
        for mount in inspection.get("Mounts") or ()
        if mount.get("RW") is False
    }
    for target, name in volumes.items():
        if target not in taken:
            yield {
                "Type": "volume",
                "Source": name,
                "Target": target,
                "ReadOnly": target in read_only,
            }


def _bind_target(bind: str) -> str:
    """``source:target[:options]``, or a target alone (an anonymous volume)."""
    parts = bind.split(":")
    return parts[1] if len(parts) > 1 else parts[0]


def _link(entry: str) -> str:
    """``/target:/name/alias``, as an inspection says it, → ``target:alias``."""
    target, _, alias = entry.partition(":")
    return f"{target.lstrip('/')}:{alias.rpartition('/')[2]}"


def _endpoints(inspection: Json, short_id: str) -> dict[str, Any]:
    networks = (inspection.get("NetworkSettings") or {}).get("Networks") or {}
    configured = str((inspection.get("Config") or {}).get("MacAddress") or "")
    mode = str((inspection.get("HostConfig") or {}).get("NetworkMode") or "")
    return {
        name: _endpoint(settings or {}, short_id, configured if name == mode else "")
        for name, settings in networks.items()
        # the engine's own networks take no aliases, and are attached by the mode alone
        if name not in ("bridge", "host", "none", "default") and not mode.startswith("container:")
    }


def _endpoint(settings: Json, short_id: str, mac_address: str) -> dict[str, Any]:
    kept = {
        "IPAMConfig": settings.get("IPAMConfig"),
        "Links": settings.get("Links"),
        "Aliases": [name for name in settings.get("Aliases") or () if name != short_id],
        "DriverOpts": settings.get("DriverOpts"),
        "GwPriority": settings.get("GwPriority"),
        "MacAddress": mac_address,
    }
    return {key: value for key, value in kept.items() if value}
