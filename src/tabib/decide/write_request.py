"""Families as a Prometheus ``WriteRequest``, in protobuf's encoding.

Sources: Prometheus remote write 1.0, prompb/types.proto and remote.proto; protobuf.dev, encoding.
Four messages with six fields: ``WriteRequest {repeated TimeSeries timeseries = 1}``,
``TimeSeries {repeated Label labels = 1; repeated Sample samples = 2}``, ``Label {string name = 1;
string value = 2}``, ``Sample {double value = 1; int64 timestamp = 2}``.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping

from tabib.decide.exposition import Family

_NAME = "__name__"
_BYTES_1, _BYTES_2, _DOUBLE_1, _VARINT_2 = b"\x0a", b"\x12", b"\x09", b"\x10"
"""Tags: the field's number and how its value is written."""


def write_request(families: Iterable[Family], at_ms: int, more: Mapping[str, str]) -> bytes:
    """The message. ``at_ms``: when all of it was read, since the epoch; ``more``: labels of every
    series (``job``, ``instance``). Labels are in order of their names, empty ones left out, as
    receivers demand."""
    time = _VARINT_2 + _varint(at_ms)
    parts: list[bytes] = []
    known: dict[tuple[str, str], bytes] = {}
    for family in families:
        for sample in family.samples:
            pairs = {**dict(zip(family.labels, sample.labels, strict=True)), **more}
            pairs[_NAME] = family.full_name
            labels = b"".join(_label(pair, known) for pair in sorted(pairs.items()) if pair[1])
            value = _DOUBLE_1 + struct.pack("<d", sample.value) + time
            parts.append(_field(_BYTES_1, labels + _field(_BYTES_2, value)))
    return b"".join(parts)


def _label(pair: tuple[str, str], known: dict[tuple[str, str], bytes]) -> bytes:
    found = known.get(pair)
    if found is None:
        name, value = (text.encode("utf-8", "replace") for text in pair)
        found = _field(_BYTES_1, _field(_BYTES_1, name) + _field(_BYTES_2, value))
        known[pair] = found
    return found


def _field(tag: bytes, content: bytes) -> bytes:
    return tag + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    """Seven bits a byte, the lowest first; a negative one as 64 bits of its complement."""
    number &= (1 << 64) - 1
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
