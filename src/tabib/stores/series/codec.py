"""Columns of integers as bytes, small: constants once, else differences, by C-level means only.

::

    chunk   = zlib( columns: u32, rows: u32, length of each column: u32 …, column … )
    column  = form: u8, then by form
      CONSTANT  value: i64
      SAME      index of an earlier, equal column: u32
      PLAIN     type code: u8, values
      DELTA     first value: i64, type code: u8, differences to the value before
      SPARSE    one byte a row: whether there is a value; a column of those that are

Values of more than one byte are stored by planes (all low bytes first), which compresses better.
Byte order is the machine's own: a file is read on the kind of machine that wrote it.
"""

from __future__ import annotations

import struct
import zlib
from array import array
from collections.abc import Sequence
from itertools import accumulate
from operator import sub

from tabib.decide.rollup import ABSENT

_CONSTANT, _SAME, _PLAIN, _DELTA, _SPARSE = range(5)
_HEAD = struct.Struct("=II")
_VALUE = struct.Struct("=Bq")
_INDEX = struct.Struct("=BI")
_LIMITS = (("b", 2**7), ("h", 2**15), ("i", 2**31))
_LEVEL = 6


def pack(columns: Sequence[array[int]]) -> bytes:
    """Columns of equal length, at least one row, as a chunk."""
    seen: dict[bytes, int] = {}
    parts: list[bytes] = []
    for index, column in enumerate(columns):
        if column.count(column[0]) == len(column):
            parts.append(_VALUE.pack(_CONSTANT, column[0]))
            continue
        same = seen.setdefault(column.tobytes(), index)
        parts.append(_INDEX.pack(_SAME, same) if same != index else _varying(column))
    lengths = array("I", map(len, parts))
    head = _HEAD.pack(len(columns), len(columns[0]))
    return zlib.compress(b"".join((head, lengths.tobytes(), *parts)), _LEVEL)


def _varying(column: array[int]) -> bytes:
    if ABSENT in column:
        mask = bytes(map(ABSENT.__ne__, column))
        return bytes((_SPARSE,)) + mask + _dense(array("q", filter(ABSENT.__ne__, column)))
    return _dense(column)


def _dense(column: array[int]) -> bytes:
    try:
        differences = array("q", map(sub, column[1:], column))
    except OverflowError:
        return bytes((_PLAIN,)) + _typed(column)
    plain, delta = _typed(column), _typed(differences)
    if len(plain) <= len(delta):
        return bytes((_PLAIN,)) + plain
    return _VALUE.pack(_DELTA, column[0]) + delta


def _typed(values: array[int]) -> bytes:
    """Type code and planes, in the smallest type that holds all."""
    if not values:
        return b"b"
    low, high = min(values), max(values)
    code = next((code for code, limit in _LIMITS if -limit <= low and high < limit), "q")
    small = values if code == "q" else array(code, values)
    size, data = small.itemsize, small.tobytes()
    return code.encode() + b"".join(data[plane::size] for plane in range(size))


class Chunk:
    """A chunk, opened: columns are decoded when they are asked for.

    :raises ValueError: it is not what :func:`pack` made.
    """

    __slots__ = ("_body", "_starts", "rows", "width")

    def __init__(self, blob: bytes) -> None:
        try:
            self._body = zlib.decompress(blob)
            self.width, self.rows = _HEAD.unpack_from(self._body)
        except (zlib.error, struct.error) as error:
            raise ValueError(f"a chunk cannot be read: {error}") from error
        first = _HEAD.size + 4 * self.width
        lengths = array("I", self._body[_HEAD.size : first])
        self._starts = list(accumulate(lengths, initial=first))

    def column(self, index: int) -> array[int]:
        """The values; :data:`ABSENT` where there is none."""
        part = self._body[self._starts[index] : self._starts[index + 1]]
        form = part[0]
        if form == _CONSTANT:
            (value,) = _VALUE.unpack(part)[1:]
            constant = array("q", [int(value)])
            constant *= self.rows
            return constant
        if form == _SAME:
            return self.column(_INDEX.unpack(part)[1])
        if form == _SPARSE:
            mask = part[1 : self.rows + 1]
            dense = iter(_undense(part[self.rows + 1 :]))
            return array("q", [next(dense) if there else ABSENT for there in mask])
        return _undense(part)


def _undense(part: bytes) -> array[int]:
    if part[0] == _PLAIN:
        return _untyped(part[1:])
    first = _VALUE.unpack_from(part)[1]
    return array("q", accumulate(_untyped(part[_VALUE.size :]), initial=first))


def _untyped(part: bytes) -> array[int]:
    values: array[int] = array(chr(part[0]))
    size = values.itemsize
    count = (len(part) - 1) // size
    data = bytearray(count * size)
    for plane in range(size):
        data[plane::size] = part[1 + plane * count : 1 + (plane + 1) * count]
    values.frombytes(bytes(data))
    return values if values.typecode == "q" else array("q", values)
