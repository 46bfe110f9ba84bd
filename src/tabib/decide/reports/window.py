"""Which minutes a report shows, and what is marked in them."""

from __future__ import annotations

from datetime import datetime, timedelta

from tabib.decide.charts.plots import Mark, Window
from tabib.decide.reports.dossier import Dossier
from tabib.decide.reports.words import ACTED
from tabib.model.incident import Incident

BEFORE = timedelta(minutes=15)
AFTER = timedelta(minutes=3)
LONGEST = timedelta(minutes=45)
"""Of a trouble that lasts, no more than this is drawn."""
LEAST = timedelta(minutes=2)
"""Before the trouble; earlier only what there are readings of."""
STEPS = 220


def span(incident: Incident, now: datetime) -> tuple[datetime, datetime]:
    """From 15 minutes before the (last) trouble to 3 after its end, as far as that has passed."""
    begun = incident.reopened_at or incident.opened_at
    over = min(incident.closed_at or now, begun + LONGEST)
    until = min(max(over, begun) + AFTER, max(now, begun + timedelta(seconds=1)))
    return begun - BEFORE, until


def window(dossier: Dossier) -> Window:
    """The span, less what comes before the first reading (but for two minutes)."""
    incident = dossier.incident
    since, until = span(incident, dossier.made_at)
    tables = [one.recorded.container for one in dossier.cases if one.recorded]
    first = min((one.times[0] for one in tables if one.times), default=since)
    since = max(since, min(first, (incident.reopened_at or incident.opened_at) - LEAST))
    return Window(since=since.timestamp(), until=until.timestamp(), count=STEPS)


def marks(incident: Incident) -> list[Mark]:
    """The trouble, each treatment, the recovery."""
    found = [Mark(at=incident.opened_at, sign="x")]
    if incident.reopened_at:
        found.append(Mark(at=incident.reopened_at, sign="x"))
    found += [
        Mark(at=one.started_at, sign="t") for one in incident.treatments if one.outcome in ACTED
    ]
    if incident.closed_at and incident.outcome == "recovered":
        found.append(Mark(at=incident.closed_at, sign="r"))
    return found
