"""Sealed cases and incidents in the journal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import apsw

from tabib.model.codec import encode
from tabib.model.errors import Bug, UsageError
from tabib.model.incident import Case, Incident
from tabib.stores.rows import every, noun, one, to_us

_LISTED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentFilter:
    """What to read: None means any."""

    engine_id: str | None = None
    project: str | None = None
    open_only: bool = False
    since: datetime | None = None


def insert_case(connection: apsw.Connection, case: Case) -> None:
    """Store a case for good.

    :raises Bug: its id is there already.
    """
    try:
        connection.execute(
            "INSERT INTO case_file (id, sealed_at, body) VALUES (?, ?, ?)",
            (case.id, to_us(case.sealed_at), encode(case)),
        )
    except apsw.ConstraintError as error:
        raise Bug("it is sealed already", attempted="write case", target=case.id) from error


def select_case(connection: apsw.Connection, case_id: str) -> Case | None:
    row = one(connection, "SELECT body FROM case_file WHERE id = ?", (case_id,))
    return noun(row[0], Case) if row else None


def upsert_incident(connection: apsw.Connection, incident: Incident) -> None:
    """Insert or replace, with the cases it cites."""
    closed_at = None if incident.closed_at is None else to_us(incident.closed_at)
    connection.execute(
        "INSERT INTO incident (id, opened_at, closed_at, engine_id, project, body) "
        "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET "
        "opened_at = excluded.opened_at, closed_at = excluded.closed_at, "
        "engine_id = excluded.engine_id, project = excluded.project, body = excluded.body",
        (
            incident.id,
            to_us(incident.opened_at),
            closed_at,
            incident.engine_id,
            incident.project,
            encode(incident),
        ),
    )
    connection.execute("DELETE FROM incident_case WHERE incident_id = ?", (incident.id,))
    connection.executemany(
        "INSERT OR IGNORE INTO incident_case (case_id, incident_id) VALUES (?, ?)",
        [(case_id, incident.id) for case_id in incident.case_ids],
    )


def find_incident(connection: apsw.Connection, prefix: str) -> Incident | None:
    """The incident with this id, else the only one whose id starts so.

    :raises UsageError: several start so.
    """
    if not prefix:
        return None
    rows = every(
        connection,
        "SELECT id, body FROM incident WHERE substr(id, 1, length(?1)) = ?1 "
        "ORDER BY id = ?1 DESC, opened_at DESC",
        (prefix,),
    )
    if not rows:
        return None
    if len(rows) > 1 and rows[0][0] != prefix:
        raise _ambiguous(prefix, [row[0] for row in rows])
    return noun(rows[0][1], Incident)


def select_incidents(
    connection: apsw.Connection, wanted: IncidentFilter, limit: int
) -> list[Incident]:
    """Newest first."""
    terms = ["closed_at IS NULL"] if wanted.open_only else []
    values: list[Any] = []
    for column in ("engine_id", "project"):
        value = getattr(wanted, column)
        if value is not None:
            terms.append(f"{column} = ?")
            values.append(value)
    if wanted.since is not None:
        terms.append("opened_at >= ?")
        values.append(to_us(wanted.since))
    where = f"WHERE {' AND '.join(terms)}" if terms else ""
    rows = every(
        connection,
        f"SELECT body FROM incident {where} ORDER BY opened_at DESC, rowid DESC LIMIT ?",
        (*values, limit),
    )
    return [noun(row[0], Incident) for row in rows]


def _ambiguous(prefix: str, ids: Sequence[str]) -> UsageError:
    listed = ", ".join(ids[:_LISTED]) + (", …" if len(ids) > _LISTED else "")
    return UsageError(
        f"{len(ids)} incidents start so: {listed}",
        attempted="find incident",
        target=prefix,
        advice="Give more of the id.",
    )
