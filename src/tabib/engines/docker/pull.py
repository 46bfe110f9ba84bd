"""Pulling an image: the engine's stream of layers → progress in bytes."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import msgspec

from tabib.engines.docker.call import CHANGE_DEADLINE_S, PULL, Call
from tabib.engines.docker.errors import refused
from tabib.engines.docker.gateway import Gateway
from tabib.engines.docker.observe import find_image
from tabib.engines.docker.streams import lines
from tabib.model.plan import Step, StepProgress, StepResult
from tabib.model.reference import DOCKER_HUB, parse_reference
from tabib.ports import Credentials, ProgressSink

HUB_SERVER = "https://index.docker.io/v1/"
_READY = ("Download complete", "Pull complete", "Already exists", "Verifying Checksum")
_PUSHED = ("Pushed", "Layer already exists", "Mounted from")


async def pull_image(
    gateway: Gateway,
    step: Step,
    progress: ProgressSink | None,
    credentials: Credentials | None,
) -> StepResult:
    """Pull ``step.target``; the result's id is the image's.

    :raises ImageUnavailable: the image cannot be had; ``details["code"]`` says why.
    """
    call = Call(attempted=PULL, target=step.target, deadline_s=CHANGE_DEADLINE_S)
    reference = parse_reference(step.target)
    params = {"fromImage": reference.repository, "tag": reference.version}
    if step.options.get("platform"):
        params["platform"] = str(step.options["platform"])
    layers = Layers(step.id)
    request = ("POST", "/images/create")
    headers = auth_headers(reference.registry, credentials or {})
    async with gateway.stream(call, request, params=params, headers=headers) as response:
        async for line in lines(response.content.iter_any()):
            message = msgspec.json.decode(line)
            if "error" in message:
                raise refused(call, 200, str(message["error"]))
            update = layers.take(message)
            if update and progress:
                progress(update)
    image = await find_image(gateway, step.target)
    return StepResult(id=image.id if image else "")


def auth_headers(registry: str, credentials: Credentials) -> dict[str, str]:
    auth = credentials.get(registry)
    if not auth:
        return {}
    server = HUB_SERVER if registry == DOCKER_HUB else registry
    text = msgspec.json.encode({"serveraddress": server, **auth})
    return {"X-Registry-Auth": base64.urlsafe_b64encode(text).decode()}


class Layers:
    """Adds up what each layer says of itself.

    Sizes become known one by one, so the total grows until every layer has begun.
    """

    def __init__(self, step_id: str) -> None:
        self._step_id = step_id
        self._sizes: dict[str, tuple[int, int]] = {}
        self._ready: set[str] = set()
        self._seen: set[str] = set()
        self._last: StepProgress | None = None

    def take(self, message: Mapping[str, Any]) -> StepProgress | None:
        """The new state, or None where nothing changed that a person would see."""
        status, layer = str(message.get("status") or ""), str(message.get("id") or "")
        if layer and not status.startswith("Pulling from"):
            self._layer(layer, status, message.get("progressDetail") or {})
        current = sum(done for done, _ in self._sizes.values())
        total = sum(size for _, size in self._sizes.values())
        text = f"{len(self._ready)}/{len(self._seen)} layers" if self._seen else status
        update = StepProgress(
            step_id=self._step_id,
            text=text,
            current_bytes=current if total else None,
            total_bytes=total or None,
        )
        if update == self._last:
            return None
        self._last = update
        return update

    def _layer(self, layer: str, status: str, detail: Mapping[str, Any]) -> None:
        self._seen.add(layer)
        if status in ("Downloading", "Pushing") and detail.get("total"):
            self._sizes[layer] = (int(detail.get("current") or 0), int(detail["total"]))
        elif status.startswith((*_READY, *_PUSHED)):
            self._ready.add(layer)
            if layer in self._sizes:
                size = self._sizes[layer][1]
                self._sizes[layer] = (size, size)
