"""What the journal lets go of. Releases, incidents and the cases of open incidents: never."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import apsw

from tabib.stores.rows import every, one, to_us


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How much of what is only history is kept."""

    entry_age: timedelta = timedelta(days=30)
    entry_count: int = 200_000
    case_age: timedelta = timedelta(days=180)
    """Only cases that no open incident cites."""
    last_seen_age: timedelta = timedelta(days=7)
    """Records of containers are renewed while they exist; older ones are of gone containers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """How many rows went."""

    entries: int = 0
    cases: int = 0
    last_seen: int = 0

    @property
    def total(self) -> int:
        return self.entries + self.cases + self.last_seen


def prune_some(
    connection: apsw.Connection, now: datetime, retention: Retention, limit: int
) -> Pruned:
    """Remove up to ``limit`` rows of each kind, oldest first, and hand free pages back."""
    pruned = Pruned(
        entries=_entries(connection, now, retention, limit),
        cases=_cases(connection, now - retention.case_age, limit),
        last_seen=_last_seen(connection, now - retention.last_seen_age, limit),
    )
    if pruned.total:
        # Each step of this statement frees one page: it must be read to its end.
        every(connection, "PRAGMA incremental_vacuum(1000)")
    return pruned


def _entries(connection: apsw.Connection, now: datetime, retention: Retention, limit: int) -> int:
    # Numbers are given without gaps, so the newest tells how many there are.
    newest = one(connection, "SELECT coalesce(max(seq), 0) FROM entry")[0]
    beyond = int(newest) - retention.entry_count
    connection.execute(
        "DELETE FROM entry WHERE seq IN ("
        "SELECT seq FROM entry WHERE seq <= ? UNION ALL "
        "SELECT seq FROM entry WHERE at < ? AND seq > ? LIMIT ?)",
        (beyond, to_us(now - retention.entry_age), beyond, limit),
    )
    return connection.changes()


def _cases(connection: apsw.Connection, before: datetime, limit: int) -> int:
    connection.execute(
        "DELETE FROM case_file WHERE id IN ("
        "SELECT id FROM case_file WHERE sealed_at < ? AND id NOT IN ("
        "SELECT case_id FROM incident_case JOIN incident ON incident.id = incident_id "
        "WHERE closed_at IS NULL) ORDER BY sealed_at LIMIT ?)",
        (to_us(before), limit),
    )
    return connection.changes()


def _last_seen(connection: apsw.Connection, before: datetime, limit: int) -> int:
    connection.execute(
        "DELETE FROM last_seen WHERE rowid IN ("
        "SELECT rowid FROM last_seen WHERE seen_at < ? ORDER BY seen_at LIMIT ?)",
        (to_us(before), limit),
    )
    return connection.changes()
