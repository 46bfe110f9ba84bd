"""A store's database without threads: the same file, schema and SQL, run where it is called."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from tabib.stores.schema import open_writer
from tabib.stores.sqlite import Database, T, Work


class InlineDatabase(Database):
    """For thousands of short lives on virtual time. Each call gives other tasks their turn before
    and after, as one on a thread does."""

    def __init__(self, path: Path, migrations: Sequence[str]) -> None:
        super().__init__(path)
        self._base = open_writer(path, migrations)

    async def write(self, work: Work[T]) -> T:
        await asyncio.sleep(0)
        with self._base:
            value = work(self._base)
        await asyncio.sleep(0)
        return value

    async def read(self, work: Work[T]) -> T:
        await asyncio.sleep(0)
        return work(self._base)

    async def close(self) -> None:
        self._base.close()
