"""Programs with their streams, as the small shell answers them: input first, then output."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from tabib.engines.memory import refusals, shell
from tabib.engines.memory.records import ContainerRecord
from tabib.engines.memory.world import World
from tabib.model.container import ExecResult
from tabib.model.errors import EngineError, NotFound
from tabib.model.oneshot import LABEL_HELPER, OneShot

_SIGNALS = {"INT": 130, "TERM": 143, "KILL": 137}


@dataclass(slots=True)
class MemoryProcess:
    """See :class:`tabib.ports.Process`. It runs once its input has ended."""

    run: Callable[[bytes], ExecResult]
    wants_input: bool
    can_be_signalled: bool = False
    given: bytearray = field(default_factory=bytearray)
    result: ExecResult | None = None

    async def write(self, data: bytes) -> None:
        if self.result is not None or not self.wants_input:
            raise EngineError("it takes no more input", attempted="execute in container")
        self.given += data

    async def end_input(self) -> None:
        self._end()

    async def output(self) -> AsyncIterator[tuple[str, bytes]]:
        result = self._end()
        for stream, data in (("stdout", result.stdout), ("stderr", result.stderr)):
            if data:
                yield stream, data

    async def exit_code(self) -> int:
        return self._end().exit_code

    async def signal(self, name: str) -> None:
        if self.can_be_signalled and self.result is None:
            self.result = ExecResult(exit_code=_SIGNALS[name], stdout=b"", stderr=b"")

    def _end(self) -> ExecResult:
        if self.result is None:
            self.result = self.run(bytes(self.given))
        return self.result


def helper(world: World, spec: OneShot) -> MemoryProcess:
    """A helper container that the small shell plays, once its image and volumes are there.

    :raises ImageUnavailable: the image is not there.
    :raises NotFound: a volume is not there.
    """
    image = world.image(spec.image)
    if image is None:
        raise refusals.no_image(spec.image, "create container")
    for mount in spec.mounts:
        if mount.type == "volume" and mount.source not in world.volumes:
            raise NotFound(f"get {mount.source}: no such volume", attempted="create container")
    record = ContainerRecord(
        id=f"helper-{spec.purpose}",
        name=spec.name or f"helper-{spec.purpose}",
        image=spec.image,
        image_id=image.id,
        created_at=world.clock.now(),
        command=spec.argv,
        labels={LABEL_HELPER: spec.purpose, **spec.labels},
        config={},
        host_config={},
    )
    return MemoryProcess(
        lambda given: _answer(record, spec, given), wants_input=spec.stdin, can_be_signalled=True
    )


def _answer(record: ContainerRecord, spec: OneShot, given: bytes) -> ExecResult:
    if spec.argv == ("cat",):
        return ExecResult(exit_code=0, stdout=given, stderr=b"")
    return shell.run(record, spec.argv, spec.user)
