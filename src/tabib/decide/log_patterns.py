"""Error lines and stack traces of one container, grouped into patterns and counted.

A fold over lines: equal lines in equal order give equal patterns. Lines of stdout and stderr may be
interleaved; each stream's traces are joined by themselves.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from tabib.decide.log_levels import level_of
from tabib.decide.stack_traces import Group, begins_trace
from tabib.model.kept_log import KeptLine, LogPattern

PATTERNS = 300
"""Of one container; what is new beyond is counted together."""
MORE = "(other errors)"
SETTLED = timedelta(seconds=2)
"""A trace whose last line is older is complete."""
_RANK = {"": 0, "warning": 1, "error": 2, "fatal": 3}


@dataclass(slots=True)
class _Open:
    group: Group
    first: KeptLine
    last_at: datetime


@dataclass(slots=True)
class LogPatterns:
    """What one container's errors look like: :meth:`feed` it lines, :meth:`flush` it at times."""

    _open: dict[str, _Open] = field(default_factory=dict)
    _total: dict[str, LogPattern] = field(default_factory=dict)
    _new: dict[str, LogPattern] = field(default_factory=dict)

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
        new, self._new = list(self._new.values()), {}
        return new

    def all(self) -> list[LogPattern]:
        """Everything that was counted so far, most frequent first."""
        return sorted(self._total.values(), key=lambda one: (-one.count, one.first_at))

    def _close(self, stream: str) -> None:
        opened = self._open.pop(stream)
        group, first = opened.group, opened.first
        level = "error" if group.kind and group.level == "warning" else group.level
        template = group.template
        if template not in self._total and len(self._total) >= PATTERNS:
            template = MORE
        pattern = LogPattern(
            engine_id=first.engine_id,
            container_id=first.container_id,
            template=template,
            level=level,
            example=group.example,
            count=1,
            first_at=first.at,
            last_at=first.at,
        )
        for counted in (self._total, self._new):
            known = counted.get(template)
            counted[template] = _added(known, pattern) if known else pattern


def _added(known: LogPattern, more: LogPattern) -> LogPattern:
    return replace(
        known,
        level=max(known.level, more.level, key=_RANK.__getitem__),
        count=known.count + more.count,
        first_at=min(known.first_at, more.first_at),
        last_at=max(known.last_at, more.last_at),
    )
