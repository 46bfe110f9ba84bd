"""What people, kernels and reboots do to an engine behind tabib's back, as event sequences.

Each was recorded on Engine 20.10 with the Docker command and Compose 2.40.3; see
``docs/decisions/0003-by-hand-or-failure.md``. All take a world, not a connection: no faults of
calls apply.
"""

from __future__ import annotations

import asyncio

from tabib.engines.memory import containers, lifecycle, resources
from tabib.engines.memory.records import ContainerRecord
from tabib.engines.memory.world import World
from tabib.model.container import (
    LABEL_ONEOFF,
    LABEL_PROJECT,
    LABEL_REPLACE,
    ContainerSpec,
    NetworkSpec,
)

_SHUTDOWN_GRACE_S = 10.0
_SHORT_ID = 12
_COMMAND_S = 0.02
"""Between two docker commands of one script."""


async def docker_stop(world: World, name: str, timeout_s: float | None = None) -> None:
    await lifecycle.stop(world, world.container(name), timeout_s)


async def docker_start(world: World, name: str) -> None:
    await lifecycle.start(world, world.container(name))


async def docker_restart(world: World, name: str, timeout_s: float | None = None) -> None:
    await docker_stop(world, name, timeout_s)
    await docker_start(world, name)
    world.emit(world.container(name), "restart")


async def docker_kill(world: World, name: str, signal: int = 9) -> None:
    await lifecycle.kill(world, world.container(name), signal)


def docker_network_disconnect(world: World, network: str, name: str) -> None:
    resources.disconnect(world, network, {"container": name})


async def docker_rm(world: World, name: str, *, force: bool = False, volumes: bool = False) -> None:
    await containers.remove(world, name, force=force, volumes=volumes)


async def docker_kill_then_rm(world: World, name: str) -> None:
    """``docker kill NAME && docker rm NAME``"""
    await docker_kill(world, name)
    await world.pause(_COMMAND_S)
    await docker_rm(world, name)


def main_process_dies(world: World, name: str, exit_code: int = 137) -> None:
    """PID 1 ends by itself, or is killed from the host: ``die`` and nothing before it."""
    lifecycle.die(world, world.container(name), exit_code)


def make_healthy(world: World, name: str, healthy: bool | None) -> None:
    """From now on its health check passes or fails, whatever its program says; None: as it says."""
    world.container(name).health_override = healthy


async def compose_down(world: World, project: str, *, volumes: bool = False) -> None:
    """Stop and remove each container, then the network (and the volumes)."""
    async with asyncio.TaskGroup() as group:
        for record in _of(world, project):
            group.create_task(_stop_and_remove(world, record))
    for network in [n for n in world.networks.values() if n.labels.get(LABEL_PROJECT) == project]:
        resources.remove_network(world, network.id)
    for volume in [v for v in world.volumes.values() if v.labels.get(LABEL_PROJECT) == project]:
        if volumes:
            resources.remove_volume(world, volume.name)


async def _stop_and_remove(world: World, record: ContainerRecord) -> None:
    await lifecycle.stop(world, record)
    await world.pause(_COMMAND_S / 2)
    await containers.remove(world, record.id, force=False, volumes=False)


async def compose_force_recreate(world: World, project: str) -> None:
    """``docker compose up --force-recreate``: each aside, stopped, removed, renamed; then start."""
    fresh = []
    for old in _of(world, project):
        name = old.name
        new = containers.create(world, _copy(old, f"{old.id[:_SHORT_ID]}_{name}"))
        await _stop_and_remove(world, old)
        containers.rename(world, new.id, name)
        fresh.append(new)
    for new in fresh:
        await lifecycle.start(world, new)


async def create_again(world: World, old: ContainerRecord) -> ContainerRecord:
    """``docker run`` of what ``old`` was, under its name; its project's networks are made first."""
    for attachment in old.attachments:
        if world.network(attachment.name) is None:
            labels = {LABEL_PROJECT: old.labels.get(LABEL_PROJECT, "")}
            resources.create_network(world, NetworkSpec(name=attachment.name, labels=labels))
    new = containers.create(world, _copy(old, old.name))
    await lifecycle.start(world, new)
    return new


def _copy(old: ContainerRecord, name: str) -> ContainerSpec:
    networks = {a.name: {"Aliases": list(a.aliases)} for a in old.attachments}
    mounts = [
        {"Type": m.type, "Source": m.name or m.source, "Target": m.target, "ReadOnly": m.read_only}
        for m in old.mounts
    ]
    return ContainerSpec(
        name=name,
        project=old.labels.get(LABEL_PROJECT, ""),
        service_name=old.service,
        slot=0,
        image=old.image,
        labels={LABEL_REPLACE: old.name},
        raw={
            **old.config,
            "HostConfig": {**old.host_config, "Mounts": mounts},
            "NetworkingConfig": {"EndpointsConfig": networks},
        },
    )


async def restart_engine(
    world: World, *, down_s: float = 1.0, killed: bool = False, live_restore: bool = False
) -> None:
    """The engine goes away and comes back, ``down_s`` later, with a new ``started_at``.

    Shut down properly it stops every container, with the events of ``docker stop``, before the
    streams end; ``killed`` (or a reboot) there is no event at all. Then policies bring back what
    they cover: ``always`` even what was stopped by hand. ``live_restore``: containers run on.
    """
    running = [record for record in world.containers.values() if record.alive]
    by_hand = {record.id for record in world.containers.values() if record.stopped_by_hand}
    if not live_restore:
        await _end_all(world, running, killed)
    world.faults.down = world.events.silent = True
    world.events.disconnect()
    world.events.history.clear()
    await world.pause(down_s)
    world.faults.down = world.events.silent = False
    world.started_at = world.clock.now()
    if live_restore:
        return
    for record in world.containers.values():
        record.stopped_by_hand = record.id in by_hand
        if _comes_back(record, ran=record in running):
            world.background(_bring_back(world, record))


async def _end_all(world: World, running: list[ContainerRecord], killed: bool) -> None:
    if not killed:
        async with asyncio.TaskGroup() as group:
            for record in running:
                group.create_task(lifecycle.stop(world, record, _SHUTDOWN_GRACE_S))
        return
    for record in world.containers.values():
        if record.status in ("running", "paused", "restarting"):
            lifecycle.vanish(world, record)


def _comes_back(record: ContainerRecord, *, ran: bool) -> bool:
    if record.status not in ("exited", "restarting"):
        return False
    if record.restart == "always":
        return True
    if record.restart == "unless-stopped":
        return not record.stopped_by_hand
    return ran and record.restart == "on-failure" and record.exit_code != 0


async def _bring_back(world: World, record: ContainerRecord) -> None:
    await lifecycle.start(world, record)


def lose_volume(world: World, name: str, *, data: bool = True) -> None:
    """The volume is gone, used or not; ``data``: what it held too, directory included."""
    record = world.volumes.pop(name)
    if data:
        record.files.clear()
    world.events.emit("volume", "destroy", name, "", {"driver": record.driver})


def lose_image(world: World, reference: str) -> None:
    """``docker rmi -f``"""
    image = world.image(reference)
    if image is not None:
        del world.images[image.id]
        world.events.emit("image", "delete", image.id, image.id, {})


def _of(world: World, project: str) -> list[ContainerRecord]:
    return [
        record
        for record in world.containers.values()
        if record.labels.get(LABEL_PROJECT) == project
        and record.labels.get(LABEL_ONEOFF, "").lower() != "true"
    ]
