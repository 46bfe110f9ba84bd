"""Notices that wait or were told, in the journal's file: an adapter of :class:`ports.Outbox`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import apsw

from tabib.model.codec import encode
from tabib.model.notice import Destination, Notice, Told
from tabib.stores.rows import every, noun, to_us
from tabib.stores.sqlite import Database


class SqliteOutbox:
    """See the port for each method's contract; every write is on the disk when it returns."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, notices: Sequence[Notice]) -> int:
        rows = [
            (one.id, one.destination, one.incident, to_us(one.at), encode(one)) for one in notices
        ]
        return await self._database.write(lambda base: _insert(base, rows))

    async def pending(self, destination: str | None = None) -> list[Notice]:
        query = "SELECT body FROM notice WHERE settled_at IS NULL"
        values: tuple[str, ...] = ()
        if destination is not None:
            query, values = f"{query} AND destination = ?", (destination,)
        rows = await self._database.read(
            lambda base: every(base, f"{query} ORDER BY at, id", values)
        )
        return [noun(row[0], Notice) for row in rows]

    async def told(self, destination: str, since: datetime) -> list[Told]:
        query = (
            "SELECT told FROM notice WHERE destination = ? AND settled_at >= ? "
            "AND told IS NOT NULL ORDER BY settled_at, id"
        )
        rows = await self._database.read(
            lambda base: every(base, query, (destination, to_us(since)))
        )
        return [noun(row[0], Told) for row in rows]

    async def settle(
        self, destination: Destination, told: Sequence[Told], given_up: Sequence[Notice] = ()
    ) -> None:
        await self._database.write(lambda base: _settle(base, destination, told, given_up))

    async def drop(self, incident: str) -> int:
        return await self._database.write(
            lambda base: _changed(
                base,
                "DELETE FROM notice WHERE incident = ? AND settled_at IS NULL",
                (incident,),
            )
        )

    async def put_destination(self, destination: Destination) -> None:
        await self._database.write(lambda base: _upsert(base, destination))

    async def destinations(self) -> list[Destination]:
        rows = await self._database.read(
            lambda base: every(base, "SELECT body FROM destination ORDER BY id")
        )
        return [noun(row[0], Destination) for row in rows]

    async def prune(self, before: datetime) -> int:
        return await self._database.write(
            lambda base: _changed(base, "DELETE FROM notice WHERE settled_at < ?", (to_us(before),))
        )


def _insert(base: apsw.Connection, rows: Sequence[tuple[object, ...]]) -> int:
    statement = (
        "INSERT OR IGNORE INTO notice (id, destination, incident, at, body) VALUES (?, ?, ?, ?, ?)"
    )
    return sum(_changed(base, statement, row) for row in rows)


def _settle(
    base: apsw.Connection,
    destination: Destination,
    told: Sequence[Told],
    given_up: Sequence[Notice],
) -> None:
    for one in told:
        base.execute(
            "UPDATE notice SET settled_at = ?, told = ? WHERE id = ?",
            (to_us(one.at), encode(one), one.notice.id),
        )
    for notice in given_up:
        base.execute("UPDATE notice SET settled_at = at WHERE id = ?", (notice.id,))
    _upsert(base, destination)


def _upsert(base: apsw.Connection, destination: Destination) -> None:
    base.execute(
        "INSERT INTO destination (id, body) VALUES (?, ?) "
        "ON CONFLICT (id) DO UPDATE SET body = excluded.body",
        (destination.id, encode(destination)),
    )


def _changed(base: apsw.Connection, statement: str, values: Sequence[object]) -> int:
    base.execute(statement, tuple(values))
    return base.changes()
