"""Snapshots and identities of data sets in the journal."""

from __future__ import annotations

import apsw

from tabib.model.backup import Identity, Snapshot
from tabib.model.codec import encode
from tabib.model.errors import UsageError
from tabib.stores.rows import every, noun, to_us


def upsert_snapshot(connection: apsw.Connection, snapshot: Snapshot) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO snapshot (id, engine_id, project, taken_at, body) "
        "VALUES (?, ?, ?, ?, ?)",
        (
            snapshot.id,
            snapshot.engine_id,
            snapshot.project,
            to_us(snapshot.taken_at),
            encode(snapshot),
        ),
    )


def select_snapshots(
    connection: apsw.Connection, engine_id: str | None, project: str | None, limit: int
) -> list[Snapshot]:
    """Newest first; None: any."""
    rows = every(
        connection,
        "SELECT body FROM snapshot WHERE (?1 IS NULL OR engine_id = ?1) "
        "AND (?2 IS NULL OR project = ?2) ORDER BY taken_at DESC, id LIMIT ?3",
        (engine_id, project, limit),
    )
    return [noun(row[0], Snapshot) for row in rows]


def find_snapshot(connection: apsw.Connection, prefix: str) -> Snapshot | None:
    """The one with this id, else the only one whose id starts so.

    :raises UsageError: several start so.
    """
    if not prefix:
        return None
    rows = every(
        connection,
        "SELECT id, body FROM snapshot WHERE substr(id, 1, length(?1)) = ?1 "
        "ORDER BY id = ?1 DESC, taken_at DESC",
        (prefix,),
    )
    if len(rows) > 1 and rows[0][0] != prefix:
        raise UsageError(
            f"{len(rows)} snapshots begin so: {', '.join(row[0] for row in rows[:5])}",
            attempted="find snapshot",
            target=prefix,
            advice="Give more of its id.",
        )
    return noun(rows[0][1], Snapshot) if rows else None


def delete_snapshot(connection: apsw.Connection, snapshot_id: str) -> None:
    connection.execute("DELETE FROM snapshot WHERE id = ?", (snapshot_id,))


def upsert_identity(
    connection: apsw.Connection, engine_id: str, project: str, identity: Identity
) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO identity (engine_id, project, dataset, body) VALUES (?, ?, ?, ?)",
        (engine_id, project, identity.dataset, encode(identity)),
    )


def select_identities(connection: apsw.Connection, engine_id: str, project: str) -> list[Identity]:
    rows = every(
        connection,
        "SELECT body FROM identity WHERE engine_id = ? AND project = ? ORDER BY dataset",
        (engine_id, project),
    )
    return [noun(row[0], Identity) for row in rows]


def delete_identities(connection: apsw.Connection, engine_id: str, project: str) -> None:
    connection.execute(
        "DELETE FROM identity WHERE engine_id = ? AND project = ?", (engine_id, project)
    )
