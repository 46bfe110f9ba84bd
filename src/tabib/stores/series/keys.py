"""Keys of chunks: the segment first, so that what is written and let go together lies together."""

from __future__ import annotations

_SUBJECT_BITS = 24
_COLUMN_BITS = 8


def chunk_key(segment: int, subject: int) -> int:
    """Of tables ``raw`` and ``minute``."""
    return segment << _SUBJECT_BITS | subject


def quarter_key(segment: int, layout: int, column: int) -> int:
    """Of table ``quarter``."""
    return segment << _SUBJECT_BITS | layout << _COLUMN_BITS | column


def first_key(segment: int) -> int:
    """The lowest of a segment, of any table; that of the next segment is above all of this one."""
    return segment << _SUBJECT_BITS


def subject_of(key: int) -> int:
    return key & (1 << _SUBJECT_BITS) - 1
