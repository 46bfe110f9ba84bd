"""The engine's JSON for containers, networks, volumes and images → observed nouns. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from tabib.model.container import (
    ContainerState,
    ImageState,
    MountState,
    NetworkState,
    PortBinding,
    VolumeState,
)

Json = Mapping[str, Any]

_HEALTH = re.compile(r"\((?:health: )?(starting|healthy|unhealthy)\)")
_EXITED = re.compile(r"^(?:Exited|Restarting) \((-?\d+)\)")
_TIME = re.compile(r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)$")


def parse_time(text: object) -> datetime | None:
    """RFC 3339 with up to nanoseconds, in UTC; None for the engine's zero time (year 1)."""
    found = _TIME.match(str(text or ""))
    if not found or found[1].startswith("0001-"):
        return None
    fraction = (found[2] or "0")[:6].ljust(6, "0")
    zone = "+00:00" if found[3] == "Z" else found[3]
    return datetime.fromisoformat(f"{found[1]}.{fraction}{zone}").astimezone(UTC)


def container_state(
    row: Json, inspection: Json | None, network_ids: Mapping[str, str]
) -> ContainerState:
    """One row of ``/containers/json`` and, with detail, the inspection of the same container."""
    networks = (row.get("NetworkSettings") or {}).get("Networks") or {}
    text = str(row.get("Status") or "")
    names = [name.lstrip("/") for name in row.get("Names") or ()]
    fields: dict[str, Any] = {
        "id": row["Id"],
        # links add names of the form other/alias; its own has no slash
        "name": next((name for name in names if "/" not in name), row["Id"][:12]),
        "status": str(row.get("State") or ""),
        "image": str(row.get("Image") or ""),
        "image_id": str(row.get("ImageID") or ""),
        "created_at": datetime.fromtimestamp(row.get("Created") or 0, UTC),
        "health": _health(text),
        "exit_code": _exit_code(text),
        "labels": row.get("Labels") or {},
        "networks": {
            name: (settings or {}).get("NetworkID") or network_ids.get(name, "")
            for name, settings in networks.items()
        },
        "mounts": tuple(_mount(mount) for mount in row.get("Mounts") or ()),
        "ports": tuple(_port(port) for port in row.get("Ports") or ()),
    }
    if inspection is not None:
        fields |= _detail(inspection)
    return ContainerState(**fields)


def inspected_state(inspection: Json) -> ContainerState:
    """One container from its inspection alone: the same fields as a row with detail gives."""
    settings = inspection.get("NetworkSettings") or {}
    config = inspection.get("Config") or {}
    row = {
        "Id": inspection["Id"],
        "Names": [inspection.get("Name") or ""],
        "ImageID": inspection.get("Image"),
        "Labels": config.get("Labels"),
        "NetworkSettings": settings,
        "Mounts": inspection.get("Mounts"),
        "Ports": _inspected_ports(settings.get("Ports") or {}),
    }
    return container_state(row, inspection, {})


def _inspected_ports(ports: Json) -> list[dict[str, Any]]:
    found = []
    for key, bindings in ports.items():
        number, _, protocol = key.partition("/")
        base = {"PrivatePort": number, "Type": protocol or "tcp"}
        for binding in bindings or [{}]:
            published = {"IP": binding.get("HostIp"), "PublicPort": binding.get("HostPort")}
            found.append({**base, **published})
    return found


def _detail(inspection: Json) -> dict[str, Any]:
    state = inspection.get("State") or {}
    status = str(state.get("Status") or "")
    error = str(state.get("Error") or "")
    ended = status in ("exited", "dead", "restarting") or (status == "created" and error)
    health = str((state.get("Health") or {}).get("Status") or "")
    host = inspection.get("HostConfig") or {}
    fields: dict[str, Any] = {
        "status": status,
        "health": "" if health == "none" else health,
        "exit_code": int(state.get("ExitCode") or 0) if ended else None,
        "started_at": parse_time(state.get("StartedAt")),
        "finished_at": parse_time(state.get("FinishedAt")),
        "restarts": int(inspection.get("RestartCount") or 0),
        "oom_killed": bool(state.get("OOMKilled")),
        "error": error,
        "restart_policy": _policy(host.get("RestartPolicy") or {}),
        "pid": int(state.get("Pid") or 0),
        "log_driver": str((host.get("LogConfig") or {}).get("Type") or ""),
        "log_path": str(inspection.get("LogPath") or ""),
    }
    created = parse_time(inspection.get("Created"))
    if created:
        fields["created_at"] = created
    reference = (inspection.get("Config") or {}).get("Image")
    if reference:
        # a list shows the id instead, once the tag names another image
        fields["image"] = str(reference)
    return fields


def _policy(policy: Json) -> str:
    name = str(policy.get("Name") or "")
    retries = int(policy.get("MaximumRetryCount") or 0)
    return f"{name}:{retries}" if retries else name


def _health(status_text: str) -> str:
    found = _HEALTH.search(status_text)
    return found[1] if found else ""


def _exit_code(status_text: str) -> int | None:
    found = _EXITED.match(status_text)
    return int(found[1]) if found else None


def _mount(mount: Json) -> MountState:
    kind = str(mount.get("Type") or "bind")
    return MountState(
        type=kind,
        name=str(mount.get("Name") or ""),
        source=str(mount.get("Source") or ""),
        target=str(mount.get("Destination") or ""),
        read_only=mount.get("RW") is False,
    )


def _port(port: Json) -> PortBinding:
    return PortBinding(
        container_port=int(port.get("PrivatePort") or 0),
        protocol=str(port.get("Type") or "tcp"),
        host_ip=str(port.get("IP") or ""),
        host_port=int(port.get("PublicPort") or 0),
    )


def network_state(entry: Json) -> NetworkState:
    return NetworkState(
        id=entry["Id"],
        name=entry["Name"],
        driver=str(entry.get("Driver") or ""),
        labels=entry.get("Labels") or {},
    )


def volume_state(entry: Json) -> VolumeState:
    return VolumeState(
        name=entry["Name"],
        driver=str(entry.get("Driver") or "local"),
        labels=entry.get("Labels") or {},
        options=entry.get("Options") or {},
        mountpoint=str(entry.get("Mountpoint") or ""),
    )


def image_state(entry: Json) -> ImageState:
    config = entry.get("Config") or {}
    check = (config.get("Healthcheck") or {}).get("Test") or ()
    platform = [entry.get("Os"), entry.get("Architecture"), entry.get("Variant")]
    return ImageState(
        id=entry["Id"],
        tags=tuple(entry.get("RepoTags") or ()),
        digests=tuple(entry.get("RepoDigests") or ()),
        platform="/".join(str(part) for part in platform if part),
        volumes=tuple(config.get("Volumes") or ()),
        has_healthcheck=bool(check) and list(check)[:1] != ["NONE"],
        exposed=tuple(config.get("ExposedPorts") or ()),
        size_bytes=int(entry.get("Size") or 0),
    )
