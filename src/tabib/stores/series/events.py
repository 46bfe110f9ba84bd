"""Engine events and inspections of containers."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import apsw

from tabib.model.codec import encode
from tabib.model.event import Event
from tabib.stores.rows import every, noun, one, to_us

_INSPECTIONS_KEPT = 5
Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilter:
    """None: any."""

    engine_id: str
    ids: Sequence[str] | None
    project: str | None
    since: datetime | None
    until: datetime | None


def to_row(engine_id: str, event: Event) -> Row:
    return (
        engine_id,
        event.time_ns,
        event.kind,
        event.id,
        event.action,
        to_us(event.at),
        event.project,
        encode(event),
    )


def insert(base: apsw.Connection, rows: Sequence[Row]) -> None:
    """Those that are there already (told again after a resync) stay."""
    base.executemany("INSERT OR IGNORE INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)


def select(base: apsw.Connection, wanted: EventFilter, limit: int) -> list[Event]:
    """The newest ``limit`` that match, oldest first."""
    terms, values = ["engine_id = ?"], [wanted.engine_id]
    if wanted.ids is not None:
        terms.append(f"id IN ({', '.join('?' * len(wanted.ids))})")
        values.extend(wanted.ids)
    if wanted.project is not None:
        terms.append("project = ?")
        values.append(wanted.project)
        if wanted.project:
            # Said again as it stands in the partial index, or SQLite would not use it.
            terms.append("project <> ''")
    bounds: list[int] = []
    for instant, comparison in ((wanted.since, ">="), (wanted.until, "<=")):
        if instant is not None:
            terms.append(f"at_us {comparison} ?")
            bounds.append(to_us(instant))
    rows = every(
        base,
        f"SELECT body FROM event WHERE {' AND '.join(terms)} ORDER BY time_ns DESC LIMIT ?",
        (*values, *bounds, limit),
    )
    return [noun(row[0], Event) for row in reversed(rows)]


# ── inspections ────────────────────────────────────────────────────────────────────────────────


def inspection_row(
    engine_id: str, container_id: str, at: datetime, inspection: Mapping[str, Any]
) -> Row:
    text = json.dumps(inspection, separators=(",", ":"), sort_keys=True)
    return engine_id, container_id, to_us(at), zlib.compress(text.encode())


def put_inspection(base: apsw.Connection, row: Row) -> None:
    """Keep it, unless nothing changed since the one before; of each container the newest few."""
    before = one(
        base,
        "SELECT body FROM inspection WHERE engine_id = ? AND container_id = ? AND at_us <= ? "
        "ORDER BY at_us DESC LIMIT 1",
        row[:3],
    )
    if before is not None and before[0] == row[3]:
        return
    base.execute("INSERT OR REPLACE INTO inspection VALUES (?, ?, ?, ?)", row)
    base.execute(
        "DELETE FROM inspection WHERE engine_id = ?1 AND container_id = ?2 AND at_us < ("
        "SELECT min(at_us) FROM (SELECT at_us FROM inspection "
        "WHERE engine_id = ?1 AND container_id = ?2 ORDER BY at_us DESC LIMIT ?3))",
        (*row[:2], _INSPECTIONS_KEPT),
    )


def inspection(
    base: apsw.Connection, engine_id: str, container_id: str, at_us: int | None
) -> Mapping[str, Any] | None:
    """The last that was put before ``at_us``, else the first."""
    rows = every(
        base,
        "SELECT at_us, body FROM inspection WHERE engine_id = ? AND container_id = ? "
        "ORDER BY at_us",
        (engine_id, container_id),
    )
    if not rows:
        return None
    before = [body for time, body in rows if at_us is None or time <= at_us]
    found: Mapping[str, Any] = json.loads(zlib.decompress(before[-1] if before else rows[0][1]))
    return found
