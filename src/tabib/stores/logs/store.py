"""The store of kept logs: what is asked of it, and what becomes of it in trouble of the disk."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

import apsw
import structlog

from tabib.model.errors import Bug, StateUnusable
from tabib.model.kept_log import KeptLine, LogPattern
from tabib.model.sample import Retention, StoreStatus
from tabib.ports import Clock
from tabib.stores.logs import reading
from tabib.stores.logs.blocks import MIGRATIONS
from tabib.stores.logs.reading import Window
from tabib.stores.logs.waiting import Waiting, key_of, together
from tabib.stores.logs.words import Search
from tabib.stores.logs.writing import prune_some, write_lines, write_patterns
from tabib.stores.rows import from_us, one, to_us
from tabib.stores.schema import set_aside
from tabib.stores.sqlite import Database, Work
from tabib.stores.trouble import unusable

log = structlog.get_logger("tabib.logs")

T = TypeVar("T")

FILE_NAME = "logs.sqlite3"
FLOOR_BYTES = 96 * 1024 * 1024
"""Below so much free space nothing is written: the journal needs it more, and gets its reserve back
only where 64 MB are free."""
RETRY_S = 10.0
_DEFAULT_RETENTION = Retention()


class SqliteLogs:
    """See :class:`tabib.ports.LogStore`. Build it with :meth:`open`.

    ``prune`` also says what retention holds from then on for what is appended.
    """

    def __init__(self, path: Path, clock: Clock, floor_bytes: int) -> None:
        self._path = path
        self._clock = clock
        self._floor_bytes = floor_bytes
        self._database: Database | None = None
        self._retention = _DEFAULT_RETENTION
        self._waiting = Waiting()
        self._writing = asyncio.Lock()
        self._trouble: StateUnusable | None = None
        self._retry_at = float("-inf")
        self._set_aside = 0
        self._oldest: datetime | None = None

    @classmethod
    async def open(
        cls, folder: Path, clock: Clock, *, floor_bytes: int = FLOOR_BYTES
    ) -> SqliteLogs:
        """Open or create the file in ``folder``. Never fails for trouble of the disk, nor for a
        file that a later tabib wrote: it is left as it is, ``status`` says so, and what comes is
        kept in memory. A damaged file is set aside and a new one begun."""
        store = cls(folder / FILE_NAME, clock, floor_bytes)
        await store._attach()
        return store

    # ── writing ────────────────────────────────────────────────────────────────────────────────

    async def append(self, lines: Sequence[KeptLine]) -> None:
        self._waiting.add_lines(lines)
        await self._flush()

    async def put_patterns(self, patterns: Sequence[LogPattern]) -> None:
        self._waiting.add_patterns(patterns)
        await self._flush()

    async def prune(self, now: datetime, retention: Retention = _DEFAULT_RETENTION) -> int:
        """In small transactions, so that writes go on beside it; 0 where the disk is in trouble."""
        self._retention = retention
        since_us = to_us(now - timedelta(days=retention.log_days))
        total = 0
        try:
            while self._database is not None:
                some = await self._database.write(
                    lambda base: prune_some(base, since_us, retention)
                )
                total += some
                if some == 0:
                    self._oldest = await self._database.read(_oldest)
                    break
        except StateUnusable as error:
            await self._failed(error)
        await self._flush()
        return total

    async def close(self) -> None:
        await self._flush()
        if self._database is not None:
            await self._database.close()
            self._database = None

    # ── reading ────────────────────────────────────────────────────────────────────────────────

    async def tail(
        self,
        engine_id: str,
        containers: Sequence[str],
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int | None = None,
    ) -> list[KeptLine]:
        window = Window.of(engine_id, containers, since, until, limit)
        found = await self._ask(lambda base: reading.tail(base, window))
        waiting = self._also(window, Search())
        if not waiting:
            return found
        by_container: dict[str, list[KeptLine]] = {}
        for line in _by_time([*found, *waiting]):
            by_container.setdefault(line.container_id, []).append(line)
        ends = [_end(lines, limit) for lines in by_container.values()]
        return _by_time([line for lines in ends for line in lines])

    async def search(
        self,
        engine_id: str,
        text: str,
        *,
        containers: Sequence[str] | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 200,
    ) -> list[KeptLine]:
        """See the port. Case does not matter; a last ``*`` of a word finds what begins so; what
        has no letter or digit is found as it stands; empty finds all."""
        window = Window.of(engine_id, containers, since, until, limit)
        wanted = Search.of(text)
        found = await self._ask(lambda base: reading.search(base, window, wanted))
        return _end(_by_time([*found, *self._also(window, wanted)]), limit)

    async def patterns(
        self,
        engine_id: str,
        containers: Sequence[str] | None = None,
        since: datetime | None = None,
        limit: int = 100,
    ) -> list[LogPattern]:
        window = Window.of(engine_id, containers, since)
        stored = await self._ask(lambda base: reading.patterns(base, window))
        found = {key_of(pattern): pattern for pattern in stored}
        for key, pattern in self._waiting.patterns.items():
            if window.holds(pattern.engine_id, pattern.container_id, pattern.last_at):
                known = found.get(key)
                found[key] = together(known, pattern) if known else pattern
        return sorted(found.values(), key=lambda pattern: -pattern.count)[:limit]

    async def last(self, engine_id: str) -> Mapping[str, datetime]:
        def ask(base: apsw.Connection) -> dict[str, datetime]:
            rows = base.execute(
                "SELECT container_id, last_us FROM container WHERE engine_id = ? AND last_us > 0",
                (engine_id,),
            )
            return {name: from_us(us) for name, us in rows}

        return await self._ask(ask)

    def status(self) -> StoreStatus:
        sides = (self._path, self._path.with_name(self._path.name + "-wal"))
        return StoreStatus(
            bytes=sum(side.stat().st_size for side in sides if side.exists()),
            oldest=self._oldest,
            unwritten=len(self._waiting.batches),
            dropped=self._waiting.dropped,
            trouble=str(self._trouble) if self._trouble and self._waiting else "",
            details={"damaged_set_aside": self._set_aside},
        )

    # ── trouble ────────────────────────────────────────────────────────────────────────────────

    async def _flush(self) -> None:
        """Write what waits; what cannot be written goes on waiting."""
        async with self._writing:
            if not self._waiting or self._clock.monotonic() < self._retry_at:
                return
            database = self._database or await self._attach()
            if database is None:
                return
            taken, retention = self._waiting.take(), self._retention

            def write(base: apsw.Connection) -> None:
                write_lines(base, taken.lines(), retention)
                write_patterns(base, taken.patterns.values())

            try:
                self._require_room()
                await database.write(write)
            except (StateUnusable, Bug) as error:
                self._waiting.put_back(taken)
                await self._failed(error)
            else:
                self._trouble = None

    def _require_room(self) -> None:
        try:
            figures = os.statvfs(self._path.parent)
        except OSError:
            # Whatever that is, the write will tell.
            return
        free = (figures.f_bavail if os.geteuid() else figures.f_bfree) * figures.f_frsize
        if free < self._floor_bytes:
            raise unusable("full", self._path, attempted="keep logs", cause=f"{free} bytes free")

    async def _failed(self, error: StateUnusable | Bug) -> None:
        """Remember why, and wait before the next attempt; a damaged file is set aside."""
        trouble = _as_trouble(error, self._path)
        if self._trouble is None or str(self._trouble) != str(trouble):
            log.warning("logs.not_written", why=str(trouble))
        self._trouble = trouble
        if trouble.details.get("code") != "damaged":
            self._retry_at = self._clock.monotonic() + RETRY_S
        elif self._database is not None:
            database, self._database = self._database, None
            await database.close()
            kept = await asyncio.to_thread(set_aside, self._path)
            self._set_aside += 1
            log.warning("logs.set_aside", kept=str(kept))

    async def _attach(self) -> Database | None:
        """Open the file; None where that fails: it is tried again later."""
        for _ in range(2):
            try:
                self._require_room()
                self._database = await Database.open(self._path, MIGRATIONS, durable=False)
                self._oldest = await self._database.read(_oldest)
                return self._database
            except (StateUnusable, Bug) as error:
                await self._failed(error)
                if _as_trouble(error, self._path).details.get("code") != "damaged":
                    break
                # It was set aside: a new one can be begun at once.
                self._set_aside += 1
        return None

    async def _ask(self, work: Work[T]) -> T:
        """
        :raises StateUnusable: the file cannot be read. A damaged one is set aside.
        """
        if self._database is None:
            raise self._trouble or Bug("it is closed", attempted="read", target=str(self._path))
        try:
            return await self._database.read(work)
        except StateUnusable as error:
            if error.details.get("code") == "damaged":
                await self._failed(error)
            raise

    def _also(self, window: Window, wanted: Search) -> list[KeptLine]:
        """Lines that wait for the disk."""
        return [
            line
            for line in self._waiting.lines()
            if window.holds(line.engine_id, line.container_id, line.at)
            and wanted.matches(line.text)
        ]


def _as_trouble(error: StateUnusable | Bug, path: Path) -> StateUnusable:
    """A statement that failed for no reason of the disk's must not end the recording either."""
    if isinstance(error, StateUnusable):
        return error
    return unusable("sqlite", path, attempted="keep logs", cause=str(error))


def _oldest(base: apsw.Connection) -> datetime | None:
    (us,) = one(base, "SELECT min(last_us) FROM block")
    return None if us is None else from_us(us)


def _by_time(lines: Sequence[KeptLine]) -> list[KeptLine]:
    return sorted(lines, key=lambda line: line.at)


def _end(lines: Sequence[KeptLine], limit: int | None) -> list[KeptLine]:
    if limit is None:
        return list(lines)
    return list(lines[max(0, len(lines) - limit) :])
