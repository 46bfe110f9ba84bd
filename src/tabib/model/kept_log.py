"""Log lines that are kept beyond their container, and the patterns that they form."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptLine:
    """One line of output. ``stream``: ``stdout``, ``stderr``, or ``tabib`` for a note of our own
    that lines were skipped (a flood)."""

    engine_id: str
    container_id: str
    at: datetime
    stream: str
    text: str
    """Without its line end; redacted; at most 16 KB, the engine's own limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogPattern:
    """Lines that differ in numbers, ids and names only, or one stack trace, however often it came.

    Identity: ``(engine_id, container_id, template)``. ``level``: ``error``, ``warning`` or
    ``fatal``; only such lines are grouped.
    """

    engine_id: str
    container_id: str
    template: str
    level: str
    example: str
    """The first of them in full, up to 4 KB; of a stack trace all its lines."""
    count: int
    first_at: datetime
    last_at: datetime
