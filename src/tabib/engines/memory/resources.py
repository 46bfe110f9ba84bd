"""Volumes, networks and images of the memory engine. Requests that fail change nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tabib.engines.memory import networking, refusals
from tabib.engines.memory.records import Attachment, Files, NetworkRecord, VolumeRecord
from tabib.engines.memory.world import World, full_reference
from tabib.model.container import NetworkSpec, VolumeSpec
from tabib.model.errors import Conflict, NotFound, TabibError
from tabib.model.plan import StepProgress
from tabib.ports import ProgressSink

_MB = 1_000_000


def create_volume(world: World, spec: VolumeSpec) -> str:
    """Create it, or leave the one of that name with the same labels.

    :raises Conflict: a volume of that name has other labels.
    """
    existing = world.volumes.get(spec.name)
    if existing is not None:
        if existing.labels != dict(spec.labels):
            raise Conflict(
                f"a volume {spec.name} with other labels exists",
                attempted="create volume",
                target=spec.name,
                details={"status": 409},
            )
        return spec.name
    options = dict(spec.spec.get("driver_opts") or {})
    if spec.directory:
        options = {"type": "none", "o": "bind", "device": spec.directory}
    driver = str(spec.spec.get("driver") or "local")
    make_volume(world, spec.name, driver=driver, labels=spec.labels, options=options)
    return spec.name


def make_volume(
    world: World,
    name: str,
    *,
    driver: str = "local",
    labels: Mapping[str, str] | None = None,
    options: Mapping[str, str] | None = None,
) -> VolumeRecord:
    """A new volume; one that is backed by a directory has that directory's files."""
    record = VolumeRecord(name, driver, dict(labels or {}), dict(options or {}))
    device = record.options.get("device", "")
    if device:
        record.files = directory(world, device)
    world.volumes[name] = record
    world.events.emit("volume", "create", name, "", {"driver": driver})
    return record


def directory(world: World, path: str) -> Files:
    """The files of a host folder, made if need be."""
    return world.directories.setdefault(path.rstrip("/") or "/", {})


def remove_volume(world: World, name: str) -> None:
    """Remove it, if it is there.

    :raises Conflict: a container, running or not, uses it.
    """
    record = world.volumes.get(name)
    if record is None:
        return
    users = [c.id for c in world.containers.values() if any(m.name == name for m in c.mounts)]
    if users:
        raise Conflict(
            f"remove {name}: volume is in use - [{', '.join(users)}]",
            attempted="remove volume",
            target=name,
            details={"status": 409},
        )
    del world.volumes[name]
    world.events.emit("volume", "destroy", name, "", {"driver": record.driver})


def create_network(world: World, spec: NetworkSpec) -> str:
    """:raises Conflict: the name exists."""
    if world.network(spec.name) is not None:
        raise Conflict(
            f"network with name {spec.name} already exists",
            attempted="create network",
            target=spec.name,
            details={"status": 409},
        )
    driver = str(spec.spec.get("driver") or "bridge")
    record = NetworkRecord(world.new_id(), spec.name, driver, dict(spec.labels), spec.spec)
    world.networks[record.id] = record
    world.events.emit("network", "create", record.id, record.name, {"type": driver})
    return record.id


def remove_network(world: World, name: str) -> None:
    """Remove it, if it is there; containers that do not run do not keep it.

    :raises Conflict: a running container is attached.
    """
    record = world.network(name)
    if record is None:
        return
    if record.active or record.predefined:
        raise Conflict(
            f"error while removing network: network {record.name} id {record.id} "
            "has active endpoints",
            attempted="remove network",
            target=name,
            details={"status": 403},
        )
    del world.networks[record.id]
    world.events.emit("network", "destroy", record.id, record.name, {"type": record.driver})


def connect(world: World, network_name: str, options: Mapping[str, Any]) -> None:
    """Attach a container; attaching twice succeeds.

    :raises NotFound: there is no such container, or it runs and there is no such network. What
        does not run is not checked: its start will fail.
    """
    record = world.container(str(options["container"]), "connect network")
    network = world.network(network_name)
    aliases = tuple(options.get("aliases") or ())
    if network is None:
        if record.alive:
            raise _no_network(network_name)
        record.attachments.append(Attachment(network_name, aliases))
        return
    known = [a for a in record.attachments if network.id == a.network_id or network.name == a.name]
    if known:
        if not record.alive:
            known[0].aliases, known[0].network_id = aliases, ""
        return
    attachment = Attachment(network.name, aliases)
    record.attachments.append(attachment)
    if record.alive:
        networking.connect(world, record, attachment, network)


def disconnect(world: World, network_name: str, options: Mapping[str, Any]) -> None:
    """Detach a container; what is not attached, or gone, stays so."""
    record = world.find(str(options["container"]))
    network = world.network(network_name)
    if record is None or network is None:
        return
    for attachment in list(record.attachments):
        if network.id == attachment.network_id or network.name == attachment.name:
            networking.disconnect(world, record, attachment)


def _no_network(name: str) -> NotFound:
    return NotFound(
        f"network {name} not found",
        attempted="connect network",
        target=name,
        details={"status": 404},
    )


def registry_digest(world: World, reference: str) -> str:
    """
    :raises ImageUnavailable: the registry does not have it.
    """
    image = world.registry.get(full_reference(reference))
    if image is None:
        raise refusals.no_image(reference, "ask the registry for")
    known = sorted(digest.partition("@")[2] for digest in image.digests)
    return known[0] if known else image.id


async def pull(world: World, reference: str, step_id: str, progress: ProgressSink | None) -> str:
    """Get an image from the world's registry; its id.

    :raises ImageUnavailable: the registry does not have it.
    """
    image = world.registry.get(full_reference(reference))
    await world.pause(world.latency.of("pull_image", world.rng))
    if image is None:
        raise refusals.no_image(reference, "pull image")
    if progress is not None:
        for part in (0, image.size_bytes // 2, image.size_bytes):
            progress(
                StepProgress(
                    step_id=step_id,
                    text="Downloading" if part < image.size_bytes else "Pull complete",
                    current_bytes=part,
                    total_bytes=image.size_bytes,
                )
            )
    world.tag(image, full_reference(reference))
    world.events.emit("image", "pull", reference, reference, {})
    return image.id


def tag(world: World, reference: str, options: Mapping[str, Any]) -> str:
    """:raises ImageUnavailable: there is no such image."""
    image = world.image(reference)
    if image is None:
        raise refusals.no_image(reference, "tag image")
    name = f"{options['repository']}:{options['tag']}"
    world.tag(image, name)
    world.events.emit("image", "tag", image.id, name, {})
    return image.id


def prune_images(world: World) -> None:
    """Remove images that no tag names and no container uses."""
    used = {one.image_id for one in world.containers.values()}
    for id, image in tuple(world.images.items()):
        if not image.tags and image.id not in used:
            del world.images[id]


def untag(world: World, reference: str) -> None:
    """Remove a tag, and the image with its last one; nothing where there is no such tag.

    :raises Conflict: it is the last tag, and a container uses the image.
    """
    name = full_reference(reference)
    image = next((one for one in world.images.values() if name in one.tags), None)
    if image is None:
        return
    users = [c.name for c in world.containers.values() if c.image_id == image.id]
    if image.tags == {name} and users:
        raise _image_used(reference, users[0])
    image.tags.discard(name)
    world.events.emit("image", "untag", image.id, image.id, {})
    if not image.tags:
        del world.images[image.id]
        world.events.emit("image", "delete", image.id, image.id, {})


def _image_used(reference: str, container: str) -> TabibError:
    return Conflict(
        f"unable to remove repository reference {reference} (must force) - "
        f"container {container} is using its referenced image",
        attempted="untag image",
        target=reference,
        details={"status": 409},
    )
