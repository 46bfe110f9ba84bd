"""Error lines and stack traces of one container, grouped into patterns and counted.

A fold over lines: equal lines in equal order give equal patterns. Lines of stdout and stderr may be
interleaved; each stream's traces are joined by themselves.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from tabib.decide.log_levels import level_of
from tabib.decide.stack_traces import Group, begins_trace
from tabib.model.kept_log import KeptLine, LogPattern

PATTERNS = 300
"""Of one container; what is new beyond is counted together."""
MORE = "(other errors)"
SETTLED = timedelta(seconds=2)
"""A trace whose last line is older is complete."""
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
_RANK = {"": 0, "warning": 1, "error": 2, "fatal": 3}


@dataclass(slots=True)
class _Open:
    group: Group
    first: KeptLine
    last_at: datetime


@dataclass(slots=True)
class _Count:
    """One pattern so far, and what of it is new since the last flush."""

    first: KeptLine
    level: str
    example: str
    count: int = 0
    first_at: datetime = _NEVER
    last_at: datetime = _NEVER
    new: int = 0
    new_from: datetime = _NEVER

    def add(self, level: str, at: datetime) -> None:
        if _RANK[level] > _RANK[self.level]:
            self.level = level
        self.first_at = min(self.first_at, at) if self.count else at
        self.new_from = min(self.new_from, at) if self.new else at
        self.last_at = max(self.last_at, at)
        self.count += 1
        self.new += 1

    def pattern(self, template: str, count: int, first_at: datetime) -> LogPattern:
        return LogPattern(
            engine_id=self.first.engine_id,
            container_id=self.first.container_id,
            template=template,
            level=self.level,
            example=self.example,
            count=count,
            first_at=first_at,
            last_at=self.last_at,
        )


@dataclass(slots=True)
class LogPatterns:
    """What one container's errors look like: :meth:`feed` it lines, :meth:`flush` it at times."""

    _open: dict[str, _Open] = field(default_factory=dict)
    _counts: dict[str, _Count] = field(default_factory=dict)

    def feed(self, lines: Iterable[KeptLine]) -> None:
        """Take lines of this container, in the order in which they came."""
        for line in lines:
            opened = self._open.get(line.stream)
            text = line.text
            if opened is not None:
                if opened.group.takes(text):
                    opened.last_at = line.at
                    continue
                self._close(line.stream)
            level = level_of(text)
            if not level and begins_trace(text):
                level = "error"
            if level and line.stream != "tabib":
                self._open[line.stream] = _Open(Group.begin(text, level), line, line.at)

    def flush(self, now: datetime | None = None) -> list[LogPattern]:
        """What was counted since the last time. ``now``: leave traces open that may not be
        complete yet; None: nothing more comes."""
        for stream in list(self._open):
            if now is None or now - self._open[stream].last_at >= SETTLED:
                self._close(stream)
        new = []
        for template, count in self._counts.items():
            if count.new:
                new.append(count.pattern(template, count.new, count.new_from))
                count.new = 0
        return new

    def all(self) -> list[LogPattern]:
        """Everything that was counted so far, most frequent first."""
        found = [
            count.pattern(name, count.count, count.first_at) for name, count in self._counts.items()
        ]
        return sorted(found, key=lambda one: (-one.count, one.first_at))

    def _close(self, stream: str) -> None:
        opened = self._open.pop(stream)
        group, first = opened.group, opened.first
        level = "error" if group.kind and group.level == "warning" else group.level
        template = group.template
        if template not in self._counts and len(self._counts) >= PATTERNS:
            template = MORE
        count = self._counts.get(template)
        if count is None:
            count = self._counts[template] = _Count(first, level, group.example)
        count.add(level, first.at)
