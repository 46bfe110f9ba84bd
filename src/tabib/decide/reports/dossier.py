"""What a report of an incident is made from."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from tabib.model.incident import Case, Incident, Readings


@dataclass(frozen=True, slots=True, kw_only=True)
class Dossier:
    """An incident with all that is known of it; redacted where it entered."""

    incident: Incident
    made_at: datetime
    cases: tuple[Case, ...] = ()
    """Oldest first."""
    cases_left_out: int = 0
    parent: Incident | None = None
    children: tuple[Incident, ...] = ()
    container_after: Readings = field(default_factory=Readings)
    """What the recorder has of the time after the newest case was sealed."""
    node_after: Readings = field(default_factory=Readings)
    absent: tuple[str, ...] = ()
    """What could not be had for the report, and why."""
