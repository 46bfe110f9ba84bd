"""Ticks on the disk: written as they come, read at a restart, gone once they are sealed."""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Sequence

import apsw

from tabib.model.errors import StateUnusable
from tabib.stores.rows import every, one
from tabib.stores.series import layouts, subjects
from tabib.stores.series.codec import Chunk
from tabib.stores.series.head import Head, Tick
from tabib.stores.series.keys import first_key, subject_of

_LEVEL = 1
_CARRY_US = 3600 * 1_000_000


def insert(base: apsw.Connection, ticks: Sequence[Tick]) -> None:
    """Write them; those that are there already are written again."""
    for tick in ticks:
        subjects.upsert(base, tick.subjects)
    base.executemany(
        "INSERT OR REPLACE INTO tick (seq, segment, at_us, body) VALUES (?, ?, ?, ?)",
        [(tick.seq, tick.segment, tick.at_us, zlib.compress(tick.body, _LEVEL)) for tick in ticks],
    )


def load(base: apsw.Connection) -> Head:
    """The head as the ticks tell it.

    :raises StateUnusable: code ``damaged``.
    """
    newest = one(base, "SELECT coalesce(max(seq), 0) FROM segment")[0]
    oldest = one(base, "SELECT min(segment), min(at_us), max(seq) FROM tick")
    head = Head(
        layouts.load(base), subjects.load(base), segment=newest + 1, tick=(oldest[2] or 0) + 1
    )
    if oldest[0] is not None:
        _carry(base, head, *oldest[:2])
        replay(base, head, "SELECT segment, at_us, body FROM tick ORDER BY seq")
    return head


def replay(base: apsw.Connection, head: Head, query: str, values: Sequence[int] = ()) -> None:
    """Give the ticks that ``query`` finds to ``head``.

    :raises StateUnusable: code ``damaged``.
    """
    for segment, at_us, body in base.execute(query, tuple(values)):
        try:
            head.replay(segment, at_us, zlib.decompress(body))
        except (zlib.error, KeyError) as error:
            raise StateUnusable(
                f"a tick cannot be read: {error}",
                attempted="read the newest samples",
                target="the series",
                details={"code": "damaged"},
            ) from error


def _carry(base: apsw.Connection, head: Head, segment: int, at_us: int) -> None:
    """The last readings before the oldest tick, from the chunks of the segment before it."""
    found = one(
        base,
        "SELECT seq, times FROM segment WHERE seq < ? AND has_raw AND last_us BETWEEN ? AND ? "
        "ORDER BY seq DESC LIMIT 1",
        (segment, at_us - _CARRY_US, at_us),
    )
    if found is None:
        return
    seq, times = found[0], Chunk(found[1]).column(0)
    for key, layout_id, body in every(
        base,
        "SELECT key, layout, body FROM raw WHERE key >= ? AND key < ?",
        (first_key(seq), first_key(seq + 1)),
    ):
        entry = head.subjects.by_number.get(subject_of(key))
        if entry is not None:
            chunk = Chunk(body)
            columns = [chunk.column(place)[-1] for place in range(chunk.width)]
            packed = array("q", columns[1:]).tobytes()
            entry.last = head.moved(packed, head.layouts.by_id[layout_id])
            entry.last_us = times[columns[0]]
