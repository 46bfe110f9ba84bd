"""What could not be written yet: kept in memory, bounded, the oldest let go first and counted."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

from tabib.model.kept_log import KeptLine, LogPattern
from tabib.stores.logs.blocks import LINE_BYTES

LIMIT_BYTES = 4 * 1024 * 1024
_PATTERNS = 2_000

PatternKey = tuple[str, str, str]


def key_of(pattern: LogPattern) -> PatternKey:
    return (pattern.engine_id, pattern.container_id, pattern.template)


def together(first: LogPattern, second: LogPattern) -> LogPattern:
    """Both counts under the first one's example."""
    return replace(
        first,
        count=first.count + second.count,
        first_at=min(first.first_at, second.first_at),
        last_at=max(first.last_at, second.last_at),
    )


@dataclass(slots=True)
class Waiting:
    """Batches of lines, and patterns, that wait for the disk. ``dropped``: lines let go."""

    batches: deque[tuple[KeptLine, ...]] = field(default_factory=deque)
    patterns: dict[PatternKey, LogPattern] = field(default_factory=dict)
    dropped: int = 0
    limit_bytes: int = LIMIT_BYTES
    _bytes: int = 0

    def add_lines(self, lines: Sequence[KeptLine]) -> None:
        if lines:
            self.batches.append(tuple(lines))
            self._bytes += _size(lines)
            self._bound()

    def add_patterns(self, patterns: Iterable[LogPattern]) -> None:
        for pattern in patterns:
            known = self.patterns.get(key_of(pattern))
            if known is not None:
                self.patterns[key_of(pattern)] = together(known, pattern)
            elif len(self.patterns) < _PATTERNS:
                self.patterns[key_of(pattern)] = pattern

    def take(self) -> Waiting:
        """All of it, to be written now; nothing is left."""
        taken = Waiting(batches=self.batches, patterns=self.patterns, _bytes=self._bytes)
        self.batches, self.patterns, self._bytes = deque(), {}, 0
        return taken

    def put_back(self, taken: Waiting) -> None:
        """It could not be written: it comes before what was added since."""
        self.batches.extendleft(reversed(taken.batches))
        self._bytes += taken._bytes
        newer, self.patterns = self.patterns, taken.patterns
        self.add_patterns(newer.values())
        self._bound()

    def lines(self) -> Iterable[KeptLine]:
        return chain.from_iterable(self.batches)

    def __bool__(self) -> bool:
        return bool(self.batches or self.patterns)

    def _bound(self) -> None:
        while self._bytes > self.limit_bytes:
            oldest = self.batches.popleft()
            self._bytes -= _size(oldest)
            # One batch that is too much by itself keeps its newest half, until it fits.
            half = () if self.batches else oldest[(len(oldest) + 1) // 2 :]
            self.dropped += len(oldest) - len(half)
            if half:
                self.batches.append(half)
                self._bytes += _size(half)


def _size(lines: Iterable[KeptLine]) -> int:
    return sum(len(line.text) + LINE_BYTES for line in lines)
