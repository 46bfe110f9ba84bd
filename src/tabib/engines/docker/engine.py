"""The Docker Engine as a :class:`tabib.ports.Engine`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any

from tabib.engines.docker import buildx
from tabib.engines.docker.apply import apply
from tabib.engines.docker.archives import export_image, get_archive, load_image, put_archive
from tabib.engines.docker.build import Reporter, build_image
from tabib.engines.docker.call import CHANGE_DEADLINE_S, Call, segment
from tabib.engines.docker.events import events
from tabib.engines.docker.gateway import Gateway, open_gateway
from tabib.engines.docker.info import info
from tabib.engines.docker.logs import LogWindow, logs
from tabib.engines.docker.measures import sizes, stats
from tabib.engines.docker.observe import observe
from tabib.engines.docker.programs import start_exec, start_one_shot
from tabib.engines.docker.raw import creation_body
from tabib.engines.docker.run_exec import run_exec
from tabib.engines.docker.states import inspected_state
from tabib.engines.docker.survey import registry_digest, survey
from tabib.model.build import BUILDX, ENGINE
from tabib.model.container import ContainerState, EngineInfo, ExecResult, LogLine, Observed, Sizes
from tabib.model.errors import NotFound
from tabib.model.event import Event
from tabib.model.oneshot import OneShot
from tabib.model.plan import Step, StepResult
from tabib.model.sample import Values
from tabib.model.survey import Survey
from tabib.model.wire import EndpointAddress
from tabib.ports import Credentials, OutputSink, Process, ProgressSink

OWNER_VOLUME = "tabib_owner"


class DockerEngine:
    """One engine, connected. Made by :func:`connect`; see the port for what each call promises."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def info(self) -> EngineInfo:
        return await info(self._gateway)

    async def observe(
        self, project: str | None = None, *, images: Sequence[str] = (), detail: bool = True
    ) -> Observed:
        return await observe(self._gateway, project, images, detail)

    async def apply(
        self,
        step: Step,
        *,
        progress: ProgressSink | None = None,
        credentials: Credentials | None = None,
    ) -> StepResult:
        return await apply(self._gateway, step, progress, credentials)

    async def build(
        self,
        step: Step,
        context: AsyncIterator[bytes] | None = None,
        *,
        progress: ProgressSink | None = None,
        output: OutputSink | None = None,
        credentials: Credentials | None = None,
    ) -> StepResult:
        reporter = Reporter(step.id, progress, output)
        return await build_image(self._gateway, step, context, reporter, credentials or {})

    async def builders(self) -> frozenset[str]:
        found = await buildx.has_buildx()
        return frozenset({ENGINE, BUILDX} if found else {ENGINE})

    def events(self, since_ns: int | None = None) -> AsyncIterator[Event]:
        return events(self._gateway, since_ns)

    async def look(self, container: str) -> ContainerState:
        return inspected_state(await self.inspect(container))

    async def inspect(self, container: str) -> Mapping[str, Any]:
        call = Call(attempted="inspect container", target=container)
        found: Mapping[str, Any] = await self._gateway.get(
            call, f"/containers/{segment(container)}/json"
        )
        return found

    def recreate_body(self, inspection: Mapping[str, Any]) -> Mapping[str, Any]:
        return creation_body(inspection)

    def logs(
        self,
        container: str,
        *,
        follow: bool = False,
        tail: int | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> AsyncIterator[LogLine]:
        window = LogWindow(follow=follow, tail=tail, since=since, until=until)
        return logs(self._gateway, container, window)

    async def wait(self, container: str) -> int:
        call = Call(attempted="wait for container", target=container, deadline_s=None)
        answer = await self._gateway.post(call, f"/containers/{segment(container)}/wait")
        return int(answer["StatusCode"])

    async def exec(
        self, container: str, argv: Sequence[str], *, user: str = "", timeout_s: float = 30.0
    ) -> ExecResult:
        return await run_exec(self._gateway, container, argv, user, timeout_s)

    def start_exec(
        self,
        container: str,
        argv: Sequence[str],
        *,
        user: str = "",
        environment: Mapping[str, str] | None = None,
        stdin: bool = False,
    ) -> AbstractAsyncContextManager[Process]:
        return start_exec(
            self._gateway, container, argv, user=user, environment=environment, stdin=stdin
        )

    def start_one_shot(self, spec: OneShot) -> AbstractAsyncContextManager[Process]:
        return start_one_shot(self._gateway, spec)

    def export_image(self, reference: str) -> AsyncIterator[bytes]:
        return export_image(self._gateway, reference)

    async def load_image(self, chunks: AsyncIterator[bytes]) -> None:
        await load_image(self._gateway, chunks)

    def get_archive(self, container: str, path: str) -> AsyncIterator[bytes]:
        return get_archive(self._gateway, container, path)

    async def put_archive(
        self, container: str, path: str, chunks: AsyncIterator[bytes], *, copy_owner: bool = False
    ) -> None:
        await put_archive(self._gateway, container, path, chunks, copy_owner=copy_owner)

    def stats(self, container: str) -> AsyncIterator[tuple[Values, Mapping[str, Values]]]:
        return stats(self._gateway, container)

    async def sizes(self) -> Sizes:
        return await sizes(self._gateway)

    async def survey(self) -> Survey:
        return await survey(self._gateway)

    async def registry_digest(
        self, reference: str, *, credentials: Credentials | None = None, timeout_s: float = 2.0
    ) -> str:
        return await registry_digest(self._gateway, reference, credentials, timeout_s)

    async def claim(self, labels: Mapping[str, str]) -> Mapping[str, str]:
        call = Call(attempted="claim the engine", target=OWNER_VOLUME, deadline_s=CHANGE_DEADLINE_S)
        body = {"Name": OWNER_VOLUME, "Labels": dict(labels)}
        volume = await self._gateway.post(call, "/volumes/create", body=body)
        return dict(volume.get("Labels") or {})

    async def unclaim(self) -> None:
        call = Call(
            attempted="let go of the engine", target=OWNER_VOLUME, deadline_s=CHANGE_DEADLINE_S
        )
        try:
            await self._gateway.delete(call, f"/volumes/{OWNER_VOLUME}")
        except NotFound:
            return

    async def close(self) -> None:
        await self._gateway.close()


async def connect(address: EndpointAddress) -> DockerEngine:
    """The engine at ``address``, reached and agreed with on an API version.

    :raises EngineUnavailable: it cannot be reached, or is older than 20.10.
    :raises UsageError: the address is of a kind that is not known.
    """
    return DockerEngine(await open_gateway(address))
