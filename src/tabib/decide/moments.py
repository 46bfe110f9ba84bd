"""The timeline of an incident: one line for each thing that matters to who reads it later."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from tabib.model.incident import Incident, Moment

FIRST = 20
KEPT = 200
"""So many moments are kept: the first :data:`FIRST`, and the newest."""


def noted(incident: Incident, at: datetime, kind: str, text: str) -> Incident:
    """The incident with one more moment, in the order of time; the same twice is told once."""
    moment = Moment(at=at, kind=kind, text=text)
    if moment in incident.timeline:
        return incident
    # Stable: what is noted later and happened at the same time comes after.
    line = sorted((*incident.timeline, moment), key=lambda one: one.at)
    if len(line) > KEPT:
        line = [*line[:FIRST], *line[len(line) - KEPT + FIRST :]]
    return replace(incident, timeline=tuple(line))
