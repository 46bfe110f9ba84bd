"""Pages of a trace buffer, and the fields of its events by their ``format`` files.

Source: ``linux/ring_buffer.h``, ``kernel/trace/ring_buffer.c``; ``events/header_page`` and the
``format`` files tell where fields stand.
"""

from __future__ import annotations

import re
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass

_FIELD = re.compile(
    r"^\s*field:(?P<type>.*?)(?P<name>\w+)(?:\[\d*\])?;\s*offset:(?P<offset>\d+);"
    r"\s*size:(?P<size>\d+);\s*signed:(?P<signed>\d);",
    re.MULTILINE,
)
_ID = re.compile(r"^ID: (\d+)$", re.MULTILINE)
_PADDING, _TIME_EXTEND, _TIME_STAMP = 29, 30, 31
_MISSED = 1 << 31
"""The writer overtook the reader before this page."""
_LENGTH_MASK = (1 << 20) - 1
_DELTA_BITS = 27

_word = struct.Struct("=I")
_stamp = struct.Struct("=Q")


@dataclass(frozen=True, slots=True)
class Field:
    offset: int
    size: int
    signed: bool
    text: bool
    located: bool
    """``__data_loc``: a word that tells offset (low half) and length of what it stands for."""


@dataclass(frozen=True, slots=True)
class Format:
    """One event's id and fields."""

    id: int
    fields: dict[str, Field]


@dataclass(frozen=True, slots=True)
class PageLayout:
    commit_at: int
    commit_bytes: int
    data_at: int
    size: int
    """Of the whole page: what one read asks for."""


def parse_format(text: str) -> Format:
    """A ``format`` file. :raises ValueError: it has no id."""
    number = _ID.search(text)
    if number is None:
        raise ValueError("an event's format without an id")
    fields = {}
    for found in _FIELD.finditer(text):
        kind = found["type"].strip()
        fields[found["name"]] = Field(
            offset=int(found["offset"]),
            size=int(found["size"]),
            signed=found["signed"] == "1",
            text=(kind.endswith("char") and int(found["size"]) > 1) or "char[]" in kind,
            located="__data_loc" in kind,
        )
    return Format(int(number[1]), fields)


def parse_header_page(text: str) -> PageLayout:
    """The ``header_page`` file. :raises ValueError: a field is not there."""
    fields = {one["name"]: (int(one["offset"]), int(one["size"])) for one in _FIELD.finditer(text)}
    try:
        commit, data = fields["commit"], fields["data"]
    except KeyError as error:
        raise ValueError(f"header_page without {error}") from error
    return PageLayout(commit[0], commit[1], data[0], data[0] + data[1])


def integer(record: bytes, field: Field) -> int:
    part = record[field.offset : field.offset + field.size]
    return int.from_bytes(part, sys.byteorder, signed=field.signed)


def text(record: bytes, field: Field) -> str:
    if field.located:
        (where,) = _word.unpack_from(record, field.offset)
        start, length = where & 0xFFFF, where >> 16
    else:
        start, length = field.offset, field.size
    return record[start : start + length].split(b"\0", 1)[0].decode(errors="replace")


def missed(page: bytes, layout: PageLayout) -> bool:
    """Whether events were overwritten before this page was read."""
    return bool(_word.unpack_from(page, layout.commit_at)[0] & _MISSED)


def records(page: bytes, layout: PageLayout) -> Iterator[tuple[int, bytes]]:
    """Time in nanoseconds of the instance's clock, and content, of each event in a page."""
    (at_ns,) = _stamp.unpack_from(page, 0)
    (commit,) = _word.unpack_from(page, layout.commit_at)
    start = layout.data_at
    end = min(start + (commit & _LENGTH_MASK), len(page))
    while start + 4 <= end:
        (head,) = _word.unpack_from(page, start)
        kind, delta = head & 31, head >> 5
        if kind == _PADDING:
            if not delta:
                return
            start += 4 + _word.unpack_from(page, start + 4)[0]
            at_ns += delta
        elif kind in (_TIME_EXTEND, _TIME_STAMP):
            whole = (_word.unpack_from(page, start + 4)[0] << _DELTA_BITS) + delta
            at_ns = at_ns + whole if kind == _TIME_EXTEND else _absolute(whole, at_ns)
            start += 8
        else:
            at_ns += delta
            # Without a length in the head, the next word holds it, itself included.
            begin = start + (4 if kind else 8)
            length = kind * 4 if kind else _word.unpack_from(page, start + 4)[0] - 4
            yield at_ns, page[begin : begin + length]
            start = begin + ((length + 3) & ~3)


def _absolute(stamp: int, before: int) -> int:
    """An absolute stamp has 59 bits; the highest five are those of the time before."""
    return (before & ~((1 << 59) - 1)) | stamp
