"""Single readings, as they were made: as far as they are kept raw."""

from __future__ import annotations

from array import array
from collections.abc import Iterator

import apsw

from tabib.decide.rollup import ABSENT, QUARTER_US
from tabib.model.sample import Values
from tabib.stores.rows import every
from tabib.stores.series.charting import Question
from tabib.stores.series.codec import Chunk
from tabib.stores.series.keys import chunk_key, first_key, subject_of
from tabib.stores.series.layouts import Layout
from tabib.stores.series.reading import Sealed, sealed_among, segments, snapshot, times_of

_BEFORE_US = 60_000_000


def samples(base: apsw.Connection, question: Question) -> list[tuple[int, Values]]:
    """Times and values of the one subject within the time, in order of arrival."""
    return [
        (time, _values(columns, row))
        for _, times, columns in _rows(base, question)
        for row, time in enumerate(times)
        if question.since_us <= time <= question.until_us
    ]


def at(base: apsw.Connection, question: Question) -> dict[int, tuple[int, Values]]:
    """Number → time and values of the last reading within the minute before ``until_us``."""
    found: dict[int, tuple[int, Values]] = {}
    last = question.until_us
    for number, times, columns in _rows(base, question):
        for row in range(len(times) - 1, -1, -1):
            if last - _BEFORE_US <= times[row] <= last:
                found[number] = times[row], _values(columns, row)
                break
    return found


def _values(columns: list[array[int]], row: int) -> Values:
    return tuple(None if column[row] == ABSENT else column[row] for column in columns)


def _rows(
    base: apsw.Connection, question: Question
) -> Iterator[tuple[int, array[int], list[array[int]]]]:
    """Number, times and columns in today's order, segment by segment."""
    with snapshot(base):
        for sealed in segments(base, question.since_us, question.until_us):
            if sealed.has_raw:
                yield from _sealed(base, sealed, question)
        gone = sealed_among(base, question.unsealed)
    for segment in question.unsealed:
        near = question.since_us - QUARTER_US < segment.quarter_us <= question.until_us
        for entry in question.entries if near and segment.seq not in gone else ():
            part = segment.part(entry.number, question.layouts.current[entry.subject.kind])
            if part is not None:
                yield entry.number, part.times, part.columns()


def _sealed(
    base: apsw.Connection, sealed: Sealed, question: Question
) -> Iterator[tuple[int, array[int], list[array[int]]]]:
    asked = {entry.number for entry in question.entries}
    lowest, highest = first_key(sealed.seq), first_key(sealed.seq + 1) - 1
    if len(asked) == 1:
        lowest = highest = chunk_key(sealed.seq, *asked)
    ticks = times_of(base, sealed.seq)
    query = "SELECT key, layout, body FROM raw WHERE key BETWEEN ? AND ?"
    for key, layout_id, body in every(base, query, (lowest, highest)):
        if subject_of(key) in asked:
            chunk, old = Chunk(body), question.layouts.by_id[layout_id]
            times = array("q", map(ticks.__getitem__, chunk.column(0)))
            yield subject_of(key), times, _moved(chunk, old, question.layouts.current[old.kind])


def _moved(chunk: Chunk, old: Layout, new: Layout) -> list[array[int]]:
    """Columns in the order of today's layout."""
    places = (old.places.get(column.name) for column in new.columns)
    nothing = array("q", [ABSENT]) * chunk.rows
    return [nothing if one is None else chunk.column(1 + one) for one in places]
