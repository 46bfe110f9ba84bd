"""Outcomes of steps on their way to the journal: kept in order, and nobody waits for them.

An intent must be on the disk before its call is made. Its outcome need not be there before the
next call: whatever is lost with a death in between is what a death between the call and its outcome
loses, and what observing anew finds. So outcomes go along with the next intent, or soon.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tabib.model.errors import StateUnusable
from tabib.model.release import JournalEntry
from tabib.ports import Journal

WITHIN_S = 0.1


class Outcomes:
    """The unwritten outcomes of one execution."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._unwritten: list[JournalEntry] = []
        self._news = asyncio.Event()

    def add(self, outcome: JournalEntry) -> None:
        """Write ``outcome`` within ``WITHIN_S``, or with the next intent."""
        self._unwritten.append(outcome)
        self._news.set()

    async def append(self, *entries: JournalEntry) -> None:
        """Write what waits, then ``entries``; returns once they are on the disk.

        :raises StateUnusable: they could not be written.
        """
        batch, self._unwritten = [*self._unwritten, *entries], []
        if batch:
            await self._journal.append(*batch)

    @asynccontextmanager
    async def written(self) -> AsyncIterator[None]:
        """Outcomes that are added within the block are written when it ends.

        :raises StateUnusable: the last ones could not be written.
        """
        writer = asyncio.create_task(self._write_now_and_then())
        try:
            yield
        finally:
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)
        await self.append()

    async def _write_now_and_then(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            await asyncio.sleep(WITHIN_S)
            try:
                await self.append()
            except StateUnusable:
                return  # the next intent fails too, and says so
