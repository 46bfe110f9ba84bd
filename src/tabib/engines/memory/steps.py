"""A plan's step → what the memory engine does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from tabib.engines.memory import building, containers, hooks, lifecycle, resources
from tabib.engines.memory.creation import signal_number
from tabib.engines.memory.world import World
from tabib.model.errors import Bug
from tabib.model.plan import Step, StepResult, Verb
from tabib.ports import ProgressSink


def named(step: Step) -> str:
    """What the step acts on, or the name of what it creates."""
    for spec in (step.container, step.network, step.volume):
        if spec is not None:
            return spec.name
    return step.target


async def apply(world: World, step: Step, progress: ProgressSink | None) -> StepResult:
    """Do one step, in the engine's time.

    :raises Bug: ``wait`` is no engine call.
    """
    if step.verb is Verb.PULL_IMAGE:
        return StepResult(id=await resources.pull(world, step.target, step.id, progress))
    act = _VERBS.get(step.verb)
    if act is None:
        raise Bug(f"{step.verb} is not a call of an engine", target=step.subject)
    if step.verb is not Verb.START_CONTAINER:
        await world.pause(world.latency.of(step.verb, world.rng))
    warnings = hooks.before_stop(world, step)
    return StepResult(id=await act(world, step) or "", warnings=warnings)


async def _create_container(world: World, step: Step) -> str:
    if step.container is None:
        raise Bug("create_container without a specification", target=step.subject)
    return containers.create(world, step.container).id


async def _create_network(world: World, step: Step) -> str:
    if step.network is None:
        raise Bug("create_network without a specification", target=step.subject)
    return resources.create_network(world, step.network)


async def _create_volume(world: World, step: Step) -> str:
    if step.volume is None:
        raise Bug("create_volume without a specification", target=step.subject)
    return resources.create_volume(world, step.volume)


async def _start(world: World, step: Step) -> None:
    await lifecycle.start(world, world.container(step.target, "start container"))
    hooks.after_start(world, step)


async def _stop(world: World, step: Step) -> None:
    if world.find(step.target) is not None:
        await _stop_as_told(world, step, "stop container")


async def _restart(world: World, step: Step) -> None:
    await _stop_as_told(world, step, "restart container")
    record = world.container(step.target, "restart container")
    await lifecycle.start(world, record)
    world.emit(record, "restart")
    hooks.after_start(world, step)


async def _stop_as_told(world: World, step: Step, attempted: str) -> None:
    record = world.container(step.target, attempted)
    timeout_s, signal = step.options.get("timeout_s"), step.options.get("signal")
    await lifecycle.stop(world, record, timeout_s, signal_number(signal) if signal else None)


async def _kill(world: World, step: Step) -> None:
    record = world.container(step.target, "kill container")
    await lifecycle.kill(world, record, signal_number(step.options.get("signal"), 9))


async def _pause(world: World, step: Step) -> None:
    record = world.container(step.target, "pause container")
    if record.status != "paused":
        await lifecycle.pause(world, record)


async def _unpause(world: World, step: Step) -> None:
    record = world.container(step.target, "unpause container")
    if not record.alive or record.status == "paused":
        await lifecycle.unpause(world, record)


async def _remove(world: World, step: Step) -> None:
    options = step.options
    force, volumes = bool(options.get("force")), bool(options.get("volumes"))
    await containers.remove(world, step.target, force=force, volumes=volumes)


async def _rename(world: World, step: Step) -> None:
    containers.rename(world, step.target, str(step.options["name"]))


async def _remove_network(world: World, step: Step) -> None:
    resources.remove_network(world, step.target)


async def _remove_volume(world: World, step: Step) -> None:
    resources.remove_volume(world, step.target)


async def _connect(world: World, step: Step) -> None:
    resources.connect(world, step.target, step.options)


async def _disconnect(world: World, step: Step) -> None:
    resources.disconnect(world, step.target, step.options)


async def _push(world: World, step: Step) -> str:
    return await building.push(world, step.target)


async def _tag(world: World, step: Step) -> str:
    return resources.tag(world, step.target, step.options)


async def _untag(world: World, step: Step) -> None:
    resources.untag(world, step.target)


async def _prune_images(world: World, step: Step) -> None:
    resources.prune_images(world)


async def _prune_build_cache(world: World, step: Step) -> None:
    """Builds in memory keep nothing."""


_VERBS: dict[Verb, Callable[[World, Step], Awaitable[str | None]]] = {
    Verb.CREATE_CONTAINER: _create_container,
    Verb.PRUNE_IMAGES: _prune_images,
    Verb.PRUNE_BUILD_CACHE: _prune_build_cache,
    Verb.CREATE_NETWORK: _create_network,
    Verb.CREATE_VOLUME: _create_volume,
    Verb.START_CONTAINER: _start,
    Verb.STOP_CONTAINER: _stop,
    Verb.RESTART_CONTAINER: _restart,
    Verb.KILL_CONTAINER: _kill,
    Verb.PAUSE_CONTAINER: _pause,
    Verb.UNPAUSE_CONTAINER: _unpause,
    Verb.REMOVE_CONTAINER: _remove,
    Verb.RENAME_CONTAINER: _rename,
    Verb.REMOVE_NETWORK: _remove_network,
    Verb.REMOVE_VOLUME: _remove_volume,
    Verb.CONNECT_NETWORK: _connect,
    Verb.DISCONNECT_NETWORK: _disconnect,
    Verb.PUSH_IMAGE: _push,
    Verb.TAG_IMAGE: _tag,
    Verb.UNTAG_IMAGE: _untag,
}
