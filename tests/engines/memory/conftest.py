"""Memory engines on virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from support.bench import Bench
from tabib.engines.memory import MemoryEngine, VirtualClock, VirtualLoop, World


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"virtual": VirtualLoop}


@pytest.fixture
async def clock() -> VirtualClock:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    return loop.clock


@pytest.fixture
async def world(clock: VirtualClock) -> World:
    return World(seed=7, clock=clock)


@pytest.fixture
async def bench(world: World, tmp_path: Path) -> Bench:
    return Bench(MemoryEngine(world), world.clock, "shop", "memory", tmp_path)
