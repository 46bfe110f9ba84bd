"""How often the flight recorder reads: seldom, and closely when it matters."""

from __future__ import annotations

from dataclasses import dataclass

USUAL_S = 5.0
CLOSE_S = 1.0
AFTER_RELEASE_S = 120.0
"""How long after an operation changed containers they are looked at closely."""
AFTER_TROUBLE_S = 60.0


@dataclass(frozen=True, slots=True)
class Rhythm:
    """``why``: ``usual``, ``watched``, ``incident`` or ``release``."""

    interval_s: float
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What the rhythm depends on; ages in seconds of the monotonic clock, None: never."""

    watchers: int = 0
    trouble_age_s: float | None = None
    """Since a slot was last under treatment (0 while one is)."""
    operation_age_s: float | None = None
    """Since an operation last acted (0 while one does)."""


def rhythm(moment: Moment, usual_s: float = USUAL_S) -> Rhythm:
    """The time between two readings now."""
    close_s = min(CLOSE_S, usual_s)
    if moment.watchers:
        return Rhythm(close_s, "watched")
    if moment.trouble_age_s is not None and moment.trouble_age_s < AFTER_TROUBLE_S:
        return Rhythm(close_s, "incident")
    if moment.operation_age_s is not None and moment.operation_age_s < AFTER_RELEASE_S:
        return Rhythm(close_s, "release")
    return Rhythm(usual_s, "usual")
