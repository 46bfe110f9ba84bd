"""A house for every test: an engine's world, a clock and a state folder on a fast disk."""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

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
