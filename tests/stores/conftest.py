"""What the tests of the stores share: a clock that stands still, and opened stores."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from stores.clocks import ManualClock
from tabib.stores.journal import SqliteJournal
from tabib.stores.vault import SqliteVault, open_vault


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def journal(tmp_path: Path, clock: ManualClock) -> AsyncIterator[SqliteJournal]:
    opened = await SqliteJournal.open(tmp_path, clock)
    yield opened
    await opened.close()


@pytest.fixture
async def vault(tmp_path: Path) -> AsyncIterator[SqliteVault]:
    opened = await open_vault(tmp_path)
    yield opened
    await opened.close()
