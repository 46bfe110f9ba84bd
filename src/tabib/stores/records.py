"""Releases, care records, last looks and settings in the journal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import apsw

from tabib.model.codec import encode
from tabib.model.release import CareRecord, LastSeen, Release
from tabib.stores.rows import every, noun, one, to_us


def upsert_release(connection: apsw.Connection, release: Release) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO release (engine_id, project, number, body) VALUES (?, ?, ?, ?)",
        (release.engine_id, release.project, release.number, encode(release)),
    )


def select_releases(
    connection: apsw.Connection, engine_id: str, project: str, limit: int
) -> list[Release]:
    """Newest first."""
    rows = every(
        connection,
        "SELECT body FROM release WHERE engine_id = ? AND project = ? ORDER BY number DESC LIMIT ?",
        (engine_id, project, limit),
    )
    return [noun(row[0], Release) for row in rows]


def upsert_care(connection: apsw.Connection, record: CareRecord) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO care (engine_id, project, body) VALUES (?, ?, ?)",
        (record.engine_id, record.project, encode(record)),
    )


def select_care(
    connection: apsw.Connection, engine_id: str | None, project: str | None
) -> list[CareRecord]:
    """Sorted by engine and project; None: any."""
    rows = every(
        connection,
        "SELECT body FROM care WHERE (?1 IS NULL OR engine_id = ?1) "
        "AND (?2 IS NULL OR project = ?2) ORDER BY engine_id, project",
        (engine_id, project),
    )
    return [noun(row[0], CareRecord) for row in rows]


def delete_care(connection: apsw.Connection, engine_id: str, project: str) -> None:
    connection.execute("DELETE FROM care WHERE engine_id = ? AND project = ?", (engine_id, project))


def upsert_last_seen(connection: apsw.Connection, seen: Sequence[LastSeen]) -> None:
    connection.executemany(
        "INSERT OR REPLACE INTO last_seen (engine_id, container_id, project, seen_at, body) "
        "VALUES (?, ?, ?, ?, ?)",
        [
            (one.engine_id, one.container_id, one.project, to_us(one.seen_at), encode(one))
            for one in seen
        ],
    )


def select_last_seen(
    connection: apsw.Connection, engine_id: str, project: str | None
) -> list[LastSeen]:
    """Oldest look first."""
    rows = every(
        connection,
        "SELECT body FROM last_seen WHERE engine_id = ?1 AND (?2 IS NULL OR project = ?2) "
        "ORDER BY seen_at, container_id",
        (engine_id, project),
    )
    return [noun(row[0], LastSeen) for row in rows]


def delete_last_seen(connection: apsw.Connection, engine_id: str, container_id: str) -> None:
    connection.execute(
        "DELETE FROM last_seen WHERE engine_id = ? AND container_id = ?",
        (engine_id, container_id),
    )


def select_setting(connection: apsw.Connection, key: str) -> str | None:
    row = one(connection, "SELECT value FROM setting WHERE key = ?", (key,))
    return str(row[0]) if row else None


def upsert_setting(connection: apsw.Connection, key: str, value: str) -> None:
    connection.execute("INSERT OR REPLACE INTO setting (key, value) VALUES (?, ?)", (key, value))


def select_settings(connection: apsw.Connection, prefix: str) -> dict[str, str]:
    rows = every(
        connection,
        "SELECT key, value FROM setting WHERE substr(key, 1, length(?1)) = ?1 ORDER BY key",
        (prefix,),
    )
    return {str(key): str(value) for key, value in rows}


def change_settings(connection: apsw.Connection, values: Mapping[str, str | None]) -> None:
    for key, value in values.items():
        if value is None:
            connection.execute("DELETE FROM setting WHERE key = ?", (key,))
        else:
            upsert_setting(connection, key, value)
