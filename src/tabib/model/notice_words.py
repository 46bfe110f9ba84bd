"""The words of a notification rule. Apart from the nouns, since whoever only reads a Compose file
needs no more of it."""

from __future__ import annotations

import re
from datetime import time

KINDS = ("open", "needs_human", "recovery", "summary")
"""What can be told, as ``on:`` names it."""
USUAL_KINDS = ("open", "needs_human", "recovery")
USUAL_SEVERITY = "warning"
NEVER = "none"
"""As quiet hours: there are none, whatever the host says."""

_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)\s*-\s*([01]\d|2[0-3]):([0-5]\d)")


def parse_hours(text: str) -> tuple[time, time] | None:
    """``22:00-07:00`` as its beginning and end; None: there are no quiet hours.

    :raises ValueError: it is neither.
    """
    if text in ("", NEVER):
        return None
    found = _HOURS.fullmatch(text.strip())
    if found is None:
        raise ValueError("must be like 22:00-07:00, or none")
    hours = [int(part) for part in found.groups()]
    begin, end = time(hours[0], hours[1]), time(hours[2], hours[3])
    if begin == end:
        raise ValueError("must not begin and end at the same time")
    return begin, end
