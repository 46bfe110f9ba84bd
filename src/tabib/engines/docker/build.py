"""Building by the engine's own builder: a tar stream in, a stream of messages out.

Source: Engine API ``ImageBuild``; the order of its messages was tried on Engine 20.10 and 28.5.
"""

from __future__ import annotations

import base64
import re
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import msgspec

from tabib.engines.docker.build_errors import Told, build_failed
from tabib.engines.docker.buildx import build_with_buildx
from tabib.engines.docker.call import BUILD, Call
from tabib.engines.docker.gateway import Gateway
from tabib.engines.docker.observe import find_image
from tabib.engines.docker.pull import HUB_SERVER
from tabib.engines.docker.streams import lines
from tabib.model.build import BUILDX, BuildSpec
from tabib.model.errors import Bug, EngineError, TabibError
from tabib.model.plan import Step, StepProgress, StepResult
from tabib.model.reference import DOCKER_HUB
from tabib.ports import Credentials, OutputSink, ProgressSink

_BOOKKEEPING = (" ---> ", "Removing intermediate container ")
_STEP = re.compile(r"Step (\d+)/(\d+) : (.*)", re.DOTALL)


async def build_image(
    gateway: Gateway,
    step: Step,
    context: AsyncIterator[bytes] | None,
    reporter: Reporter,
    credentials: Credentials,
) -> StepResult:
    """See :meth:`tabib.ports.Engine.build`."""
    spec = step.build
    if spec is None:
        raise Bug("build_image without a specification", target=step.subject)
    counted = reporter.counted(context) if context is not None else None
    image_id = ""
    if spec.builder == BUILDX:
        await build_with_buildx(
            gateway.address, spec, counted, reporter.instruction, reporter.line, credentials
        )
    else:
        image_id = await _build(gateway, spec, counted, reporter, credentials)
    if image_id:
        return StepResult(id=image_id)
    image = await find_image(gateway, spec.tags[0])
    return StepResult(id=image.id if image else "")


class Reporter:
    """Turns what a build says into progress and lines of output."""

    def __init__(
        self, step_id: str, progress: ProgressSink | None, output: OutputSink | None
    ) -> None:
        self._step_id = step_id
        self._progress = progress
        self._output = output
        self.lost: BaseException | None = None
        """Why the context broke off."""

    async def counted(self, context: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """``context``, its bytes told as they go."""
        sent = 0
        try:
            async for chunk in context:
                sent += len(chunk)
                self._tell("sending the context", sent)
                yield chunk
        except TabibError as error:
            self.lost = error
            raise

    def instruction(self, number: int, total: int, text: str) -> None:
        head = f"{number}/{total} " if total else ""
        self._tell(head + " ".join(text.split())[:100])

    def line(self, text: str) -> None:
        if self._output:
            self._output(text)

    def _tell(self, text: str, current_bytes: int | None = None) -> None:
        if self._progress:
            self._progress(
                StepProgress(step_id=self._step_id, text=text, current_bytes=current_bytes)
            )


async def _build(
    gateway: Gateway,
    spec: BuildSpec,
    context: AsyncIterator[bytes] | None,
    reporter: Reporter,
    credentials: Credentials,
) -> str:
    """:raises TabibError: as :meth:`tabib.ports.Engine.build` says."""
    # The head of the answer comes once the engine has the context: that takes what it takes.
    call = Call(attempted=BUILD, target=spec.tags[0], deadline_s=None)
    headers = {"Content-Type": "application/x-tar", **_registry_config(credentials)}
    request = ("POST", f"/build?{urlencode(_query(spec))}")
    told, image_id = Told(), ""
    try:
        async with gateway.stream(call, request, body=context, headers=headers) as response:
            async for line in lines(response.content.iter_any()):
                message = msgspec.json.decode(line)
                if "error" in message:
                    raise build_failed(spec, str(message["error"]), told)
                image_id = str((message.get("aux") or {}).get("ID") or image_id)
                _take(str(message.get("stream") or ""), told, reporter)
    except TabibError as error:
        if reporter.lost is not None:
            raise reporter.lost from error
        if isinstance(error, EngineError) and error.details.get("status") in (400, 500):
            raise build_failed(spec, error.happened, told, 500) from error
        raise
    return image_id


def _take(text: str, told: Told, reporter: Reporter) -> None:
    begun = _STEP.match(text)
    if begun:
        told.begin(begun[3])
        reporter.instruction(int(begun[1]), int(begun[2]), begun[3])
    for one in text.splitlines():
        said = one if begun or one.startswith(_BOOKKEEPING) else told.line(one)
        if said.strip():
            reporter.line(said)


def _query(spec: BuildSpec) -> list[tuple[str, str]]:
    """The parameters of the Engine API, without those that say nothing."""
    # Version 1 is the engine's own builder; the other one wants a session of its client's.
    values: list[tuple[str, Any]] = [("version", "1"), ("rm", "1"), ("forcerm", "1")]
    values += [("t", tag) for tag in spec.tags]
    values += [("extrahosts", host) for host in spec.extra_hosts]
    limits = [
        {"Name": name, "Soft": soft, "Hard": hard} for name, (soft, hard) in spec.ulimits.items()
    ]
    values += [
        ("dockerfile", spec.dockerfile),
        ("remote", spec.remote),
        ("buildargs", _json(spec.args)),
        ("labels", _json(spec.labels)),
        ("target", spec.target),
        ("cachefrom", _json(spec.cache_from)),
        ("networkmode", spec.network),
        ("shmsize", spec.shm_size_bytes or ""),
        ("memory", spec.memory_bytes or ""),
        ("ulimits", _json(limits)),
        ("platform", spec.platforms[0] if spec.platforms else ""),
        ("isolation", spec.isolation),
        ("nocache", "1" if spec.no_cache else ""),
        ("pull", "1" if spec.pull else ""),
    ]
    return [(key, str(value)) for key, value in values if value not in ("", None)]


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode() if value else ""


def _registry_config(credentials: Credentials) -> dict[str, str]:
    if not credentials:
        return {}
    auths = {
        HUB_SERVER if host == DOCKER_HUB else host: dict(auth) for host, auth in credentials.items()
    }
    return {"X-Registry-Config": base64.urlsafe_b64encode(msgspec.json.encode(auths)).decode()}
