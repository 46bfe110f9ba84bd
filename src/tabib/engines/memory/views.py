"""Records of the memory engine as observed nouns, and as a raw inspection."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tabib.engines.memory.containers import mountpoint
from tabib.engines.memory.records import ContainerRecord, ImageRecord, NetworkRecord, VolumeRecord
from tabib.engines.memory.world import World
from tabib.model.container import (
    ContainerState,
    ImageState,
    MountState,
    NetworkState,
    PortBinding,
    Sizes,
    VolumeState,
)
from tabib.model.survey import Survey

MEMORY_BYTES = 16 * 1024**3
"""Of the machine that there is not."""
_ENDED = ("exited", "restarting", "dead")
_SHORT_ID = 12
_FIRST_PID = 1000
_NEVER = "0001-01-01T00:00:00Z"


def container_state(world: World, record: ContainerRecord, *, detail: bool) -> ContainerState:
    """What a list (and, with detail, an inspection) shows."""
    image = world.images.get(record.image_id)
    moved = world.image(record.image) is not image
    running = record.status in ("running", "paused")
    fields: dict[str, Any] = {
        "id": record.id,
        "name": record.name,
        "status": record.status,
        "image": record.image if detail or not moved else record.image_id,
        "image_id": record.image_id,
        "created_at": record.created_at if detail else record.created_at.replace(microsecond=0),
        "health": _health(record, detail),
        "exit_code": record.exit_code if record.status in _ENDED else None,
        "labels": record.labels,
        "networks": {a.name: _network_id(world, a.network_id, a.name) for a in record.attachments},
        "mounts": tuple(
            MountState(
                type=m.type, name=m.name, source=m.source, target=m.target, read_only=m.read_only
            )
            for m in record.mounts
        ),
        "ports": _ports(record) if running else (),
    }
    if detail:
        fields |= _detail(record)
    return ContainerState(**fields)


def _health(record: ContainerRecord, detail: bool) -> str:
    if record.health is None:
        return ""
    return record.health.status if detail or record.status == "running" else ""


def _network_id(world: World, network_id: str, name: str) -> str:
    if network_id:
        return network_id
    network = world.network(name)
    return network.id if network else ""


def _ports(record: ContainerRecord) -> tuple[PortBinding, ...]:
    return tuple(
        PortBinding(
            container_port=entry[0],
            protocol=entry[1],
            host_ip=(entry[2] or "0.0.0.0") if entry in record.bound else "",
            host_port=record.bound[entry][1] if entry in record.bound else 0,
        )
        for entry in record.ports
    )


def _detail(record: ContainerRecord) -> dict[str, Any]:
    failed = record.status == "created" and record.error
    policy = record.host_config.get("RestartPolicy") or {}
    name, retries = str(policy.get("Name") or ""), int(policy.get("MaximumRetryCount") or 0)
    shown: dict[str, Any] = {"exit_code": record.exit_code} if failed else {}
    return shown | {
        "started_at": record.started_at,
        "finished_at": record.finished_at,
        "restarts": record.restarts,
        "oom_killed": record.oom_killed,
        "error": record.error,
        "restart_policy": f"{name}:{retries}" if retries else name,
        "pid": pid(record),
        "log_driver": log_driver(record),
        "log_path": log_path(record),
    }


def pid(record: ContainerRecord) -> int:
    """Of its first process: another one with each life; 0 while none runs."""
    if record.status not in ("running", "paused"):
        return 0
    return _FIRST_PID + int(record.id[:5], 16) + record.life


def log_driver(record: ContainerRecord) -> str:
    return str((record.host_config.get("LogConfig") or {}).get("Type") or "json-file")


def log_path(record: ContainerRecord) -> str:
    """Only ``json-file`` tells one, from the first start on."""
    if log_driver(record) != "json-file" or record.started_at is None:
        return ""
    return f"/var/lib/docker/containers/{record.id}/{record.id}-json.log"


def network_state(record: NetworkRecord) -> NetworkState:
    return NetworkState(id=record.id, name=record.name, driver=record.driver, labels=record.labels)


def volume_state(record: VolumeRecord) -> VolumeState:
    return VolumeState(
        name=record.name,
        driver=record.driver,
        labels=record.labels,
        options=record.options,
        mountpoint=mountpoint(record.name),
    )


def image_state(record: ImageRecord) -> ImageState:
    check = (record.config.get("Healthcheck") or {}).get("Test") or ()
    return ImageState(
        id=record.id,
        tags=tuple(sorted(record.tags)),
        digests=tuple(sorted(record.digests)),
        platform=record.platform,
        volumes=tuple(record.config.get("Volumes") or ()),
        has_healthcheck=bool(check) and list(check)[:1] != ["NONE"],
        exposed=tuple(record.config.get("ExposedPorts") or ()),
        size_bytes=record.size_bytes,
    )


def survey(world: World, sizes: Sizes) -> Survey:
    """Everything there is."""
    return Survey(
        memory_bytes=MEMORY_BYTES,
        inspections=tuple(inspection(world, record) for record in world.containers.values()),
        images=tuple(image_state(image) for image in world.images.values()),
        volumes=tuple(volume_state(volume) for volume in world.volumes.values()),
        volume_bytes=sizes.volumes,
        build_cache_bytes=0,
    )


def inspection(world: World, record: ContainerRecord) -> Mapping[str, Any]:
    """The shape of Engine API 1.41 ``GET /containers/{id}/json``, as far as it is known here."""
    return {
        "Id": record.id,
        "Created": _time(record.created_at),
        "Path": record.command[0] if record.command else "",
        "Args": list(record.command[1:]),
        "State": _raw_state(record),
        "Image": record.image_id,
        "Name": f"/{record.name}",
        "RestartCount": record.restarts,
        "LogPath": log_path(record),
        "HostConfig": record.host_config,
        "Mounts": [
            _raw_mount(m.type, m.name, m.source, m.target, m.read_only) for m in record.mounts
        ],
        "Config": {
            **record.config,
            "Labels": dict(record.labels),
            "Hostname": record.id[:_SHORT_ID],
        },
        "NetworkSettings": _network_settings(world, record),
    }


def _raw_state(record: ContainerRecord) -> dict[str, Any]:
    running = record.status in ("running", "paused")
    state: dict[str, Any] = {
        "Status": record.status,
        "Running": running or record.status == "restarting",
        "Paused": record.status == "paused",
        "Restarting": record.status == "restarting",
        "OOMKilled": record.oom_killed,
        "Dead": False,
        "Pid": pid(record),
        "ExitCode": record.exit_code,
        "Error": record.error,
        "StartedAt": _time(record.started_at),
        "FinishedAt": _time(record.finished_at),
    }
    if record.health is not None:
        state["Health"] = {
            "Status": record.health.status,
            "FailingStreak": record.health.streak,
            "Log": [
                {**entry, "Start": _time(entry["Start"]), "End": _time(entry["End"])}
                for entry in record.health.log
            ],
        }
    return state


def recreate_body(inspection: Mapping[str, Any]) -> dict[str, Any]:
    """The creation body that gives the inspected container again."""
    short_id = str(inspection["Id"])[:_SHORT_ID]
    config = {key: value for key, value in inspection["Config"].items() if key != "Hostname"}
    mounts = [
        {
            "Type": mount["Type"],
            "Source": mount.get("Name") or mount["Source"],
            "Target": mount["Destination"],
            "ReadOnly": not mount["RW"],
        }
        for mount in inspection["Mounts"]
    ]
    endpoints = {
        name: {"Aliases": [a for a in settings["Aliases"] if a != short_id]}
        for name, settings in inspection["NetworkSettings"]["Networks"].items()
        if name not in ("bridge", "host", "none")
    }
    return {
        **config,
        "HostConfig": {**inspection["HostConfig"], "Mounts": mounts, "Binds": None},
        "NetworkingConfig": {"EndpointsConfig": endpoints},
    }


def _raw_mount(kind: str, name: str, source: str, target: str, read_only: bool) -> dict[str, Any]:
    shown = {"Type": kind, "Source": source, "Destination": target, "RW": not read_only}
    return {**shown, "Name": name, "Driver": "local"} if kind == "volume" else shown


def _network_settings(world: World, record: ContainerRecord) -> dict[str, Any]:
    ports: dict[str, Any] = {}
    for entry in record.ports if record.alive else ():
        key = f"{entry[0]}/{entry[1]}"
        if entry in record.bound:
            binding = {"HostIp": entry[2] or "0.0.0.0", "HostPort": str(record.bound[entry][1])}
            ports.setdefault(key, []).append(binding)
        else:
            ports.setdefault(key, None)
    return {
        "Ports": ports,
        "Networks": {
            a.name: {
                "Aliases": [*a.aliases, record.id[:12]],
                "NetworkID": _network_id(world, a.network_id, a.name),
            }
            for a in record.attachments
        },
    }


def _time(at: datetime | None) -> str:
    return at.isoformat().replace("+00:00", "Z") if at else _NEVER
