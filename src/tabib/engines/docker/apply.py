"""One function for each verb of a step."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from tabib.engines.docker import containers, infrastructure
from tabib.engines.docker.gateway import Gateway
from tabib.engines.docker.pull import pull_image
from tabib.engines.docker.push import push_image
from tabib.model.errors import Bug
from tabib.model.plan import Step, StepResult, Verb
from tabib.ports import Credentials, ProgressSink

_ACTIONS: Mapping[Verb, Callable[[Gateway, Step], Awaitable[StepResult]]] = {
    Verb.TAG_IMAGE: infrastructure.tag_image,
    Verb.UNTAG_IMAGE: infrastructure.untag_image,
    Verb.PRUNE_IMAGES: infrastructure.prune_images,
    Verb.PRUNE_BUILD_CACHE: infrastructure.prune_build_cache,
    Verb.CREATE_NETWORK: infrastructure.create_network,
    Verb.REMOVE_NETWORK: infrastructure.remove_network,
    Verb.CREATE_VOLUME: infrastructure.create_volume,
    Verb.REMOVE_VOLUME: infrastructure.remove_volume,
    Verb.CONNECT_NETWORK: infrastructure.connect_network,
    Verb.DISCONNECT_NETWORK: infrastructure.disconnect_network,
    Verb.CREATE_CONTAINER: containers.create,
    Verb.START_CONTAINER: containers.start,
    Verb.STOP_CONTAINER: containers.stop,
    Verb.RESTART_CONTAINER: containers.restart,
    Verb.KILL_CONTAINER: containers.kill,
    Verb.PAUSE_CONTAINER: containers.pause,
    Verb.UNPAUSE_CONTAINER: containers.unpause,
    Verb.REMOVE_CONTAINER: containers.remove,
    Verb.RENAME_CONTAINER: containers.rename,
}


async def apply(
    gateway: Gateway,
    step: Step,
    progress: ProgressSink | None,
    credentials: Credentials | None,
) -> StepResult:
    """See :meth:`tabib.ports.Engine.apply`."""
    if step.verb is Verb.PULL_IMAGE:
        return await pull_image(gateway, step, progress, credentials)
    if step.verb is Verb.PUSH_IMAGE:
        return await push_image(gateway, step, progress, credentials)
    action = _ACTIONS.get(step.verb)
    if action is None:
        raise Bug(f"an engine does not do {step.verb}", target=step.subject)
    return await action(gateway, step)
