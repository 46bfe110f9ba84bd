"""Shared by all tests: loops of virtual time, the real engine, unique names.

``@pytest.mark.virtual`` runs a coroutine test on a loop of virtual time; its clock is the
``virtual_clock`` fixture. ``tests/`` is on the path: ``from support.real_engine import …``.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Mapping

import pytest

from support import real_engine
from tabib.engines.memory import VirtualClock, VirtualLoop
from tabib.model.wire import EndpointAddress


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "virtual: runs on a loop of virtual time")
    # A shell starts what runs in its background with SIGINT ignored, and all that it starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    if item.get_closest_marker("virtual"):
        return {"virtual": VirtualLoop}
    return {"real": asyncio.new_event_loop}


@pytest.fixture
async def virtual_clock() -> VirtualClock:
    """The clock of the loop that a ``virtual`` test runs on."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop), "mark the test with @pytest.mark.virtual"
    return loop.clock


@pytest.fixture(scope="session")
def engine_address() -> EndpointAddress:
    """A real engine with the tests' image on it."""
    real_engine.ensure_images(real_engine.IMAGE)
    return real_engine.address()


@pytest.fixture
def project_name() -> str:
    """A prefix for everything that a test makes on a real engine."""
    return real_engine.unique_prefix()
