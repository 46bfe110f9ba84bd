"""From the state of an incident to what is to be told about it.

Nothing is remembered here: the same state gives the same notices with the same ids, so a store that
takes each id once makes that nothing is told twice, and a look at all incidents after a crash that
nothing is missed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from tabib.decide.notices.rules import wants
from tabib.decide.notices.urls import destination_id
from tabib.decide.notices.words import head_of, text_of, title_of
from tabib.model.incident import Incident
from tabib.model.notice import Notice, NotifyRule

RANK = {"open": 0, "needs_human": 1, "recovery": 2, "summary": 3}
"""Which notice of an incident stands for the others, where they are of the same moment."""


def notices_of(
    incident: Incident, rules: Sequence[NotifyRule], *, host: str, reports: bool = False
) -> list[Notice]:
    """All notices that the incident's present state gives rise to, for complete ``rules``.

    What another incident explains is not told on its own. ``host``: the machine's name;
    ``reports``: whether `tabib report` is there to be named.
    """
    if incident.parent:
        return []
    era = _era(incident)
    return [
        Notice(
            id="/".join((destination_id(rule.url), incident.id, era, kind)),
            destination=destination_id(rule.url),
            kind=kind,
            at=at,
            incident=incident.id,
            era=era,
            project=incident.project,
            service=incident.service,
            severity=incident.severity,
            title=title_of(incident, host),
            head=head_of(incident, kind),
            text=text_of(incident, kind, reports=reports),
            quiet_hours=rule.quiet_hours,
            timezone=rule.timezone,
        )
        for rule in rules
        for kind, at in _happened(incident)
        if wants(rule, kind, incident.severity, needed=_needed(incident))
    ]


def _happened(incident: Incident) -> list[tuple[str, datetime]]:
    if incident.closed_at is not None:
        return [("recovery", incident.closed_at)]
    began = incident.reopened_at or incident.seen_at or incident.opened_at
    found = [("open", began)]
    if incident.outcome == "needs_human":
        last = incident.treatments[-1] if incident.treatments else None
        found.append(
            ("needs_human", max(began, last.ended_at or last.started_at) if last else began)
        )
    return found


def _needed(incident: Incident) -> bool:
    """Whether somebody was needed for it at some time."""
    return incident.outcome == "needs_human" or any(
        one.outcome in ("offered", "refused") or one.action == "quarantine"
        for one in incident.treatments
    )


def _era(incident: Incident) -> str:
    began = incident.reopened_at or incident.opened_at
    return f"{incident.reopened}.{int(began.timestamp() * 1000)}"
