"""Times as engines write them."""

from __future__ import annotations

from datetime import UTC, datetime


def parse_time(value: object) -> datetime | None:
    """An RFC 3339 time of the engine (nanoseconds are cut); its zero time becomes None."""
    if not isinstance(value, str) or value.startswith("0001-"):
        return None
    head, dot, tail = value.partition(".")
    if dot:
        digits = tail.rstrip("Z")
        zone = ""
        for sign in "+-":
            if sign in digits:
                digits, _, rest = digits.partition(sign)
                zone = sign + rest
        value = f"{head}.{digits[:6].ljust(6, '0')}{zone or '+00:00'}"
    try:
        parsed = datetime.fromisoformat(value.replace("Z", "+00:00"))
    except ValueError:
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
