"""What a restore did."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tabib.model.backup import Phase


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What a restore did. Durations in seconds."""

    snapshot: str
    taken_at: datetime
    rpo_seconds: float
    """Everything that was written longer ago than this before the restore is there."""
    rto_seconds: float
    """From the decision until the services were healthy on it."""
    lost: tuple[str, ...] = ()
    """Exactly what may be lost, one line for each data set of which anything may be; empty:
    nothing."""
    whole: tuple[str, ...] = ()
    """How that is known of the others, one line each."""
    nothing_lost: bool = False
    phases: tuple[Phase, ...] = ()
    kept: tuple[str, ...] = ()
    """Where what was there before is kept."""
    checks: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    before: str = ""
    """The snapshot of what was there before, where one could be taken."""
    started: bool = True
    """Whether its services were started on it; not those of a project that is down."""
