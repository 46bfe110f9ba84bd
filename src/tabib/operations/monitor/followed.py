"""One container whose output is followed: from what was read to lines that may be kept."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from tabib.decide.json_lines import Joiner, Written
from tabib.decide.log_patterns import LogPatterns
from tabib.decide.redact import Redactor
from tabib.host.json_log import JsonLog
from tabib.model.kept_log import KeptLine
from tabib.operations.monitor.log_stream import LogStream

TAIL_LINES = 200
LINE_CHARACTERS = 16 * 1024
_KEY_BEGIN = "-----BEGIN "
_KEY_END = "-----END "
_KEY_LINES = 256
"""A longer one is none: a program only spoke of how keys begin. RSA with 16384 bits has 195."""
_OVERLAP = timedelta(seconds=1)
"""Lines of both streams may stand in the file a little out of order."""
_FIRST = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(slots=True)
class Followed:
    """A container's source, and what is known of its output. Only one thread at a time uses it."""

    engine_id: str
    container_id: str
    name: str
    driver: str = ""
    path: str = ""
    file: JsonLog | None = None
    stream: LogStream | None = None
    fresh: bool = True
    """Nothing was read yet: where to begin is still to be said."""
    placed: bool = False
    """The place in the file was found from which on it is read."""
    gone: bool = False
    looks_since_gone: int = 0
    died: bool = False
    """It ended: its patterns are written soon."""
    joiner: Joiner = field(default_factory=Joiner)
    patterns: LogPatterns = field(default_factory=LogPatterns)
    tail: deque[KeptLine] = field(default_factory=lambda: deque(maxlen=TAIL_LINES))
    last_at: datetime = _FIRST
    _known: Counter[tuple[datetime, str]] = field(default_factory=Counter)
    _known_until: datetime = _FIRST
    _new_from: datetime = _FIRST
    _open_key: str = ""
    """The first line of a private key whose end has not come yet."""
    _key_lines: int = 0

    def resume(self, kept: Sequence[KeptLine], limit: int) -> None:
        """Go on after what is kept already: its newest lines, at most ``limit``."""
        self.tail.extend(kept[-TAIL_LINES:])
        own = [line for line in kept if line.stream != "tabib"]
        if not own:
            return
        self.last_at = self._known_until = own[-1].at
        self._new_from = own[-1].at - _OVERLAP
        if len(kept) >= limit:
            self._new_from = max(self._new_from, kept[0].at + _MICROSECOND)
        self._known = Counter((line.at, line.stream) for line in own if line.at >= self._new_from)

    @property
    def resumed(self) -> bool:
        """Whether an earlier daemon kept some of it."""
        return self._known_until > _FIRST

    def take(self, written: Sequence[Written], redactor: Redactor) -> list[KeptLine]:
        """Those that are new, redacted; counted as patterns and remembered."""
        new = [one for one in written if self._is_new(one)]
        texts = self._redacted([one.text for one in new], redactor)
        lines = [
            KeptLine(
                engine_id=self.engine_id,
                container_id=self.container_id,
                at=one.at,
                stream=one.stream,
                # Cut last: half a secret would not be known for one.
                text=text[:LINE_CHARACTERS],
            )
            for one, text in zip(new, texts, strict=True)
        ]
        if lines:
            self.last_at = lines[-1].at
            self.patterns.feed(lines)
            self.tail.extend(lines)
        return lines

    def note(self, text: str, at: datetime) -> KeptLine:
        """A line of our own: something was left out here."""
        line = KeptLine(
            engine_id=self.engine_id,
            container_id=self.container_id,
            at=at,
            stream="tabib",
            text=text,
        )
        self.tail.append(line)
        return line

    def close(self) -> None:
        if self.file is not None:
            self.file.close()
            self.file = None
        if self.stream is not None:
            self.stream.stop()

    def _is_new(self, one: Written) -> bool:
        if one.at > self._known_until:
            return True
        if one.at < self._new_from:
            return False
        key = (one.at, one.stream)
        if self._known[key] > 0:
            self._known[key] -= 1
            return False
        return True

    def _redacted(self, texts: list[str], redactor: Redactor) -> list[str]:
        """A private key that began in an earlier reading is hidden up to its end."""
        if self._key_lines > _KEY_LINES:
            self._open_key = ""
        begun = [self._open_key] if self._open_key else []
        joined = [*begun, *texts]
        begins = [at for at, text in enumerate(joined) if _KEY_BEGIN in text]
        if begins:
            last = joined[begins[-1] :]
            last[0] = last[0][last[0].rindex(_KEY_BEGIN) :]
            closed = any(_KEY_END in text for text in last)
            self._key_lines = len(last) - 1 + (self._key_lines if begun and not begins[-1] else 0)
            self._open_key = "" if closed or "PRIVATE KEY" not in last[0] else last[0]
        return redactor.quick_lines(joined)[len(begun) :]
