"""The text of an engine's ``json-file`` log, read into lines of output.

Source: moby, ``daemon/logger/jsonfilelog/jsonlog``: ``{"log":"text\\n","stream":"stdout","time":
"2026-05-04T12:00:00.123456789Z"}``, one a line. A line of output above 16 KB comes in several
records, all but the last without ``\\n``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

JOINED_CHARACTERS = 64 * 1024
"""A longer line is cut here before it is redacted."""
_PART_CHARACTERS = 4096
"""A part has 16 KB, at least so many characters; a shorter text without ``\\n`` is whole: the
program ended."""
_BEGIN = b'{"log":'


class Entry(msgspec.Struct, gc=False):
    """A record as it is written."""

    log: str
    stream: str
    time: datetime


_decoder = msgspec.json.Decoder(Entry)


@dataclass(frozen=True, slots=True)
class Written:
    """A line of output."""

    at: datetime
    stream: str
    text: str


@dataclass(slots=True)
class Joiner:
    """Makes lines of records; keeps the parts of a line whose end has not come yet."""

    unreadable: int = 0
    """Records that nothing could be made of."""
    _parts: dict[str, tuple[datetime, list[str], int]] = field(default_factory=dict)

    def lines(self, data: bytes) -> list[Written]:
        """Lines that ``data`` (whole records) completes."""
        try:
            return self._joined(_decoder.decode_lines(data))
        except (msgspec.DecodeError, UnicodeDecodeError):
            return self._joined(self._salvaged(data.split(b"\n")))

    def rest(self) -> list[Written]:
        """What was begun: nothing more comes."""
        parts, self._parts = self._parts, {}
        return [Written(at, stream, "".join(texts)) for stream, (at, texts, _) in parts.items()]

    def _joined(self, entries: Iterable[Entry]) -> list[Written]:
        result = []
        for entry in entries:
            text, stream = entry.log, entry.stream
            ended = text.endswith("\n")
            if ended and not self._parts:
                result.append(Written(entry.time, stream, text[:-1].rstrip("\r")))
                continue
            at, texts, size = self._parts.pop(stream, (entry.time, [], 0))
            if size < JOINED_CHARACTERS:
                texts.append(text)
            size += len(text)
            if ended or len(text) < _PART_CHARACTERS:
                whole = "".join(texts).rstrip("\n").rstrip("\r")
                result.append(Written(at, stream, whole))
            else:
                self._parts[stream] = (at, texts, size)
        return result

    def _salvaged(self, records: Iterable[bytes]) -> Iterator[Entry]:
        """Each for itself: an engine that was killed leaves half records, a disk holes."""
        for record in records:
            record = record.strip(b"\0 \r")
            if not record:
                continue
            entry = _decoded(record) or _decoded(record[max(0, record.rfind(_BEGIN)) :])
            if entry is None:
                self.unreadable += 1
            else:
                yield entry


def _decoded(record: bytes) -> Entry | None:
    try:
        return _decoder.decode(record.decode("utf-8", "replace"))
    except (msgspec.DecodeError, UnicodeError):
        return None
