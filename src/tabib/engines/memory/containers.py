"""Creating, removing and renaming containers of the memory engine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tabib.engines.memory import creation, lifecycle, refusals
from tabib.engines.memory.files import locate
from tabib.engines.memory.records import (
    Attachment,
    ContainerRecord,
    FileNode,
    ImageRecord,
    MountRecord,
)
from tabib.engines.memory.resources import directory, make_volume
from tabib.engines.memory.world import World
from tabib.model.container import ContainerSpec, InjectedFile
from tabib.model.errors import StartFailed

CREATE = "create container"
_SPECIAL_MODES = ("host", "none", "bridge", "default", "")


def create(world: World, spec: ContainerSpec) -> ContainerRecord:
    """A new container, with its volumes and injected files; networks are looked up at start.

    :raises Conflict: the name is taken.
    :raises ImageUnavailable: the image is not here.
    :raises StartFailed: a bind mount's source does not exist.
    """
    for other in world.containers.values():
        if other.name == spec.name:
            raise refusals.name_taken(spec.name, other, CREATE)
    body = creation.body_of(spec)
    image = world.image(str(body.get("Image") or spec.image))
    if image is None:
        raise refusals.no_image(spec.image, CREATE)
    record = _record(world, spec, body, image)
    record.mounts = list(_mounts(world, spec, body, image))
    world.containers[record.id] = record
    world.emit(record, "create")
    for file in spec.files:
        _inject(world, record, file)
    return record


def _record(
    world: World, spec: ContainerSpec, body: dict[str, Any], image: ImageRecord
) -> ContainerRecord:
    host = dict(body.pop("HostConfig", None) or {})
    networking = body.pop("NetworkingConfig", None) or {}
    entrypoint = body.get("Entrypoint")
    entry = image.config.get("Entrypoint") or [] if entrypoint is None else entrypoint
    written = body.get("Cmd")
    default = image.config.get("Cmd") or [] if entrypoint is None else []
    policy = host.get("RestartPolicy") or {}
    config = {**body, "Cmd": default if written is None else written, "Entrypoint": entry or None}
    config["Labels"] = {**(image.config.get("Labels") or {}), **(body.get("Labels") or {})}
    if not config.get("Healthcheck") and image.config.get("Healthcheck"):
        config["Healthcheck"] = image.config["Healthcheck"]
    signal = body.get("StopSignal") or image.config.get("StopSignal")
    ports = creation.port_list({**body, "HostConfig": host}, image.config)
    return ContainerRecord(
        id=world.new_id(),
        name=spec.name,
        image=str(body.get("Image") or spec.image),
        image_id=image.id,
        created_at=world.clock.now(),
        command=(*(entry or ()), *(config["Cmd"] or ())),
        labels=config["Labels"],
        config=config,
        host_config=host,
        attachments=_attachments(host, networking),
        ports=ports,
        health=creation.health_of(body, image.config),
        stop_signal=creation.signal_number(signal),
        stop_timeout_s=float(body["StopTimeout"]) if body.get("StopTimeout") is not None else 10.0,
        restart=policy.get("Name") or "no",
        max_retries=int(policy.get("MaximumRetryCount") or 0),
    )


def _attachments(host: Mapping[str, Any], networking: Mapping[str, Any]) -> list[Attachment]:
    endpoints = networking.get("EndpointsConfig") or {}
    found = [
        Attachment(name, tuple((settings or {}).get("Aliases") or ()))
        for name, settings in endpoints.items()
    ]
    mode = str(host.get("NetworkMode") or "default")
    if not found and not mode.startswith("container:"):
        found.append(Attachment("bridge" if mode in ("", "default") else mode))
    return found


def _wanted_mounts(body: Mapping[str, Any], host: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    for bind in host.get("Binds") or ():
        source, _, rest = str(bind).partition(":")
        target, _, options = rest.partition(":")
        kind = "bind" if source.startswith("/") else "volume"
        read_only = "ro" in options.split(",")
        yield {"Type": kind, "Source": source, "Target": target, "ReadOnly": read_only}
    yield from host.get("Mounts") or ()
    for target in body.get("Volumes") or {}:
        yield {"Type": "volume", "Source": "", "Target": target}


def _mounts(
    world: World, spec: ContainerSpec, body: Mapping[str, Any], image: ImageRecord
) -> Iterable[MountRecord]:
    host = creation.body_of(spec).get("HostConfig") or {}
    volumes = {**(image.config.get("Volumes") or {}), **(body.get("Volumes") or {})}
    taken: set[str] = set()
    for wanted in _wanted_mounts({"Volumes": volumes}, host):
        target = str(wanted["Target"])
        if target not in taken:
            taken.add(target)
            yield _mount(world, spec, wanted, target)


def _mount(
    world: World, spec: ContainerSpec, wanted: Mapping[str, Any], target: str
) -> MountRecord:
    kind, source = str(wanted.get("Type") or "volume"), str(wanted.get("Source") or "")
    read_only = bool(wanted.get("ReadOnly"))
    if kind == "bind":
        _check_bind(world, spec, source, wanted.get("Options") or {})
        files = directory(world, source)
        return MountRecord("bind", target, source=source, read_only=read_only, files=files)
    if kind != "volume":
        return MountRecord(kind, target, read_only=read_only)
    name = source or world.new_id()
    volume = world.volumes.get(name) or make_volume(world, name)
    volume.anonymous = volume.anonymous or not source
    return MountRecord(
        "volume",
        target,
        name=name,
        source=mountpoint(name),
        read_only=read_only,
        files=volume.files,
        anonymous=not source,
    )


def mountpoint(volume: str) -> str:
    """Where the engine keeps a volume."""
    return f"/var/lib/docker/volumes/{volume}/_data"


def _check_bind(world: World, spec: ContainerSpec, source: str, options: Mapping[str, Any]) -> None:
    if source not in world.missing_paths:
        return
    if options.get("create_host_path"):
        world.missing_paths.discard(source)
        return
    raise StartFailed(
        f"{source}, which it mounts, does not exist",
        attempted=CREATE,
        target=spec.name,
        advice="Restore it, or correct `volumes:`.",
        details={"status": 400, "code": "storage.bind-missing", "path": source},
    )


def _inject(world: World, record: ContainerRecord, file: InjectedFile) -> None:
    files, path = locate(record, file.path)
    now_s = world.clock.now().timestamp()
    files[path] = FileNode(file.content.encode(), file.mode, file.uid, file.gid, now_s)


async def remove(world: World, container: str, *, force: bool, volumes: bool) -> None:
    """Remove it, if it is there; ``volumes``: with its anonymous ones.

    :raises Conflict: it runs, and ``force`` is not given.
    """
    record = world.find(container)
    if record is None:
        return
    await world.until(record, lambda: not record.busy)
    if record.id not in world.containers:
        return
    if record.alive or record.status == "restarting":
        if not force:
            raise refusals.conflict(
                f"You cannot remove a {record.status} container {record.id}. "
                "Stop the container before attempting removal or force remove",
                record,
            )
        if record.alive:
            await lifecycle.kill(world, record)
    record.life += 1
    world.containers.pop(record.id, None)
    for mount in record.mounts if volumes else ():
        if mount.anonymous and not _used(world, mount.name):
            world.volumes.pop(mount.name, None)
            world.events.emit("volume", "destroy", mount.name, "", {"driver": "local"})
    world.emit(record, "destroy")
    world.changed(record)


def _used(world: World, volume: str) -> bool:
    return any(
        mount.name == volume for other in world.containers.values() for mount in other.mounts
    )


def rename(world: World, container: str, name: str) -> None:
    """Rename it; to its own name: nothing.

    :raises Conflict: another container has that name.
    """
    record = world.container(container, "rename container")
    for other in world.containers.values():
        if other.name == name and other is not record:
            raise refusals.name_taken(name, other, "rename container")
    if record.name == name:
        return
    old, record.name = record.name, name
    world.emit(record, "rename", oldName=f"/{old}")
