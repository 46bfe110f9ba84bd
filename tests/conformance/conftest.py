"""The port's definition: every test here runs on the memory engine and on a real Docker Engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import pytest

from support import real_engine
from support.bench import Bench, RealClock
from tabib.engines.docker import connect
from tabib.engines.memory import MemoryEngine, VirtualLoop, World

_FOLDER = Path(__file__).parent


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The engine follows from the loop: virtual time is the memory engine's."""
    return {"memory": VirtualLoop, "docker": asyncio.new_event_loop}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(_FOLDER) and "docker" in item.name.partition("[")[2]:
            item.add_marker("engine")


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    prefix = real_engine.unique_prefix("tbc")
    loop = asyncio.get_running_loop()
    if isinstance(loop, VirtualLoop):
        memory = MemoryEngine(World(clock=loop.clock))
        yield Bench(memory, loop.clock, prefix, "memory", tmp_path)
        return
    await asyncio.to_thread(real_engine.ensure_images, real_engine.IMAGE)
    engine = await connect(real_engine.address())
    try:
        yield Bench(engine, RealClock(), prefix, "docker", tmp_path)
    finally:
        await real_engine.clear(engine, prefix)
        await engine.close()
