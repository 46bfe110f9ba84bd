"""Memory engines by endpoint: ``memory://name`` is one world per name in this process."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime

from tabib.engines.memory.engine import MemoryEngine
from tabib.engines.memory.world import World
from tabib.model.errors import EngineUnavailable
from tabib.model.wire import EndpointAddress

_SCHEME = "memory://"
_worlds: dict[str, World] = {}


class _RealClock:
    """The machine's time."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def world_of(name: str, world: World | None = None) -> World:
    """The world behind ``memory://name``: ``world`` if given from now on, else one on real time."""
    if world is not None:
        _worlds[name] = world
    elif name not in _worlds:
        _worlds[name] = World(clock=_RealClock())
    return _worlds[name]


def forget_worlds() -> None:
    """Drop all worlds that endpoints name."""
    _worlds.clear()


async def connect(address: EndpointAddress) -> MemoryEngine:
    """A connection to the world that ``address`` names.

    :raises EngineUnavailable: the URL is not ``memory://name``.
    """
    if not address.url.startswith(_SCHEME):
        raise EngineUnavailable("that is no memory engine", attempted="connect", target=address.url)
    name = address.url.removeprefix(_SCHEME)
    return MemoryEngine(world_of(name), name=name)
