"""Pushing an image: the engine's stream of layers → progress in bytes, and the digest."""

from __future__ import annotations

import msgspec

from tabib.engines.docker.call import CHANGE_DEADLINE_S, PUSH, Call
from tabib.engines.docker.errors import refused
from tabib.engines.docker.gateway import Gateway
from tabib.engines.docker.pull import Layers, auth_headers
from tabib.engines.docker.streams import lines
from tabib.model.plan import Step, StepResult
from tabib.model.reference import parse_reference
from tabib.ports import Credentials, ProgressSink

_NO_CREDENTIALS = {"X-Registry-Auth": "e30="}
"""``{}``: the engine refuses a push without the header."""


async def push_image(
    gateway: Gateway,
    step: Step,
    progress: ProgressSink | None,
    credentials: Credentials | None,
) -> StepResult:
    """Push ``step.target``; the result's id is the digest that the registry gave it.

    :raises ImageUnavailable: it is not there, or the registry cannot be reached or refuses.
    """
    call = Call(attempted=PUSH, target=step.target, deadline_s=CHANGE_DEADLINE_S)
    reference = parse_reference(step.target)
    headers = auth_headers(reference.registry, credentials or {}) or _NO_CREDENTIALS
    request = ("POST", f"/images/{reference.repository}/push")
    params = {"tag": reference.version}
    layers, digest = Layers(step.id), ""
    async with gateway.stream(call, request, params=params, headers=headers) as response:
        async for line in lines(response.content.iter_any()):
            message = msgspec.json.decode(line)
            if "error" in message:
                raise refused(call, 200, str(message["error"]))
            digest = str((message.get("aux") or {}).get("Digest") or digest)
            update = layers.take(message)
            if update and progress:
                progress(update)
    return StepResult(id=digest)
