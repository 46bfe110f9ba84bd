"""The writing side: what waits for the disk, what is done when the disk will not have it.

Everything that is to be written is an item of work that may be done twice. Items wait in order;
whoever adds one tries to write all. Where the disk refuses, they stay (bounded, the oldest go),
and the next one tries again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import apsw

from tabib.model.errors import Bug, StateUnusable
from tabib.model.sample import Batch
from tabib.stores.schema import set_aside
from tabib.stores.series import layouts, ticks
from tabib.stores.series.head import Head
from tabib.stores.series.pruning import free_pages, shed
from tabib.stores.series.room import Room
from tabib.stores.series.schema import MIGRATIONS
from tabib.stores.series.subjects import Subjects, upsert
from tabib.stores.sqlite import Database
from tabib.stores.trouble import unusable

_WAITING_ITEMS = 4_000
_WAITING_BYTES = 48 * 1024 * 1024
"""A quarter of an hour of a thousand containers."""
_AT_ONCE = 100
_AT_ONCE_BYTES = 4 * 1024 * 1024
_PAGE_BYTES = 4096
_SLACK_PAGES = 16
"""For what the tree itself takes as it grows."""
_FINAL = frozenset({"newer", "sqlite"})
"""Trouble that does not pass while this process runs."""


@dataclass(frozen=True, slots=True)
class Item:
    """Something to write. ``batch``: the readings, where it is a tick: should the file be opened
    later, they are numbered anew."""

    work: Callable[[apsw.Connection], None]
    size_bytes: int
    batch: Batch | None = None


class Recording:
    """The open file, the head, and what waits. Only the event loop's thread uses it."""

    def __init__(self, path: Path, room: Room) -> None:
        self.path = path
        self.room = room
        self.database: Database | None = None
        self.head = Head(layouts.unwritten(), Subjects())
        self.trouble = ""
        self.notice = ""
        """What was found as the file was opened: that a damaged one was set aside."""
        self.dropped = 0
        self._failure: StateUnusable | None = None
        self._waiting: deque[Item] = deque()
        self._waiting_bytes = 0
        self._lock = asyncio.Lock()
        self._closed = False

    @property
    def unwritten(self) -> int:
        return len(self._waiting)

    def readable(self) -> Database:
        """The file, to read from.

        :raises StateUnusable: it could not be opened.
        """
        if self.database is None:
            raise self._failure or Bug("it is closed", attempted="read", target=str(self.path))
        return self.database

    # ── opening ────────────────────────────────────────────────────────────────────────────────

    async def attach(self) -> None:
        """Open the file where it is not open and that may help. Never raises for trouble."""
        async with self._lock:
            failure = self._failure
            if self.database is None and (failure is None or _code(failure) not in _FINAL):
                await self._attach()

    async def _attach(self) -> None:
        try:
            try:
                await self._open()
            except StateUnusable as error:
                if _code(error) != "damaged":
                    raise
                self.notice = str(error)
                await self._open()
        except StateUnusable as error:
            self._failure = error
            self.trouble = str(error)
        else:
            self._failure = None
            self.trouble = ""
            self._number_anew()

    async def _open(self) -> None:
        database = await Database.open(
            self.path, MIGRATIONS, on_full=self.room.give_up, durable=False
        )
        try:
            self.head = await database.write(ticks.load)
        except BaseException as error:
            await database.close()
            if isinstance(error, StateUnusable) and _code(error) == "damaged":
                await asyncio.to_thread(set_aside, self.path)
            raise
        self.database = database

    def _number_anew(self) -> None:
        """Ticks that came while there was no file: subjects have their numbers from the file."""
        self._waiting = deque(
            self._tick_item(item.batch) if item.batch else item for item in self._waiting
        )

    # ── writing ────────────────────────────────────────────────────────────────────────────────

    async def append(self, batch: Batch) -> None:
        await self.write(self._tick_item(batch))

    def _tick_item(self, batch: Batch) -> Item:
        tick = self.head.add(batch)
        return Item(lambda base: ticks.insert(base, (tick,)), len(tick.body), batch)

    async def write(self, item: Item) -> None:
        """Write it, after all that waits; or let it wait.

        :raises Bug: it cannot be written, whatever the disk says.
        """
        if self._closed:
            raise Bug("it is closed", attempted="use", target=str(self.path))
        self._waiting.append(item)
        self._waiting_bytes += item.size_bytes
        await self.flush()

    async def flush(self) -> None:
        """Try to write what waits."""
        async with self._lock:
            try:
                while self._waiting and self.database is not None:
                    await self._write_some(self.database)
            except StateUnusable as error:
                await self._troubled(error)
            else:
                if self.database is not None:
                    self.trouble = ""
            self._bound()

    async def _write_some(self, database: Database) -> None:
        items = self._next_items()
        try:
            await database.write(lambda base: self._write(base, items))
        except Bug:
            if len(items) > 1:
                # One of them is to blame: each by itself, from the oldest on.
                items = items[:1]
                await database.write(lambda base: self._write(base, items))
            else:
                self._taken(1)
                raise
        self._taken(len(items))

    def _next_items(self) -> list[Item]:
        items: list[Item] = []
        size = 0
        for item in islice(self._waiting, _AT_ONCE):
            size += item.size_bytes
            if items and size > _AT_ONCE_BYTES:
                break
            items.append(item)
        return items

    def _write(self, base: apsw.Connection, items: Sequence[Item]) -> None:
        self.make_room(base, sum(item.size_bytes for item in items))
        for item in items:
            item.work(base)

    async def change(self, work: Callable[[apsw.Connection], Any], size_bytes: int) -> Any:
        """Do something to the file that nobody waits for; None where the disk refuses."""
        if self.database is None:
            return None

        def guarded(base: apsw.Connection) -> Any:
            self.make_room(base, size_bytes)
            return work(base)

        try:
            return await self.database.write(guarded)
        except StateUnusable as error:
            async with self._lock:
                await self._troubled(error)
            return None

    def make_room(self, base: apsw.Connection, size_bytes: int) -> None:
        """On a tight disk: see that so much fits into free pages of the file, by letting go of the
        oldest detail.

        :raises StateUnusable: code ``full``; it does not.
        """
        if not size_bytes or not self.room.tight():
            return
        needed = size_bytes // _PAGE_BYTES + _SLACK_PAGES
        while free_pages(base) < needed:
            if shed(base):
                continue
            raise unusable("full", self.path, attempted="write", cause="others need the rest")

    # ── trouble ────────────────────────────────────────────────────────────────────────────────

    async def _troubled(self, error: StateUnusable) -> None:
        self.trouble = str(error)
        if _code(error) == "damaged" and self.database is not None:
            await self._replace(self.database)

    async def _replace(self, database: Database) -> None:
        """Set the damaged file aside and begin a new one; what is in memory stays."""
        self.database = None
        await database.close()
        head = self.head
        try:
            kept = await asyncio.to_thread(set_aside, self.path)
            await self._open()
        except (StateUnusable, OSError) as error:
            self.trouble = str(error)
            self._failure = error if isinstance(error, StateUnusable) else None
            return
        self.notice = f"{self.trouble} It was kept as {kept}; a new one was begun."
        self.trouble = ""
        head.use(self.head.layouts)
        self.head = head
        rows = [entry.row for entry in head.subjects]
        self._waiting.appendleft(Item(lambda base: upsert(base, rows), 0))

    def _bound(self) -> None:
        while self._waiting and (
            len(self._waiting) > _WAITING_ITEMS or self._waiting_bytes > _WAITING_BYTES
        ):
            self._taken(1)
            self.dropped += 1

    def _taken(self, count: int) -> None:
        for _ in range(count):
            self._waiting_bytes -= self._waiting.popleft().size_bytes

    async def close(self) -> None:
        if self._closed:
            return
        await self.flush()
        self._closed = True
        if self.database is not None:
            await self.database.close()
            self.database = None


def _code(error: StateUnusable) -> str:
    return str(error.details.get("code", ""))
