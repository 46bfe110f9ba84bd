"""Networks' endpoints and host ports of the memory engine."""

from __future__ import annotations

from tabib.engines.memory import refusals
from tabib.engines.memory.records import Attachment, ContainerRecord, NetworkRecord
from tabib.engines.memory.world import World

_FIRST_EPHEMERAL_PORT = 49153


def attach(world: World, record: ContainerRecord) -> None:
    """Give a starting container its endpoints.

    :raises Unstartable: a network is gone. By id after a first start: one of the same name that
        was made since is another network.
    """
    for attachment in record.attachments:
        network = world.network(attachment.network_id or attachment.name)
        if network is None:
            missing = attachment.network_id or attachment.name
            said = f"network {missing} not found"
            raise refusals.cannot_start(record, said, 128, code="network.missing")
        connect(world, record, attachment, network)


def connect(
    world: World, record: ContainerRecord, attachment: Attachment, network: NetworkRecord
) -> None:
    attachment.network_id = network.id
    attachment.live = True
    network.active.add(record.id)
    _emit(world, network, "connect", record)


def detach(world: World, record: ContainerRecord) -> None:
    """Take away the endpoints and ports of a container that ended."""
    for attachment in record.attachments:
        network = world.networks.get(attachment.network_id)
        if attachment.live and network is not None:
            network.active.discard(record.id)
            _emit(world, network, "disconnect", record)
        attachment.live = False
    record.bound = {}


def disconnect(world: World, record: ContainerRecord, attachment: Attachment) -> None:
    record.attachments.remove(attachment)
    network = world.networks.get(attachment.network_id)
    if network is not None:
        network.active.discard(record.id)
        _emit(world, network, "disconnect", record)


def reserve_ports(world: World, record: ContainerRecord) -> None:
    """Bind the published ports.

    :raises Unstartable: (PortTaken) another container or process has one.
    """
    taken = dict(world.taken_ports)
    for other in world.containers.values():
        for protocol, port in other.bound.values():
            taken.setdefault((protocol, port), other.name)
    bound: dict[tuple[int, str, str, int], tuple[str, int]] = {}
    free = _FIRST_EPHEMERAL_PORT
    for wanted in record.ports:
        _, protocol, _, port = wanted
        if port == 0:
            continue
        while port < 0 and (protocol, free) in taken:
            free += 1
        port = free if port < 0 else port
        if (protocol, port) in taken:
            raise refusals.port_taken(record, port, protocol, taken[protocol, port])
        taken[protocol, port] = record.name
        bound[wanted] = (protocol, port)
    record.bound = bound


def _emit(world: World, network: NetworkRecord, action: str, record: ContainerRecord) -> None:
    attributes = {"container": record.id, "type": network.driver}
    world.events.emit("network", action, network.id, network.name, attributes)
