"""One reading of all logs: who is read, how much, and what is left out of a flood."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from tabib.decide.json_lines import Written
from tabib.decide.redact import Redactor
from tabib.host.json_log import JsonLog
from tabib.model.kept_log import KeptLine
from tabib.operations.monitor.followed import Followed

log = structlog.get_logger("tabib.logs")

READ_BYTES = 256 * 1024
"""Of one container in one reading."""
READ_ALL_BYTES = 2 * 1024 * 1024
"""Of all together: who comes late is first the next time."""
READ_S = 0.25
"""Nobody's turn begins later than this after the reading began: lines full of errors take more."""
BEHIND_BYTES = 4 * 1024 * 1024
"""Who is further behind than this will not be read whole: only the newest counts."""
LAST_BYTES = 1024 * 1024
"""Of a container that ended, at once."""
FIRST_BYTES = 1024 * 1024
"""Of a log that was there before anybody followed it."""


@dataclass(slots=True)
class Reader:
    """Reads in turns. Blocks: call it in a thread."""

    _first: int = 0
    _alone: threading.Lock = field(default_factory=threading.Lock)

    def read(self, followed: Sequence[tuple[Followed, Redactor]], now: datetime) -> list[KeptLine]:
        """New lines of all, each container's in order."""
        with self._alone:
            lines: list[KeptLine] = []
            left, count = READ_ALL_BYTES, len(followed)
            start, until = self._first, time.perf_counter() + READ_S
            for place in range(start, start + count):
                one, redactor = followed[place % count]
                if left <= 0 or time.perf_counter() > until:
                    self._first = place % count
                    break
                try:
                    reading = _Reading(one, redactor, min(READ_BYTES, left), now)
                    lines += reading.stream() if one.file is None else reading.file(one.file)
                    left -= reading.read_bytes
                except OSError as error:
                    log.warning("logs.not_read", container=one.name, why=str(error))
            return lines


@dataclass(slots=True)
class _Reading:
    """One container's share."""

    one: Followed
    redactor: Redactor
    limit_bytes: int
    now: datetime
    read_bytes: int = 0

    def file(self, file: JsonLog) -> list[KeptLine]:
        one = self.one
        note = self._placed(file)
        unread = file.unread_bytes()
        behind, keep = BEHIND_BYTES, READ_BYTES
        if one.died or one.gone:
            # Its last words are wanted now.
            behind = keep = self.limit_bytes = LAST_BYTES
        if unread > behind:
            skipped = file.start_before_end(keep)
            one.joiner.rest()
            note = f"{skipped} bytes of output were skipped here: more came than could be read"
        written: list[Written] = []
        while unread and self.read_bytes < self.limit_bytes:
            data = file.read(self.limit_bytes - self.read_bytes, final=one.gone)
            if not data:
                break
            self.read_bytes += len(data)
            written += one.joiner.lines(data)
        if one.gone and file.unread_bytes() == 0:
            written += one.joiner.rest()
        if one.joiner.unreadable:
            note = note or f"{one.joiner.unreadable} records of the engine's log were unreadable"
            one.joiner.unreadable = 0
        return self._with_note(written, note)

    def stream(self) -> list[KeptLine]:
        stream = self.one.stream
        if stream is None:
            return []
        written = stream.take()
        self.read_bytes = sum(len(line.text) for line in written)
        note = ""
        if stream.skipped and written:
            stream.skipped = False
            note = "output was skipped here: more came than could be read"
        return self._with_note(written, note)

    def _placed(self, file: JsonLog) -> str:
        """At first: begin near the end of what was there before; a note where that leaves a gap."""
        if self.one.placed:
            return ""
        self.one.placed = True
        file.unread_bytes()
        skipped = file.start_before_end(BEHIND_BYTES if self.one.resumed else FIRST_BYTES)
        if skipped and self.one.resumed:
            return f"output may be missing here: up to {skipped} bytes came while nobody read"
        return ""

    def _with_note(self, written: Sequence[Written], note: str) -> list[KeptLine]:
        if not note:
            return self.one.take(written, self.redactor) if written else []
        # A note stands at the time of what follows it: it is never newer than what is still unread.
        told = self.one.note(note, written[0].at if written else self.now)
        return [told, *self.one.take(written, self.redactor)]
