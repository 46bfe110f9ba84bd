"""Figures of containers whose kernel is out of reach: one statistics stream of the engine each."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from tabib.model.errors import TabibError
from tabib.model.metrics import CONTAINER
from tabib.model.sample import Reading, Subject, Target, Values
from tabib.operations.tasks import spawn
from tabib.ports import Engine

STREAMS_MAX = 200
"""An engine answers each stream about once a second: beyond this, some containers have none."""
_NAMES = tuple(metric.name for metric in CONTAINER)


@dataclass(slots=True)
class _Stream:
    task: asyncio.Task[None] | None = None
    values: Values | None = None
    interfaces: Mapping[str, Values] = field(default_factory=dict)


class RemoteStats:
    """The newest figures of each container; streams begin and end with the targets."""

    def __init__(self, engine: Engine, group: asyncio.TaskGroup) -> None:
        self._engine = engine
        self._group = group
        self._streams: dict[str, _Stream] = {}

    def readings(self, targets: Sequence[Target]) -> list[Reading]:
        """What the streams last said of ``targets``; a container's first figures come a second
        after it was first asked for."""
        wanted = {target.subject.id: target for target in targets}
        for id in [id for id in self._streams if id not in wanted]:
            task = self._streams.pop(id).task
            if task is not None:
                task.cancel()
        found: list[Reading] = []
        for id, target in wanted.items():
            stream = self._streams.get(id)
            if stream is None and len(self._streams) < STREAMS_MAX:
                stream = self._streams[id] = _Stream()
                stream.task = spawn(self._group, self._follow(id, stream), "engine statistics")
            found += _of(target, stream or _Stream())
        return found

    async def _follow(self, id: str, stream: _Stream) -> None:
        try:
            async for values, interfaces in self._engine.stats(id):
                stream.values, stream.interfaces = values, interfaces
        except TabibError:
            pass  # It stopped, or the engine is away: there is nothing to tell meanwhile.
        finally:
            if self._streams.get(id) is stream:
                del self._streams[id]


def _of(target: Target, stream: _Stream) -> list[Reading]:
    measured = stream.values or (None,) * len(_NAMES)
    values = tuple(
        target.known.get(name, value) for name, value in zip(_NAMES, measured, strict=True)
    )
    found = [Reading(subject=target.subject, values=values)]
    for name, figures in stream.interfaces.items():
        found.append(Reading(subject=_interface(target.subject, name), values=figures))
    return found


def _interface(container: Subject, name: str) -> Subject:
    return replace(
        container, kind="interface", id=f"{container.id}/{name}", name=name, parent=container.id
    )
