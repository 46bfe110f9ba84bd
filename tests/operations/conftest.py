"""A house for every test: an engine's world, a clock and a state folder on a fast disk."""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import structlog

from support import backups, real_engine
from support.backups import DataHouse
from support.site import House


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Deaths by the hundred are told by assertions, not by logs."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder in memory where there is one: thousands of journal writes need no real disk."""
    fast = Path("/dev/shm")
    made = Path(tempfile.mkdtemp(prefix="tabib-", dir=fast if fast.is_dir() else None))
    yield made
    shutil.rmtree(made)


@pytest.fixture
def house(folder: Path) -> House:
    return House(folder)


@pytest.fixture
async def data_house(tmp_path: Path) -> AsyncIterator[DataHouse]:
    """Real databases, a repository, and tools over the machine's engine."""
    address = real_engine.address()
    async with backups.house(address, tmp_path, real_engine.unique_prefix()) as made:
        yield made
