"""Numbers for people: durations, ages, sizes."""

from __future__ import annotations

from datetime import datetime

from tabib.model.units import duration, parse_time, size

__all__ = ["age", "duration", "local_time", "parse_time", "size"]


def age(text: str | None, now: datetime) -> str:
    """How long ago the RFC 3339 time ``text`` was, in its largest unit only: ``5 min``."""
    at = parse_time(text)
    if at is None:
        return ""
    words = duration(max((now - at).total_seconds(), 0.0)).split(" ")
    return f"{round(float(words[0]))} {words[1]}"


def local_time(text: str | None) -> str:
    """``2026-11-23 14:05:09`` in the user's time zone."""
    at = parse_time(text)
    return at.astimezone().strftime("%Y-%m-%d %H:%M:%S") if at else ""
