"""The journal's lines: appended, read back by filter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import apsw
import msgspec

from tabib.model.codec import encode
from tabib.model.release import JournalEntry
from tabib.stores.rows import every, from_us, to_us

Row = tuple[int, str, str, str, str, str, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryFilter:
    """What to read: None and ``()`` mean any."""

    engine_id: str | None = None
    project: str | None = None
    operation: str | None = None
    kinds: Sequence[str] = ()
    since: datetime | None = None


def to_row(entry: JournalEntry) -> Row:
    """The entry as the values of its row; encoded once, on the caller's thread."""
    return (
        to_us(entry.at),
        entry.kind,
        entry.engine_id,
        entry.project,
        entry.operation,
        entry.subject,
        encode(entry.data),
    )


def append(connection: apsw.Connection, rows: Sequence[Row]) -> int:
    """Insert in order; the last one's ``seq``, 0 where there is none."""
    connection.executemany(
        "INSERT INTO entry (at, kind, engine_id, project, operation, subject, data) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        rows,
    )
    return connection.last_insert_rowid() if rows else 0


def select(connection: apsw.Connection, wanted: EntryFilter, limit: int) -> list[JournalEntry]:
    """The newest ``limit`` that match, oldest first."""
    where, values = _where(wanted)
    rows = every(
        connection,
        "SELECT seq, at, kind, engine_id, project, operation, subject, data FROM entry "
        f"{where} ORDER BY seq DESC LIMIT ?",
        (*values, limit),
    )
    return [_entry(row) for row in reversed(rows)]


def _where(wanted: EntryFilter) -> tuple[str, list[Any]]:
    terms: list[str] = []
    values: list[Any] = []
    for column in ("engine_id", "project", "operation"):
        value = getattr(wanted, column)
        if value is not None:
            terms.append(f"{column} = ?")
            values.append(value)
    if wanted.operation:
        # Said again as it stands in the partial index, or SQLite would not use it.
        terms.append("operation <> ''")
    if wanted.kinds:
        terms.append(f"kind IN ({', '.join('?' * len(wanted.kinds))})")
        values.extend(wanted.kinds)
    if wanted.since is not None:
        terms.append("at >= ?")
        values.append(to_us(wanted.since))
    return (f"WHERE {' AND '.join(terms)}" if terms else ""), values


def _entry(row: Any) -> JournalEntry:
    seq, at, kind, engine_id, project, operation, subject, data = row
    return JournalEntry(
        at=from_us(at),
        kind=kind,
        engine_id=engine_id,
        project=project,
        operation=operation,
        subject=subject,
        data=msgspec.json.decode(data),
        seq=seq,
    )
