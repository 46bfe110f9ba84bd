"""One way to say the same to a memory engine and to a real one: what conformance tests speak."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from support.real_engine import IMAGE, step
from tabib.engines.memory import MemoryEngine, Program, by_hand
from tabib.model.container import (
    LABEL_NUMBER,
    LABEL_PROJECT,
    LABEL_SERVICE,
    ContainerSpec,
    ContainerState,
    Endpoint,
    Mount,
    NetworkSpec,
    VolumeSpec,
)
from tabib.model.event import Event
from tabib.model.plan import StepResult, Verb
from tabib.ports import Clock, Engine

PATIENCE_S = 15.0
POLL_S = 0.02


class RealClock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@dataclass(frozen=True, slots=True)
class Behaviour:
    """One main process twice: a command for busybox, a program for the memory engine."""

    command: tuple[str, ...]
    program: Program


def shell(script: str, **program: Any) -> Behaviour:
    return Behaviour(("sh", "-c", script), Program(**program))


SLEEPER = Behaviour(("sleep", "1000"), Program(ignores_sigterm=True))
"""PID 1 without a handler: deaf to SIGTERM."""
OBEDIENT = shell("trap 'exit 0' TERM; while :; do sleep 0.05; done", term_after_s=0.05)
NOWHERE = Behaviour(
    ("nonesuch",),
    Program(exit_code=127, start_error='exec: "nonesuch": executable file not found in $PATH'),
)


def exits(code: int, after_s: float = 0.0) -> Behaviour:
    return shell(f"sleep {after_s}; exit {code}", exit_code=code, after_s=after_s + 0.02)


def ordered(state: ContainerState) -> ContainerState:
    """Engines list mounts and ports in no order; a list knows fewer sources than an inspection."""
    mounts = sorted((replace(m, source="") for m in state.mounts), key=lambda m: m.target)
    ports = sorted(state.ports, key=lambda p: (p.container_port, p.protocol, p.host_ip))
    return replace(state, mounts=tuple(mounts), ports=tuple(ports))


def actions(events: list[Event]) -> list[str]:
    """The events' actions, ``stop`` put after the ``die`` that it caused.

    Engine 20.10 tells them in that order; newer ones (seen: 28.5) race, and mostly tell ``stop``
    first. No consumer may count on the order of the two.
    """
    told = [event.action for event in events]
    for index in range(len(told) - 1):
        if told[index : index + 2] == ["stop", "die"]:
            told[index : index + 2] = ["die", "stop"]
    return told


@dataclass(slots=True)
class Recorder:
    """Events of one prefix as they come, duplicates and all."""

    prefix: str
    events: list[Event] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)

    def take(self, event: Event) -> None:
        if event.kind == "container" and event.name.startswith(self.prefix):
            self.ids.add(event.id)
        if event.name.startswith(self.prefix) or event.attributes.get("container") in self.ids:
            self.events.append(event)

    def of(self, name: str, kind: str = "container") -> list[Event]:
        return [event for event in self.events if event.kind == kind and event.name == name]


@dataclass(slots=True)
class Bench:
    """An engine, its clock, and a prefix for all names."""

    engine: Engine
    clock: Clock
    prefix: str
    kind: str
    folder: Path

    def name(self, name: str) -> str:
        return f"{self.prefix}-{name}"

    async def apply(self, verb: Verb, target: str = "", **fields: Any) -> StepResult:
        return await self.engine.apply(step(verb, target, **fields))

    def spec(self, name: str, behaviour: Behaviour = SLEEPER, **fields: Any) -> ContainerSpec:
        """``service``, ``labels`` and other fields extend the defaults."""
        if isinstance(self.engine, MemoryEngine):
            self.engine.world.programs.set(behaviour.program, command=behaviour.command)
        service = {"command": list(behaviour.command), **fields.pop("service", {})}
        labels = {LABEL_PROJECT: self.prefix, LABEL_SERVICE: name, LABEL_NUMBER: "1"}
        labels |= fields.pop("labels", {})
        defaults = {"project": self.prefix, "service_name": name, "slot": 1, "image": IMAGE}
        if "endpoints" not in fields:
            defaults["network_mode"] = "none"
        known = {"name": self.name(name), "service": service, "labels": labels}
        return ContainerSpec(**{**defaults, **known, **fields})

    async def create(self, name: str, behaviour: Behaviour = SLEEPER, **fields: Any) -> str:
        spec = self.spec(name, behaviour, **fields)
        await self.apply(Verb.CREATE_CONTAINER, container=spec)
        return spec.name

    async def run(self, name: str, behaviour: Behaviour = SLEEPER, **fields: Any) -> str:
        created = await self.create(name, behaviour, **fields)
        await self.apply(Verb.START_CONTAINER, created)
        return created

    async def network(self, name: str = "net", **labels: str) -> str:
        spec = NetworkSpec(name=self.name(name), labels={LABEL_PROJECT: self.prefix, **labels})
        await self.apply(Verb.CREATE_NETWORK, network=spec)
        return spec.name

    async def volume(self, name: str = "data", directory: str = "", **labels: str) -> str:
        labels = {LABEL_PROJECT: self.prefix, **labels}
        spec = VolumeSpec(name=self.name(name), labels=labels, directory=directory)
        await self.apply(Verb.CREATE_VOLUME, volume=spec)
        return spec.name

    def endpoint(self, network: str, *aliases: str) -> tuple[Endpoint, ...]:
        return (Endpoint(network=network, aliases=aliases),)

    def mount(self, source: str, target: str, **fields: Any) -> Mount:
        return Mount(type=fields.pop("type", "volume"), source=source, target=target, **fields)

    async def until(
        self, name: str, holds: Callable[[ContainerState], bool], patience_s: float = PATIENCE_S
    ) -> ContainerState:
        """The container, once ``holds`` is true of it."""
        limit = self.clock.monotonic() + patience_s
        while True:
            state = await self.engine.look(name)
            if holds(state):
                return state
            assert self.clock.monotonic() < limit, f"never happened; it is {state}"
            await self.clock.sleep(POLL_S)

    async def exists(self, name: str) -> bool:
        seen = await self.engine.observe(detail=False)
        things = (*seen.containers, *seen.networks, *seen.volumes)
        return any(thing.name == name for thing in things)

    async def kill_main_process(self, name: str) -> None:
        """SIGKILL to PID 1 from the host, past the engine."""
        if isinstance(self.engine, MemoryEngine):
            by_hand.main_process_dies(self.engine.world, name)
            return
        pid = (await self.engine.inspect(name))["State"]["Pid"]
        assert pid > 1
        os.kill(pid, signal.SIGKILL)

    @asynccontextmanager
    async def recording(self) -> AsyncIterator[Recorder]:
        """Record this prefix's events; on leaving, those that were caused inside have arrived."""
        recorder = Recorder(self.prefix)
        task = asyncio.create_task(self._record(recorder))
        begin, end = self.name("begin"), self.name("end")
        await self._mark(begin, lambda: bool(recorder.of(begin, "volume")))
        recorder.events.clear()
        try:
            yield recorder
            await self._mark(end, lambda: bool(recorder.of(end, "volume")))
            recorder.events = [e for e in recorder.events if e.name not in (begin, end)]
        finally:
            task.cancel()

    async def _record(self, recorder: Recorder) -> None:
        async for event in self.engine.events():
            recorder.take(event)

    async def _mark(self, marker: str, seen: Callable[[], bool]) -> None:
        """Make and remove a volume until the stream has shown it."""
        for _ in range(200):
            spec = VolumeSpec(name=marker)
            await self.apply(Verb.CREATE_VOLUME, volume=spec)
            await self.apply(Verb.REMOVE_VOLUME, marker)
            await self.clock.sleep(POLL_S * 2)
            if seen():
                return
        raise AssertionError("the event stream shows nothing")
