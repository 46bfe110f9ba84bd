"""Lines in blocks. Each append is an open block of its container; 64 KB of them become one that is
sealed: compressed, and its words listed. So a line costs a fifth of its text on the disk, and what
is searched most, the newest, is not compressed at all."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, NamedTuple

import apsw
import msgspec

from tabib.model.kept_log import KeptLine
from tabib.stores.logs.words import Search, words_of
from tabib.stores.rows import every, one, to_us

SEAL_BYTES = 64 * 1024
LINE_BYTES = 32
"""What a line counts beside its text, so that empty lines are bounded too."""
_LEVEL = 6
STREAMS = ("stdout", "stderr", "tabib")

MIGRATIONS = (
    """
    CREATE TABLE container (
        number INTEGER PRIMARY KEY,
        engine_id TEXT NOT NULL,
        container_id TEXT NOT NULL,
        last_us INTEGER NOT NULL,
        UNIQUE (engine_id, container_id)
    );
    CREATE TABLE block (
        id INTEGER PRIMARY KEY,
        container INTEGER NOT NULL,
        first_us INTEGER NOT NULL,
        last_us INTEGER NOT NULL,
        bytes INTEGER NOT NULL,
        sealed INTEGER NOT NULL,
        data BLOB NOT NULL
    );
    CREATE INDEX block_of ON block (container, last_us, bytes);
    CREATE INDEX block_time ON block (last_us, bytes);
    CREATE INDEX block_open ON block (container, bytes) WHERE sealed = 0;
    CREATE VIRTUAL TABLE words USING fts5 (
        listed, content='', contentless_delete=1, detail=none, tokenize='ascii'
    );
    CREATE TABLE pattern (
        container INTEGER NOT NULL,
        template TEXT NOT NULL,
        level TEXT NOT NULL,
        example TEXT NOT NULL,
        count INTEGER NOT NULL,
        first_us INTEGER NOT NULL,
        last_us INTEGER NOT NULL,
        PRIMARY KEY (container, template)
    ) WITHOUT ROWID;
    CREATE INDEX pattern_time ON pattern (last_us);
    """,
)


class Row(NamedTuple):
    """A line within its container. ``us``: microseconds since 1970."""

    us: int
    stream: int
    text: str


@dataclass(frozen=True, slots=True)
class Stretch:
    """Where a block is and what time it covers."""

    id: int
    container: int
    first_us: int
    last_us: int


_Packed = tuple[list[int], bytes, str]
"""Times as differences to the one before, streams, lines."""
_decoder = msgspec.msgpack.Decoder(_Packed)


def to_row(line: KeptLine) -> Row:
    stream = STREAMS.index(line.stream) if line.stream in STREAMS else 0
    # Lone surrogates cannot be stored, and a line end would make two of one.
    text = line.text if line.text.isascii() else line.text.encode("utf-8", "replace").decode()
    return Row(to_us(line.at), stream, text.replace("\n", " "))


def size_of(rows: Iterable[Row]) -> int:
    return sum(len(row.text.encode()) + LINE_BYTES for row in rows)


def pack(rows: Sequence[Row], *, seal: bool) -> bytes:
    times, before = [], 0
    for row in rows:
        times.append(row.us - before)
        before = row.us
    texts = "\n".join(row.text for row in rows)
    packed: _Packed = (times, bytes(row.stream for row in rows), texts)
    data = msgspec.msgpack.encode(packed)
    return zlib.compress(data, _LEVEL) if seal else data


def unpack(data: bytes, sealed: bool) -> Iterator[Row]:
    steps, streams, texts = _decoder.decode(zlib.decompress(data) if sealed else data)
    return map(Row, accumulate(steps), streams, texts.split("\n"))


def matching(data: bytes, sealed: bool, wanted: Search) -> list[tuple[int, Row]]:
    """Lines that match, each with its place in the block."""
    steps, streams, texts = _decoder.decode(zlib.decompress(data) if sealed else data)
    if not wanted.may_match(texts):
        return []
    times = list(accumulate(steps))
    return [
        (place, Row(times[place], streams[place], text))
        for place, text in enumerate(texts.split("\n"))
        if wanted.matches(text)
    ]


def number_of(base: apsw.Connection, engine_id: str, container_id: str) -> int:
    """The container's number; given now where it has none."""
    key = (engine_id, container_id)
    base.execute(
        "INSERT INTO container (engine_id, container_id, last_us) VALUES (?, ?, 0) "
        "ON CONFLICT DO NOTHING",
        key,
    )
    return int(
        one(base, "SELECT number FROM container WHERE engine_id = ? AND container_id = ?", key)[0]
    )


def add(base: apsw.Connection, container: int, rows: Sequence[Row], limit_bytes: int) -> None:
    """Add lines to a container, seal what is enough for it, and let its oldest lines go."""
    start = 0
    for end in _cuts(rows):
        _insert(base, container, rows[start:end], sealed=False)
        start = end
        (open_bytes,) = one(
            base, "SELECT sum(bytes) FROM block WHERE container = ? AND sealed = 0", (container,)
        )
        if open_bytes >= SEAL_BYTES:
            _seal(base, container)
    newest = max((row.us for row in rows if STREAMS[row.stream] != "tabib"), default=0)
    base.execute(
        "UPDATE container SET last_us = max(last_us, ?) WHERE number = ?", (newest, container)
    )
    _bound(base, container, limit_bytes)


def _cuts(rows: Sequence[Row]) -> Iterable[int]:
    """Ends of slices of about a block each."""
    size = 0
    for index, row in enumerate(rows):
        size += len(row.text) + LINE_BYTES
        if size >= SEAL_BYTES:
            yield index + 1
            size = 0
    if size:
        yield len(rows)


def _insert(base: apsw.Connection, container: int, rows: Sequence[Row], *, sealed: bool) -> int:
    base.execute(
        "INSERT INTO block (container, first_us, last_us, bytes, sealed, data) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        (
            container,
            min(row.us for row in rows),
            max(row.us for row in rows),
            size_of(rows),
            sealed,
            pack(rows, seal=sealed),
        ),
    )
    return base.last_insert_rowid()


def _seal(base: apsw.Connection, container: int) -> None:
    found = every(
        base,
        "DELETE FROM block WHERE container = ? AND sealed = 0 RETURNING id, data",
        (container,),
    )
    rows = [row for _, data in sorted(found) for row in unpack(data, False)]
    number = _insert(base, container, rows, sealed=True)
    base.execute(
        "INSERT INTO words (rowid, listed) VALUES (?, ?)",
        (number, " ".join(words_of(row.text for row in rows))),
    )


def _bound(base: apsw.Connection, container: int, limit_bytes: int) -> None:
    (size,) = one(base, "SELECT total(bytes) FROM block WHERE container = ?", (container,))
    if size <= limit_bytes:
        return
    oldest = every(
        base, "SELECT id, bytes FROM block WHERE container = ? ORDER BY last_us, id", (container,)
    )
    remove(base, _until_within(oldest, size - limit_bytes))


def _until_within(blocks: Iterable[Any], excess: float) -> list[int]:
    gone: list[int] = []
    for number, size in blocks:
        if excess <= 0:
            break
        gone.append(number)
        excess -= size
    return gone


def oldest_beyond(base: apsw.Connection, limit_bytes: int, at_once: int) -> list[int]:
    """The oldest blocks that must go, of all containers, until there is no more than that."""
    (size,) = one(base, "SELECT total(bytes) FROM block")
    if size <= limit_bytes:
        return []
    query = "SELECT id, bytes FROM block ORDER BY last_us, id LIMIT ?"
    return _until_within(every(base, query, (at_once,)), size - limit_bytes)


def remove(base: apsw.Connection, blocks: Sequence[int]) -> int:
    """Remove blocks and their words; how many."""
    for number in blocks:
        base.execute("DELETE FROM words WHERE rowid = ?", (number,))
        base.execute("DELETE FROM block WHERE id = ?", (number,))
    return len(blocks)
