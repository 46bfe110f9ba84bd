"""Changes to the kept lines; each runs on the writer thread, within a transaction, and may run
twice."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import apsw

from tabib.model.kept_log import KeptLine, LogPattern
from tabib.model.sample import Retention
from tabib.stores.logs.blocks import add, number_of, oldest_beyond, remove, to_row
from tabib.stores.rows import one, to_us

_AT_ONCE = 64
"""Blocks in one transaction: a longer one would keep appends waiting."""
_PATTERNS_PER_CONTAINER = 500
_FREED_PAGES = 512


def write_lines(base: apsw.Connection, lines: Iterable[KeptLine], retention: Retention) -> None:
    by_container: dict[tuple[str, str], list[KeptLine]] = defaultdict(list)
    for line in lines:
        by_container[line.engine_id, line.container_id].append(line)
    for (engine_id, container_id), some in by_container.items():
        number = number_of(base, engine_id, container_id)
        add(base, number, [to_row(line) for line in some], retention.log_bytes_per_container)
    remove(base, oldest_beyond(base, retention.log_bytes, _AT_ONCE))


def write_patterns(base: apsw.Connection, patterns: Iterable[LogPattern]) -> None:
    touched = set()
    for pattern in patterns:
        number = number_of(base, pattern.engine_id, pattern.container_id)
        touched.add(number)
        texts = [
            part.encode("utf-8", "replace").decode() for part in (pattern.template, pattern.example)
        ]
        base.execute(
            "INSERT INTO pattern VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO UPDATE SET "
            "count = count + ?5, first_us = min(first_us, ?6), last_us = max(last_us, ?7)",
            (
                number,
                texts[0],
                pattern.level,
                texts[1],
                pattern.count,
                to_us(pattern.first_at),
                to_us(pattern.last_at),
            ),
        )
    for number in touched:
        base.execute(
            "DELETE FROM pattern WHERE container = ?1 AND template IN (SELECT template FROM "
            "pattern WHERE container = ?1 ORDER BY last_us DESC LIMIT -1 OFFSET ?2)",
            (number, _PATTERNS_PER_CONTAINER),
        )


def prune_some(base: apsw.Connection, since_us: int, retention: Retention) -> int:
    """Let some go of what is older than that, or too much; how many rows went."""
    old = base.execute(
        "SELECT id FROM block WHERE last_us < ? ORDER BY last_us LIMIT ?", (since_us, _AT_ONCE)
    )
    gone = remove(base, [row[0] for row in old])
    gone = gone or remove(base, oldest_beyond(base, _text_limit(base, retention), _AT_ONCE))
    base.execute("DELETE FROM pattern WHERE last_us < ?", (since_us,))
    gone += base.changes()
    base.execute(
        "DELETE FROM container WHERE last_us < ? AND number NOT IN (SELECT container FROM block) "
        "AND number NOT IN (SELECT container FROM pattern)",
        (since_us,),
    )
    gone += base.changes()
    base.execute(f"PRAGMA incremental_vacuum({_FREED_PAGES})").fetchall()
    return gone


def _text_limit(base: apsw.Connection, retention: Retention) -> int:
    """How much text there may be: less where it takes more on the disk than it is, as what cannot
    be compressed does."""
    (size,) = one(base, "SELECT total(bytes) FROM block")
    pages = base.pragma("page_count") - base.pragma("freelist_count")
    taken = pages * base.pragma("page_size")
    if taken <= retention.log_bytes:
        return retention.log_bytes
    return int(size * retention.log_bytes / taken)
