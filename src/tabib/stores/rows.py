"""Between nouns and what a row holds: instants as microseconds, bodies as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import apsw
import msgspec

from tabib.model.codec import decode
from tabib.model.errors import Bug, StateUnusable

T = TypeVar("T")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def one(connection: apsw.Connection, query: str, values: Sequence[Any] = ()) -> Any:
    """The first row, or None. Columns come back as they were put in: the tables are our own."""
    return connection.execute(query, tuple(values)).fetchone()


def every(connection: apsw.Connection, query: str, values: Sequence[Any] = ()) -> list[Any]:
    """All rows."""
    return connection.execute(query, tuple(values)).fetchall()


def to_us(instant: datetime) -> int:
    """Microseconds since 1970 UTC, exact.

    :raises Bug: ``instant`` is naive.
    """
    if instant.tzinfo is None:
        raise Bug(f"{instant.isoformat()} has no time zone", attempted="store an instant")
    return (instant - _EPOCH) // _MICROSECOND


def from_us(microseconds: int) -> datetime:
    """The aware UTC instant; the inverse of :func:`to_us`."""
    return _EPOCH + timedelta(microseconds=microseconds)


def noun(body: bytes, kind: type[T]) -> T:
    """The noun that a body holds.

    :raises StateUnusable: code ``damaged``; the body does not fit ``kind``.
    """
    try:
        return decode(body, kind)
    except msgspec.MsgspecError as error:
        raise StateUnusable(
            f"a stored {kind.__name__} cannot be read: {error}",
            attempted="read",
            target="the journal",
            advice="Report this with the version of tabib that wrote it (`tabib version`).",
            details={"code": "damaged"},
        ) from error
