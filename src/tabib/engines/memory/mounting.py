"""Mounting and letting go of a container's volumes."""

from __future__ import annotations

from tabib.engines.memory import refusals
from tabib.engines.memory.records import ContainerRecord
from tabib.engines.memory.resources import make_volume
from tabib.engines.memory.world import World


def mount(world: World, record: ContainerRecord) -> None:
    """Mount a starting container's volumes; one that was lost comes back empty, as a new one.

    :raises Unstartable: the folder behind a volume does not exist.
    """
    for mount in record.mounts:
        if mount.type == "volume":
            volume = world.volumes.get(mount.name) or make_volume(world, mount.name)
            mount.files = volume.files
            device = volume.options.get("device", "")
            if device in world.missing_paths:
                said = f"failed to mount local volume: mount {device}: no such file or directory"
                raise refusals.cannot_start(record, said, 128, code="storage.volume-lost")
            world.events.emit(
                "volume",
                "mount",
                mount.name,
                "",
                {"container": record.id, "destination": mount.target, "driver": "local"},
            )


def unmount(world: World, record: ContainerRecord, *, silent: bool = False) -> None:
    """Let the volumes of a container that ended go."""
    for mount in [] if silent else record.mounts:
        if mount.type == "volume":
            attributes = {"container": record.id, "driver": "local"}
            world.events.emit("volume", "unmount", mount.name, "", attributes)
