"""What the engine shows, as nouns: lists in a few calls, inspections only where asked for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from tabib.engines.docker.call import Call
from tabib.engines.docker.gateway import Gateway
from tabib.engines.docker.states import container_state, image_state, network_state, volume_state
from tabib.engines.docker.together import together
from tabib.model.container import LABEL_PROJECT, ContainerState, ImageState, Observed
from tabib.model.errors import EngineError, NotFound


async def observe(
    gateway: Gateway, project: str | None, images: Sequence[str], detail: bool
) -> Observed:
    """One look. Without ``detail``: three calls, and one for each image reference."""
    at = datetime.now(UTC)
    filters = {"label": [f"{LABEL_PROJECT}={project}"]} if project is not None else {}
    narrowed = {"filters": msgspec.json.encode(filters).decode()} if filters else {}
    rows, networks, volumes, found = await together(
        (
            gateway.get(_look("containers"), "/containers/json", {"all": "1", **narrowed}),
            gateway.get(_look("networks"), "/networks", narrowed),
            gateway.get(_look("volumes"), "/volumes", narrowed),
            _images(gateway, images),
        )
    )
    details = await inspections(gateway, [row["Id"] for row in rows]) if detail else {}
    network_states = tuple(network_state(entry) for entry in networks or ())
    ids = {network.name: network.id for network in network_states}
    return Observed(
        at=at,
        containers=_containers(rows, details, ids, detail),
        networks=network_states,
        volumes=tuple(volume_state(entry) for entry in volumes.get("Volumes") or ()),
        images=found,
    )


def _containers(
    rows: Sequence[Mapping[str, Any]],
    inspections: Mapping[str, Mapping[str, Any]],
    network_ids: Mapping[str, str],
    detail: bool,
) -> tuple[ContainerState, ...]:
    states = (
        container_state(row, inspections.get(row["Id"]), network_ids)
        for row in rows
        if not detail or row["Id"] in inspections
    )
    return tuple(sorted(states, key=lambda state: state.name))


async def inspections(gateway: Gateway, ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """Inspections by id; a container that vanished meanwhile is left out."""

    async def one(container: str) -> Mapping[str, Any] | None:
        try:
            call = Call(attempted="inspect container", target=container)
            found: Mapping[str, Any] = await gateway.get(call, f"/containers/{container}/json")
        except NotFound:
            return None
        return found

    found = await together(one(container) for container in ids)
    return {identity: each for identity, each in zip(ids, found, strict=True) if each}


async def _images(gateway: Gateway, references: Sequence[str]) -> dict[str, ImageState]:
    wanted = list(dict.fromkeys(references))
    found = await together(find_image(gateway, reference) for reference in wanted)
    return {name: image for name, image in zip(wanted, found, strict=True) if image}


async def find_image(gateway: Gateway, reference: str) -> ImageState | None:
    """The local image that ``reference`` names, or None (also where it can name none)."""
    if not re.fullmatch(r"[\w.:/@-]+", reference):
        return None
    try:
        call = Call(attempted="inspect image", target=reference)
        return image_state(await gateway.get(call, f"/images/{reference}/json"))
    except NotFound:
        return None
    except EngineError as error:
        if error.details.get("status") == 400:
            return None  # no valid reference: pulling it will say what is wrong with it
        raise


def _look(what: str) -> Call:
    return Call(attempted="list", target=what)
