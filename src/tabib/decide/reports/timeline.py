"""What happened in which order, of all that the incident and its cases tell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from tabib.decide.reports.text import clean
from tabib.decide.reports.words import RESULTS, TRIGGERS, done_to, outcome
from tabib.model.incident import Case, Incident, Moment

MOST = 80


def moments(incident: Incident, cases: Sequence[Case]) -> list[Moment]:
    """Oldest first, at most :data:`MOST`. The incident's own timeline comes first; what it does not
    tell is taken from its other fields."""
    own = {one.kind for one in incident.timeline}
    derived = [one for one in _derived(incident, cases) if one.kind not in own]
    found = sorted([*incident.timeline, *derived], key=lambda one: one.at)
    cleaned = [Moment(at=one.at, kind=one.kind, text=clean(one.text)) for one in found]
    if len(cleaned) <= MOST:
        return cleaned
    head, tail = cleaned[: MOST // 2], cleaned[-(MOST // 2) :]
    left = len(cleaned) - len(head) - len(tail)
    return [*head, Moment(at=head[-1].at, kind="note", text=f"… {left} more …"), *tail]


def _derived(incident: Incident, cases: Iterable[Case]) -> Iterator[Moment]:
    yield Moment(at=incident.opened_at, kind="trouble", text=incident.cause.summary)
    if incident.seen_at and incident.seen_at != incident.opened_at:
        yield Moment(at=incident.seen_at, kind="note", text="tabib saw it")
    for case in cases:
        why = TRIGGERS.get(case.trigger, case.trigger)
        yield Moment(at=case.sealed_at, kind="sealed", text=f"evidence sealed: {why}")
        yield from _probes(case)
    if incident.reopened_at:
        yield Moment(at=incident.reopened_at, kind="reopened", text="it came back")
    for one in incident.treatments:
        text = f"{done_to(one)}: {one.reason}" + (" (asked for)" if one.by else "")
        yield Moment(at=one.started_at, kind="treatment", text=text)
        if one.ended_at:
            result = RESULTS.get(one.outcome, one.outcome)
            yield Moment(at=one.ended_at, kind="treatment", text=f"{one.action}: {result}")
    if incident.closed_at:
        yield Moment(at=incident.closed_at, kind="closed", text=outcome(incident))


def _probes(case: Case) -> Iterator[Moment]:
    before: bool | None = None
    for probe in case.health_log:
        failed = probe.exit_code != 0
        if failed and failed != before:
            text = f"health check fails (exit {probe.exit_code}): {probe.output}"
            yield Moment(at=probe.at, kind="health", text=text)
        before = failed


def first_of(incident: Incident, kind: str) -> datetime | None:
    """When the timeline has it first."""
    return min((one.at for one in incident.timeline if one.kind == kind), default=None)
