"""A connection to a memory engine: the port :class:`tabib.ports.Engine` over a shared World."""

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from tabib.engines.memory import (
    building,
    files,
    image_archives,
    lifecycle,
    measures,
    programs,
    refusals,
    resources,
    shell,
    steps,
    views,
)
from tabib.engines.memory.faults import CrashPoint
from tabib.engines.memory.records import ContainerRecord
from tabib.engines.memory.world import VERSION, World
from tabib.model.build import ENGINE
from tabib.model.container import (
    LABEL_PROJECT,
    ContainerState,
    EngineInfo,
    ExecResult,
    LogLine,
    Observed,
    Sizes,
    VolumeSpec,
)
from tabib.model.errors import EngineTimeout, EngineUnavailable
from tabib.model.event import Event
from tabib.model.oneshot import OneShot
from tabib.model.plan import Step, StepResult
from tabib.model.sample import Values
from tabib.model.survey import Survey
from tabib.ports import Credentials, OutputSink, Process, ProgressSink

OWNER_VOLUME = "tabib_owner"


class MemoryEngine:
    """Faithful, seedable, in-process. Several may share one ``world``.

    ``crash``: dies there (see :class:`CrashPoint`); only ``apply`` counts as a guarded call, every
    other one merely finds out that it is dead.
    """

    def __init__(
        self, world: World | None = None, *, crash: CrashPoint | None = None, name: str = "memory"
    ) -> None:
        self.world = world or World()
        self.crash = crash or CrashPoint()
        self._name = name

    async def info(self) -> EngineInfo:
        await self._read("info")
        return EngineInfo(
            id=self.world.id,
            kind="memory",
            version=VERSION,
            api_version="1.41",
            endpoint=f"memory://{self._name}",
            hostname=self._name,
            architecture="x86_64",
            root_dir="/var/lib/docker",
            started_at=self.world.started_at,
            cgroup_version=1,
        )

    async def observe(
        self, project: str | None = None, *, images: Sequence[str] = (), detail: bool = True
    ) -> Observed:
        await self._read("observe")
        world = self.world
        at = world.clock.now()
        wanted = [r for r in world.containers.values() if _of(project, r.labels)]
        if detail:
            for record in wanted:
                await lifecycle.at_rest(world, record)
        found = {reference: world.image(reference) for reference in images}
        return Observed(
            at=at,
            containers=tuple(
                views.container_state(world, record, detail=detail)
                for record in sorted(wanted, key=lambda r: r.name)
                if record.id in world.containers
            ),
            networks=tuple(
                views.network_state(n) for n in world.networks.values() if _of(project, n.labels)
            ),
            volumes=tuple(
                views.volume_state(v) for v in world.volumes.values() if _of(project, v.labels)
            ),
            images={key: views.image_state(image) for key, image in found.items() if image},
        )

    async def apply(
        self,
        step: Step,
        *,
        progress: ProgressSink | None = None,
        credentials: Credentials | None = None,
    ) -> StepResult:
        return await self._guarded(step, steps.apply(self.world, step, progress))

    async def build(
        self,
        step: Step,
        context: AsyncIterator[bytes] | None = None,
        *,
        progress: ProgressSink | None = None,
        output: OutputSink | None = None,
        credentials: Credentials | None = None,
    ) -> StepResult:
        return await self._guarded(step, self._build(step, context, progress, output))

    async def _build(
        self,
        step: Step,
        context: AsyncIterator[bytes] | None,
        progress: ProgressSink | None,
        output: OutputSink | None,
    ) -> StepResult:
        return StepResult(id=await building.build(self.world, step, context, progress, output))

    async def builders(self) -> frozenset[str]:
        await self._read("builders")
        return frozenset({ENGINE})

    async def _guarded(self, step: Step, call: Coroutine[Any, Any, StepResult]) -> StepResult:
        what = f"{step.verb} {steps.named(step)}"
        try:
            self.crash.enter(what)
            number = self.crash.calls
            lost = await self._call(step.verb, steps.named(step))
        except BaseException:
            call.close()
            raise
        result = await call
        self.crash.leave(number, what)
        if lost is not None:
            raise lost
        return result

    async def events(self, since_ns: int | None = None) -> AsyncIterator[Event]:
        await self._read("events")
        async for event in self.world.events.subscribe(since_ns):
            self.crash.check()
            yield event

    async def look(self, container: str) -> ContainerState:
        await self._read("look", container)
        record = self.world.container(container, "look at container")
        await lifecycle.at_rest(self.world, record)
        record = self.world.container(record.id, "look at container")
        return views.container_state(self.world, record, detail=True)

    async def inspect(self, container: str) -> Mapping[str, Any]:
        await self._read("inspect", container)
        record = self.world.container(container, "inspect container")
        await lifecycle.at_rest(self.world, record)
        record = self.world.container(record.id, "inspect container")
        return views.inspection(self.world, record)

    def recreate_body(self, inspection: Mapping[str, Any]) -> Mapping[str, Any]:
        return views.recreate_body(inspection)

    async def logs(
        self,
        container: str,
        *,
        follow: bool = False,
        tail: int | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> AsyncIterator[LogLine]:
        await self._read("logs", container)
        record = self.world.container(container, "read logs")
        at = 0 if tail is None else max(0, len(record.logs) - tail)
        while True:
            for line in record.logs[at:]:
                at += 1
                if _within(line, since, until):
                    yield line
            if not follow or not (record.alive or record.status == "restarting"):
                return
            await self._more_logs(record, len(record.logs))

    async def _more_logs(self, record: ContainerRecord, seen: int) -> None:
        """Until there are more than ``seen`` lines, or another life has begun or ended."""
        life = record.life
        await self.world.until(record, lambda: len(record.logs) > seen or record.life != life)
        await self.world.until(record, lambda: not record.busy)

    async def wait(self, container: str) -> int:
        await self._read("wait", container)
        record = self.world.container(container, "wait for container")
        life = record.life
        await self.world.until(
            record, lambda: not record.busy and (not record.alive or record.life > life + 1)
        )
        return record.exit_code

    async def exec(
        self, container: str, argv: Sequence[str], *, user: str = "", timeout_s: float = 30.0
    ) -> ExecResult:
        await self._read("exec", container)
        record = self._executable(container)
        lasts_s = shell.lasts_s(argv)
        await self.world.pause(min(lasts_s, timeout_s))
        if lasts_s > timeout_s:
            said = f"{argv[0]} has not ended within {timeout_s:g} seconds"
            raise EngineTimeout(said, attempted="execute in container", target=container)
        return shell.run(record, argv, user)

    def _executable(self, container: str) -> ContainerRecord:
        """
        :raises NotFound: there is no such container.
        :raises Conflict: it is paused or does not run.
        """
        record = self.world.container(container, "exec")
        if record.status == "paused":
            said = f"Container {record.name} is paused, unpause the container before exec"
            raise refusals.conflict(said, record)
        if not record.alive:
            raise refusals.not_running(record)
        return record

    @asynccontextmanager
    async def start_exec(
        self,
        container: str,
        argv: Sequence[str],
        *,
        user: str = "",
        environment: Mapping[str, str] | None = None,
        stdin: bool = False,
    ) -> AsyncIterator[Process]:
        del environment  # the small shell expands nothing
        await self._read("exec", container)
        record = self._executable(container)

        def run(given: bytes) -> ExecResult:
            if list(argv) == ["cat"]:
                return ExecResult(exit_code=0, stdout=given, stderr=b"")
            return shell.run(record, argv, user)

        yield programs.MemoryProcess(run, wants_input=stdin)

    @asynccontextmanager
    async def start_one_shot(self, spec: OneShot) -> AsyncIterator[Process]:
        await self._read("start_one_shot", spec.purpose)
        yield programs.helper(self.world, spec)

    async def export_image(self, reference: str) -> AsyncIterator[bytes]:
        await self._read("export_image", reference)
        yield image_archives.exported(self.world, reference)

    async def load_image(self, chunks: AsyncIterator[bytes]) -> None:
        await self._read("load_image")
        await image_archives.load(self.world, chunks)

    async def get_archive(self, container: str, path: str) -> AsyncIterator[bytes]:
        await self._read("get_archive", container)
        record = self.world.container(container, "get archive")
        async for chunk in files.get_archive(record, path):
            yield chunk

    async def put_archive(
        self, container: str, path: str, chunks: AsyncIterator[bytes], *, copy_owner: bool = False
    ) -> None:
        await self._read("put_archive", container)
        record = self.world.container(container, "put archive")
        await files.put_archive(record, path, chunks, copy_owner=copy_owner)

    async def stats(self, container: str) -> AsyncIterator[tuple[Values, Mapping[str, Values]]]:
        await self._read("stats", container)
        async for reading in measures.stats(
            self.world, self.world.container(container, "read figures")
        ):
            self.crash.check()
            yield reading

    async def sizes(self) -> Sizes:
        await self._read("sizes")
        return measures.sizes(self.world)

    async def survey(self) -> Survey:
        await self._read("survey")
        world = self.world
        for record in list(world.containers.values()):
            await lifecycle.at_rest(world, record)
        return views.survey(world, measures.sizes(world))

    async def registry_digest(
        self, reference: str, *, credentials: Credentials | None = None, timeout_s: float = 2.0
    ) -> str:
        await self._read("registry_digest", reference)
        return resources.registry_digest(self.world, reference)

    async def claim(self, labels: Mapping[str, str]) -> Mapping[str, str]:
        await self._read("claim")
        existing = self.world.volumes.get(OWNER_VOLUME)
        if existing is None:
            resources.create_volume(self.world, VolumeSpec(name=OWNER_VOLUME, labels=labels))
            existing = self.world.volumes[OWNER_VOLUME]
        return dict(existing.labels)

    async def unclaim(self) -> None:
        await self._read("unclaim")
        resources.remove_volume(self.world, OWNER_VOLUME)

    async def close(self) -> None:
        """Nothing to let go: the world stays."""

    async def _read(self, verb: str, target: str = "") -> None:
        lost = await self._call(verb, target)
        if lost is not None:
            raise lost
        await self.world.pause(self.world.latency.of("read", self.world.rng))
        self.crash.check()

    async def _call(self, verb: str, target: str) -> Exception | None:
        """Let faults act before a call; the error to raise once it took effect."""
        self.crash.check()
        self.world.arm()
        slow_s, before, after = self.world.faults.call(verb, target)
        await self.world.pause(slow_s)
        if self.world.faults.down:
            raise EngineUnavailable(
                "no engine answers", attempted=verb, target=f"memory://{self._name}"
            )
        if before is not None:
            raise before
        return after


def _of(project: str | None, labels: Mapping[str, str]) -> bool:
    return project is None or labels.get(LABEL_PROJECT) == project


def _within(line: LogLine, since: datetime | None, until: datetime | None) -> bool:
    if line.at is None:
        return True
    return (since is None or line.at >= since) and (until is None or line.at <= until)
