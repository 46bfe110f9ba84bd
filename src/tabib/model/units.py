"""Numbers and times as text, and back: durations, sizes, RFC 3339."""

from __future__ import annotations

from datetime import UTC, datetime


def duration(seconds: float) -> str:
    """``0.8 s``, ``12 s``, ``3 min 5 s``, ``2 h 4 min``, ``3 d 2 h``."""
    if seconds < 9.95:
        return f"{max(seconds, 0.0):.1f} s"
    whole = round(seconds)
    for unit, name, small, small_name in (
        (86_400, "d", 3_600, "h"),
        (3_600, "h", 60, "min"),
        (60, "min", 1, "s"),
    ):
        if whole >= unit:
            rest = whole % unit // small
            return f"{whole // unit} {name}" + (f" {rest} {small_name}" if rest else "")
    return f"{whole} s"


def size(count: float) -> str:
    """Bytes with decimal prefixes, as the registry and ``docker images`` count them."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 999.5:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 99.95 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def parse_time(text: str | None) -> datetime | None:
    """An RFC 3339 time as the API sends it; None for nothing or the engine's zero time."""
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None
    if at.year <= 1:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
