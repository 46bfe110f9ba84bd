"""Steps on networks, volumes and image tags."""

from __future__ import annotations

from typing import Any

from tabib.engines.docker.call import CHANGE_DEADLINE_S, Call, segment
from tabib.engines.docker.gateway import Gateway
from tabib.engines.docker.translate.network import network_body, volume_body
from tabib.model.errors import Bug, Conflict, EngineError, ImageUnavailable, NotFound
from tabib.model.plan import Step, StepResult


def _call(attempted: str, step: Step) -> Call:
    target = step.subject or step.target
    return Call(attempted=attempted, target=target, deadline_s=CHANGE_DEADLINE_S)


async def create_network(gateway: Gateway, step: Step) -> StepResult:
    """Create; raises Conflict where the name exists."""
    if step.network is None:
        raise Bug("a create step without a network", target=step.subject)
    body = network_body(step.network, gateway.api)
    answer = await gateway.post(_call("create network", step), "/networks/create", body=body)
    warning = str(answer.get("Warning") or "")
    return StepResult(id=str(answer["Id"]), warnings=(warning,) if warning else ())


async def remove_network(gateway: Gateway, step: Step) -> StepResult:
    """Remove; what is not there is removed. Raises Conflict where containers are attached."""
    try:
        await gateway.delete(_call("remove network", step), f"/networks/{segment(step.target)}")
    except NotFound:
        pass
    except EngineError as error:
        if "active endpoints" in error.happened:
            raise await _still_attached(gateway, step, error) from error
        raise
    return StepResult()


async def _still_attached(gateway: Gateway, step: Step, error: EngineError) -> Conflict:
    look = Call(attempted="inspect network", target=step.target)
    found = await gateway.get(look, f"/networks/{segment(step.target)}")
    names = sorted(str(one.get("Name")) for one in (found.get("Containers") or {}).values())
    if names:
        advice = f"Remove what is attached to it first: {', '.join(names)}."
    else:
        # Seen with Engine 20.10: many containers started and removed at once.
        advice = (
            "No container is attached: the engine has lost count of this network's endpoints. "
            "It counts anew when it is restarted; the network can be removed then."
        )
    return Conflict(
        error.happened,
        attempted=error.attempted,
        target=error.target,
        advice=advice,
        details={**error.details, "attached": names},
    )


async def create_volume(gateway: Gateway, step: Step) -> StepResult:
    """Create; raises Conflict where the name exists with other labels.

    The engine itself answers with the volume that is there, whatever was asked for.
    """
    if step.volume is None:
        raise Bug("a create step without a volume", target=step.subject)
    spec = step.volume
    call = _call("create volume", step)
    answer = await gateway.post(call, "/volumes/create", body=volume_body(spec))
    labels = answer.get("Labels") or {}
    if labels != dict(spec.labels):
        raise Conflict(
            "a volume of this name exists with other labels",
            attempted=call.attempted,
            target=spec.name,
            advice="Look again; if it is not this project's, give the volume another `name:`.",
            details={"code": "config.name-conflict", "labels": labels},
        )
    return StepResult(id=spec.name)


async def remove_volume(gateway: Gateway, step: Step) -> StepResult:
    """Remove; what is not there is removed. Raises Conflict where a container has it."""
    try:
        await gateway.delete(_call("remove volume", step), f"/volumes/{segment(step.target)}")
    except NotFound:
        pass
    return StepResult()


async def connect_network(gateway: Gateway, step: Step) -> StepResult:
    """Attach a container to the network ``step.target``; attached already is fine."""
    call = _call("connect network", step)
    container = str(step.options["container"])
    body = {
        "Container": container,
        "EndpointConfig": {"Aliases": list(step.options.get("aliases") or ())},
    }
    try:
        await gateway.post(call, f"/networks/{segment(step.target)}/connect", body=body)
    except NotFound:
        raise
    except EngineError:
        if not await _attached(gateway, call, container, step.target):
            raise
    return StepResult()


async def disconnect_network(gateway: Gateway, step: Step) -> StepResult:
    """Detach a container; not attached, or gone, is fine."""
    call = _call("disconnect network", step)
    container = str(step.options["container"])
    body = {"Container": container, "Force": True}
    try:
        await gateway.post(call, f"/networks/{segment(step.target)}/disconnect", body=body)
    except NotFound:
        pass
    except EngineError:
        if await _attached(gateway, call, container, step.target):
            raise
    return StepResult()


async def _attached(gateway: Gateway, call: Call, container: str, network: str) -> bool:
    try:
        inspection = await gateway.get(call, f"/containers/{segment(container)}/json")
    except NotFound:
        return False
    networks = (inspection.get("NetworkSettings") or {}).get("Networks") or {}
    return network in networks or any(
        (settings or {}).get("NetworkID") == network for settings in networks.values()
    )


async def tag_image(gateway: Gateway, step: Step) -> StepResult:
    """Give the image ``step.target`` one more name."""
    params = {"repo": str(step.options["repository"]), "tag": str(step.options["tag"])}
    path = f"/images/{step.target}/tag"
    await gateway.post(_call("tag image", step), path, params)
    return StepResult()


async def untag_image(gateway: Gateway, step: Step) -> StepResult:
    """Take a name from an image; without the last one it is removed. Not there is fine.

    Raises Conflict where it is the last name and a container uses the image.
    """
    try:
        path = f"/images/{step.target}"
        await gateway.delete(_call("untag image", step), path, {"noprune": "0"})
    except (NotFound, ImageUnavailable) as error:
        if error.details.get("status") != 404:
            raise
    return StepResult()


PRUNE_DEADLINE_S = 300.0
"""Removing gigabytes of layers takes its time."""


async def prune_images(gateway: Gateway, step: Step) -> StepResult:
    """Remove images that no tag names and no container uses; a warning says how much that gave."""
    call = Call(attempted="prune images", target=step.subject, deadline_s=PRUNE_DEADLINE_S)
    params = {"filters": '{"dangling":["true"]}'}
    return _freed(await gateway.post(call, "/images/prune", params))


async def prune_build_cache(gateway: Gateway, step: Step) -> StepResult:
    """Remove what builds keep and no build uses now."""
    call = Call(attempted="prune build cache", target=step.subject, deadline_s=PRUNE_DEADLINE_S)
    return _freed(await gateway.post(call, "/build/prune"))


def _freed(answer: Any) -> StepResult:
    freed = int((answer or {}).get("SpaceReclaimed") or 0)
    return StepResult(warnings=(f"freed {freed} bytes",) if freed else ())
