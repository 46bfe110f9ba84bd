"""The state of one in-memory engine, shared by all connections to it."""

from __future__ import annotations

import asyncio
import heapq
import random
from collections.abc import Callable, Coroutine, Mapping
from datetime import datetime
from typing import Any

from tabib.engines.memory.clock import VirtualClock
from tabib.engines.memory.events import EventBus
from tabib.engines.memory.faults import Faults
from tabib.engines.memory.program import Latency, ProgramRegistry
from tabib.engines.memory.records import (
    ContainerRecord,
    Files,
    ImageRecord,
    NetworkRecord,
    VolumeRecord,
)
from tabib.model.errors import NotFound
from tabib.ports import Clock

VERSION = "20.10.24"
DEFAULT_IMAGES = ("busybox:1.36",)


class World:
    """Containers, networks, volumes, images, time, chance and faults of one engine.

    Deterministic by ``seed`` on a :class:`VirtualClock`; it outlives connections and event loops,
    so a daemon can die and another one find the engine as it was left. On another clock, timers
    need that clock's ``monotonic`` to be the loop's ``time``.
    """

    def __init__(
        self, *, seed: int = 0, clock: Clock | None = None, latency: Latency | None = None
    ) -> None:
        self.clock: Clock = clock or VirtualClock()
        self.rng = random.Random(f"world-{seed}")
        self.latency = latency or Latency()
        self.faults = Faults(seed)
        self.programs = ProgramRegistry()
        self.events = EventBus(self.clock.now, self.faults, self.after)
        self.id = f"memory-{seed}-{self.rng.getrandbits(32):08x}"
        self.started_at: datetime = self.clock.now()
        self.containers: dict[str, ContainerRecord] = {}
        self.networks: dict[str, NetworkRecord] = {}
        self.volumes: dict[str, VolumeRecord] = {}
        self.images: dict[str, ImageRecord] = {}
        self.registry: dict[str, ImageRecord] = {}
        """What a pull can get, by reference."""
        self.directories: dict[str, Files] = {}
        """The host's folders, by absolute path."""
        self.missing_paths: set[str] = set()
        """Host paths that do not exist: binding them fails."""
        self.taken_ports: dict[tuple[str, int], str] = {}
        """(protocol, host port) held by a process outside the engine → what it is."""
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._sequence = 0
        self._armed: asyncio.TimerHandle | None = None
        self._armed_loop: asyncio.AbstractEventLoop | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiters: dict[str, list[asyncio.Future[None]]] = {}
        for name in ("bridge", "host", "none"):
            record = NetworkRecord(self.new_id(), name, driver=name if name != "none" else "null")
            record.predefined = True
            self.networks[record.id] = record
        for reference in DEFAULT_IMAGES:
            self.add_image(reference)

    # ── identity and lookup ────────────────────────────────────────────────────────────────────

    def new_id(self) -> str:
        return f"{self.rng.getrandbits(256):064x}"

    def add_image(
        self, reference: str, *, remote: bool = False, digest: str = "", **config: Any
    ) -> ImageRecord:
        """Put an image on the engine, or (``remote``) into its registry. ``config``: the image's
        ``Cmd``, ``Entrypoint``, ``Env``, ``Volumes``, ``ExposedPorts``, ``Healthcheck`` …"""
        image = ImageRecord(f"sha256:{self.new_id()}", {full_reference(reference)}, config=config)
        if digest:
            image.digests.add(f"{repository(reference)}@{digest}")
        if remote:
            self.registry[full_reference(reference)] = image
        else:
            self.tag(image, full_reference(reference))
        return image

    def tag(self, image: ImageRecord, reference: str) -> None:
        """Give ``reference`` to ``image``, taking it from another that had it."""
        for other in self.images.values():
            other.tags.discard(reference)
        image.tags.add(reference)
        self.images[image.id] = image

    def image(self, reference: str) -> ImageRecord | None:
        if reference in self.images:
            return self.images[reference]
        wanted = full_reference(reference)
        for image in self.images.values():
            if wanted in image.tags or reference in image.digests:
                return image
        short = reference.removeprefix("sha256:")
        if len(short) >= 12:
            for image in self.images.values():
                if image.id.removeprefix("sha256:").startswith(short):
                    return image
        return None

    def find(self, container: str) -> ContainerRecord | None:
        """By id, name or unambiguous id prefix."""
        record = self.containers.get(container)
        if record is not None:
            return record
        name = container.lstrip("/")
        for record in self.containers.values():
            if record.name == name:
                return record
        starting = [one for id, one in self.containers.items() if id.startswith(container)]
        return starting[0] if len(starting) == 1 and len(container) >= 4 else None

    def container(self, container: str, attempted: str = "") -> ContainerRecord:
        """:raises NotFound: there is none."""
        record = self.find(container)
        if record is None:
            raise NotFound(
                f"No such container: {container}",
                attempted=attempted,
                target=container,
                details={"status": 404},
            )
        return record

    def network(self, name: str) -> NetworkRecord | None:
        found = self.networks.get(name)
        if found is not None:
            return found
        return next((one for one in self.networks.values() if one.name == name), None)

    def emit(self, record: ContainerRecord, action: str, **extra: str) -> None:
        """A container's event, with the attributes that the engine gives."""
        attributes: Mapping[str, str] = {**record.labels, "image": record.image, **extra}
        self.events.emit("container", action, record.id, record.name, attributes)

    # ── time ───────────────────────────────────────────────────────────────────────────────────

    async def pause(self, seconds: float) -> None:
        if seconds > 0:
            await self.clock.sleep(seconds)

    def after(self, delay_s: float, act: Callable[[], None]) -> None:
        """Call ``act`` once, ``delay_s`` from now; it survives the event loop."""
        self._sequence += 1
        heapq.heappush(self._timers, (self.clock.monotonic() + delay_s, self._sequence, act))
        self.arm()

    def arm(self) -> None:
        """See to it that the running loop wakes for the earliest timer."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        if not self._timers:
            return
        due = self._timers[0][0]
        if self._armed is not None and self._armed_loop is loop and not self._armed.cancelled():
            if self._armed.when() <= due:
                return
            self._armed.cancel()
        self._armed_loop = loop
        self._armed = loop.call_at(due, self._ring)

    def _ring(self) -> None:
        self._armed = None
        now = self.clock.monotonic() + 1e-9
        while self._timers and self._timers[0][0] <= now:
            heapq.heappop(self._timers)[2]()
        self.arm()

    def background(self, work: Coroutine[Any, Any, None]) -> None:
        """Run the engine's own work beside its callers'."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def until(self, record: ContainerRecord, holds: Callable[[], bool]) -> None:
        """Return once ``holds()`` is true of the container."""
        while not holds():
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiters.setdefault(record.id, []).append(future)
            await future

    def changed(self, record: ContainerRecord) -> None:
        """Wake who waits for ``record``."""
        for future in self._waiters.pop(record.id, ()):
            if not future.done() and not future.get_loop().is_closed():
                future.set_result(None)


def repository(reference: str) -> str:
    """``nginx:1`` → ``nginx``."""
    name = reference.split("@", 1)[0]
    head, _, last = name.rpartition("/")
    base = last.split(":", 1)[0]
    return f"{head}/{base}" if head else base


def full_reference(reference: str) -> str:
    """The reference with its tag: ``nginx`` → ``nginx:latest``; digests stay."""
    if "@" in reference or reference.startswith("sha256:"):
        return reference
    last = reference.rpartition("/")[2]
    return reference if ":" in last else f"{reference}:latest"
