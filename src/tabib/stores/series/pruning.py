"""What is let go of: by age, and by size the oldest detail first."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import apsw

from tabib.model.sample import Retention
from tabib.stores.rows import every, one, to_us
from tabib.stores.series.keys import first_key

_ROWS = 2_000
"""At once: a longer transaction would keep ticks waiting."""
_SPARE_PAGES = 2_048
"""Free pages that the file keeps for what comes; above an eighth of it they are handed back."""
_VACUUM_PAGES = 500


@dataclass(frozen=True, slots=True)
class Pruned:
    """How many rows went, and numbers of the subjects among them."""

    rows: int = 0
    subjects: list[int] = field(default_factory=list)


def prune_some(
    base: apsw.Connection, now: datetime, retention: Retention, alive: frozenset[int]
) -> Pruned:
    """One small step; no rows: there is nothing more to do. ``alive``: subjects that stay."""
    rows = (
        _chunks(base, "raw", _before(now, retention.raw_days))
        or _chunks(base, "minute", _before(now, retention.minute_days))
        or _quarter(base, _before(now, retention.quarter_days))
        or _older(base, "process", "ended_us", _before(now, retention.process_days))
        or _older(base, "event", "at_us", _before(now, retention.event_days))
        or _containers(base)
        or _inspections(base, _before(now, retention.event_days))
        or (shed(base) if used_bytes(base) > retention.max_bytes else 0)
    )
    gone = _subjects(base, _before(now, retention.event_days), alive)
    if rows or gone:
        _hand_back(base)
    return Pruned(rows + len(gone), gone)


def shed(base: apsw.Connection) -> int:
    """Let go of one bit of the oldest detail: raw before minutes before processes before
    quarters; how many rows went."""
    return (
        _chunks(base, "raw", None)
        or _chunks(base, "minute", None)
        or _older(base, "process", "ended_us", None)
        or _quarter(base, None)
        or _older(base, "event", "at_us", None)
    )


def used_bytes(base: apsw.Connection) -> int:
    """What the file holds, without pages that are free."""
    pages = int(base.pragma("page_count")) - int(base.pragma("freelist_count"))
    return pages * int(base.pragma("page_size"))


def free_pages(base: apsw.Connection) -> int:
    return int(base.pragma("freelist_count"))


def _before(now: datetime, days: float) -> int:
    return to_us(now - timedelta(days=days))


def _chunks(base: apsw.Connection, table: str, before_us: int | None) -> int:
    """Chunks of the oldest segment that ended before (None: of any)."""
    found = one(
        base,
        f"SELECT seq FROM segment WHERE has_{table} AND last_us < ? ORDER BY quarter_us LIMIT 1",
        (2**63 - 1 if before_us is None else before_us,),
    )
    if found is None:
        return 0
    (seq,) = found
    base.execute(
        f"DELETE FROM {table} WHERE key IN ("
        f"SELECT key FROM {table} WHERE key >= ? AND key < ? LIMIT ?)",
        (first_key(seq), first_key(seq + 1), _ROWS),
    )
    rows = base.changes()
    if rows < _ROWS:
        base.execute(f"UPDATE segment SET has_{table} = 0 WHERE seq = ?", (seq,))
        rows += 1
    return rows


def _quarter(base: apsw.Connection, before_us: int | None) -> int:
    """The oldest segment as a whole."""
    found = one(
        base,
        "SELECT seq FROM segment WHERE last_us < ? ORDER BY quarter_us LIMIT 1",
        (2**63 - 1 if before_us is None else before_us,),
    )
    if found is None:
        return 0
    (seq,) = found
    rows = 0
    for table in ("raw", "minute", "quarter"):
        base.execute(
            f"DELETE FROM {table} WHERE key >= ? AND key < ?", (first_key(seq), first_key(seq + 1))
        )
        rows += base.changes()
    base.execute("DELETE FROM segment WHERE seq = ?", (seq,))
    return rows + 1


def _older(base: apsw.Connection, table: str, column: str, before_us: int | None) -> int:
    """Rows whose ``column`` lies before (None: any that is over), oldest first."""
    identity = {
        "process": "container, started_ns, pid",
        "event": "engine_id, time_ns, kind, id, action",
    }[table]
    base.execute(
        f"DELETE FROM {table} WHERE ({identity}) IN ("
        f"SELECT {identity} FROM {table} WHERE {column} < ? ORDER BY {column} LIMIT ?)",
        (2**63 - 1 if before_us is None else before_us, _ROWS),
    )
    return base.changes()


def _containers(base: apsw.Connection) -> int:
    """Names of containers that no process record needs."""
    base.execute(
        "DELETE FROM container WHERE NOT EXISTS ("
        "SELECT 1 FROM process WHERE process.container = container.number)"
    )
    return base.changes()


def _inspections(base: apsw.Connection, before_us: int) -> int:
    """Of containers of which nothing was read since."""
    base.execute(
        "DELETE FROM inspection WHERE rowid IN (SELECT inspection.rowid FROM inspection "
        "LEFT JOIN subject ON subject.engine_id = inspection.engine_id "
        "AND subject.kind = 'container' AND subject.id = container_id "
        "WHERE at_us < ?1 AND coalesce(last_us, 0) < ?1 LIMIT ?2)",
        (before_us, _ROWS),
    )
    return base.changes()


def _subjects(base: apsw.Connection, before_us: int, alive: frozenset[int]) -> list[int]:
    """Subjects of which nothing is kept any more."""
    oldest = one(base, "SELECT min(first_us) FROM segment")[0]
    limit = before_us if oldest is None else min(oldest, before_us)
    rows = every(base, "SELECT number FROM subject WHERE last_us < ?", (limit,))
    gone = [number for (number,) in rows if number not in alive]
    base.executemany("DELETE FROM subject WHERE number = ?", [(number,) for number in gone])
    return gone


def _hand_back(base: apsw.Connection) -> None:
    pages = free_pages(base)
    if pages > max(_SPARE_PAGES, int(base.pragma("page_count")) // 8):
        # Each step of this statement frees one page: it must be read to its end.
        every(base, f"PRAGMA incremental_vacuum({_VACUUM_PAGES})")
