"""How far the log that came after a copy led."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """How far a restore came. ``until``: what was acknowledged before then is in it.
    ``rolled``: log was replayed after the base backup. ``text``: one sentence for a person."""

    until: datetime
    rolled: bool
    text: str
    missing: str = ""
    """The first file of the log that was not to be had, though later ones were."""
    whole: str = ""
    """How it is known that nothing acknowledged is missing: ``until`` is when the database ended,
    and its log was received until then."""
    cut: str = ""
    """Why something that was acknowledged after ``until`` may be missing."""
