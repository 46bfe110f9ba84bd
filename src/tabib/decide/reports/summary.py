"""A project's days, or everything's: what broke, how long, what helped, what to do first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from statistics import median

from tabib.decide.reports import words
from tabib.decide.reports.text import clean
from tabib.decide.reports.timeline import first_of
from tabib.model.incident import SEVERITIES, Incident
from tabib.model.release import Release
from tabib.model.units import duration

Span = tuple[datetime, datetime]
MOST = 50
"""Rows of a table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Consumer:
    """A container with the highest mean of a figure. ``metric``: as in ``model.metrics``."""

    metric: str
    name: str
    mean: float
    peak: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Days:
    """What a summary is made from."""

    project: str
    """Empty: every project."""
    since: datetime
    until: datetime
    incidents: Sequence[Incident] = ()
    """Of any time; those that do not reach into it are left out."""
    sealed: Mapping[str, datetime] = field(default_factory=dict)
    """Incident's id → when its first case was sealed."""
    services: Sequence[tuple[str, str]] = ()
    """Project and service, of what is known to run."""
    releases: Sequence[Release] = ()
    consumers: Sequence[Consumer] = ()
    absent: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CauseCount:
    code: str
    summary: str
    count: int
    services: tuple[str, ...]
    trouble_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Availability:
    """``available``: 0…1, the part of the time in which no incident of severity ``error`` or worse
    was open."""

    service: str
    incidents: int
    trouble_seconds: float
    available: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """From the trouble until then, in seconds; ``count`` incidents told it."""

    name: str
    count: int
    median_seconds: float | None
    p95_seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TreatmentCount:
    action: str
    tried: int
    helped: int
    failed: int
    offered: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """An incident that needs a person."""

    id: str
    service: str
    since: datetime
    summary: str
    advice: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseRow:
    project: str
    number: int
    created_at: datetime
    by: str
    reason: str
    verdict: str


@dataclass(frozen=True, slots=True, kw_only=True)
class First:
    """One of the things to do first: about what, why, and how."""

    service: str
    why: str
    advice: str
    incident: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Field names are the JSON contract."""

    project: str
    since: datetime
    until: datetime
    incidents: int
    open: int
    recovered: int
    causes: tuple[CauseCount, ...]
    availability: tuple[Availability, ...]
    timings: tuple[Timing, ...]
    treatments: tuple[TreatmentCount, ...]
    needs_a_person: tuple[Waiting, ...]
    releases: tuple[ReleaseRow, ...]
    consumers: tuple[Consumer, ...]
    first: tuple[First, ...]
    absent: tuple[str, ...]


def summarise(days: Days) -> Summary:
    """The summary. False alarms count nowhere; an incident that began before the time counts with
    the part of it that lies within."""
    found = [one for one in days.incidents if one.outcome != "false_alarm" and _within(one, days)]
    found.sort(key=lambda one: (one.opened_at, one.id))
    return Summary(
        project=clean(days.project, 200),
        since=days.since,
        until=days.until,
        incidents=len(found),
        open=sum(one.closed_at is None for one in found),
        recovered=sum(one.outcome == "recovered" for one in found),
        causes=tuple(_causes(found, days)[:MOST]),
        availability=tuple(_availability(found, days)[:MOST]),
        timings=tuple(_timings(found, days)),
        treatments=tuple(_treatments(found)),
        needs_a_person=tuple(_waiting(found)[:MOST]),
        releases=tuple(_releases(days)[:MOST]),
        consumers=tuple(days.consumers[:20]),
        first=tuple(_first(found, days)[:3]),
        absent=tuple(clean(one) for one in days.absent),
    )


# ── time ───────────────────────────────────────────────────────────────────────────────────────


def troubles(incident: Incident, until: datetime) -> list[Span]:
    """When it was open: from each beginning to its end; what is open ends at ``until``."""
    turns = sorted(
        (one for one in incident.timeline if one.kind in ("closed", "reopened")),
        key=lambda one: one.at,
    )
    found: list[Span] = []
    begun: datetime | None = incident.opened_at
    for one in turns:
        if one.kind == "closed" and begun is not None:
            found.append((begun, one.at))
            begun = None
        elif one.kind == "reopened" and begun is None:
            begun = one.at
    if not turns and incident.reopened_at:
        # When it was closed in between is not told: only the later trouble is certain.
        begun = incident.reopened_at
    if begun is not None:
        found.append((begun, incident.closed_at or until))
    return [(start, max(start, end)) for start, end in found]


def covered(spans: Iterable[Span], since: datetime, until: datetime) -> float:
    """Seconds of the time that lie in one of ``spans`` at least."""
    total, end = 0.0, since
    for start, stop in sorted(spans):
        start, stop = max(start, end), min(stop, until)
        if stop > start:
            total += (stop - start).total_seconds()
            end = stop
    return total


def _within(incident: Incident, days: Days) -> bool:
    return any(
        start < days.until and end >= days.since for start, end in troubles(incident, days.until)
    )


def _seconds(found: Iterable[Incident], days: Days) -> float:
    spans = [span for one in found for span in troubles(one, days.until)]
    return round(covered(spans, days.since, days.until), 3)


def p95(values: Sequence[float]) -> float:
    """The value that 95 of 100 do not exceed (nearest rank)."""
    ranked = sorted(values)
    return ranked[max(-(-95 * len(ranked) // 100) - 1, 0)]


# ── tables ─────────────────────────────────────────────────────────────────────────────────────


def _where(incident: Incident, days: Days) -> str:
    project = "" if days.project else incident.project
    return clean(words.place(project, incident.service, incident.container), 200)


def _groups(found: Iterable[Incident]) -> dict[str, list[Incident]]:
    groups: dict[str, list[Incident]] = {}
    for one in found:
        groups.setdefault(one.cause.code, []).append(one)
    return groups


def _causes(found: Sequence[Incident], days: Days) -> list[CauseCount]:
    rows = [
        CauseCount(
            code=code,
            summary=clean(group[-1].cause.summary, 200),
            count=len(group),
            services=tuple(sorted({_where(one, days) for one in group}))[:10],
            trouble_seconds=_seconds(group, days),
        )
        for code, group in _groups(found).items()
    ]
    return sorted(rows, key=lambda one: (-one.count, -one.trouble_seconds, one.code))


def _availability(found: Sequence[Incident], days: Days) -> list[Availability]:
    bad = SEVERITIES.index("error")
    names = {words.place("" if days.project else p, s): [] for p, s in days.services}  # type: dict[str, list[Incident]]
    for one in found:
        names.setdefault(_where(one, days), []).append(one)
    length = max((days.until - days.since).total_seconds(), 1e-9)
    rows = []
    for name, mine in names.items():
        seconds = _seconds((one for one in mine if SEVERITIES.index(one.severity) >= bad), days)
        rows.append(
            Availability(
                service=clean(name, 200),
                incidents=len(mine),
                trouble_seconds=seconds,
                available=round(1 - seconds / length, 6),
            )
        )
    return sorted(rows, key=lambda one: (one.available, -one.incidents, one.service))


def _timings(found: Sequence[Incident], days: Days) -> list[Timing]:
    once = [one for one in found if not one.reopened_at]
    told: dict[str, list[float]] = {"notice": [], "seal": [], "diagnose": [], "recover": []}
    for one in once:
        sealed = days.sealed.get(one.id) or first_of(one, "sealed")
        for name, at in (
            ("notice", one.seen_at),
            ("seal", sealed),
            ("diagnose", first_of(one, "diagnosed")),
        ):
            if at is not None:
                told[name].append(max((at - one.opened_at).total_seconds(), 0.0))
    told["recover"] = [one.rto_seconds for one in found if one.rto_seconds is not None]
    return [
        Timing(
            name=name,
            count=len(values),
            median_seconds=round(median(values), 3) if values else None,
            p95_seconds=round(p95(values), 3) if values else None,
        )
        for name, values in told.items()
    ]


def _treatments(found: Sequence[Incident]) -> list[TreatmentCount]:
    counts: dict[str, list[str]] = {}
    for one in found:
        for treatment in one.treatments:
            counts.setdefault(treatment.action, []).append(treatment.outcome)
    rows = [
        TreatmentCount(
            action=clean(action, 60),
            tried=sum(one in words.ACTED for one in outcomes),
            helped=sum(one in ("verified", "done") for one in outcomes),
            failed=sum(one in ("failed", "not_verified", "refused") for one in outcomes),
            offered=outcomes.count("offered"),
        )
        for action, outcomes in counts.items()
    ]
    return sorted(rows, key=lambda one: (-one.tried, -one.offered, one.action))


def _waits(incident: Incident) -> bool:
    if incident.closed_at is not None:
        return False
    offered = bool(incident.treatments) and incident.treatments[-1].outcome == "offered"
    return incident.outcome == "needs_human" or offered


def _waiting(found: Sequence[Incident]) -> list[Waiting]:
    waiting = [one for one in found if _waits(one)]
    waiting.sort(key=lambda one: (-SEVERITIES.index(one.severity), one.opened_at))
    return [
        Waiting(
            id=one.id,
            service=clean(words.place(one.project, one.service, one.container), 200),
            since=one.reopened_at or one.opened_at,
            summary=clean(one.cause.summary, 300),
            advice=clean(one.advice, 600),
        )
        for one in waiting
    ]


def _releases(days: Days) -> list[ReleaseRow]:
    found = [one for one in days.releases if days.since <= one.created_at < days.until]
    found.sort(key=lambda one: one.created_at, reverse=True)
    return [
        ReleaseRow(
            project=one.project,
            number=one.number,
            created_at=one.created_at,
            by=clean(one.by, 100),
            reason=clean(one.reason, 200),
            verdict=one.verdict,
        )
        for one in found
    ]


def _first(found: Sequence[Incident], days: Days) -> list[First]:
    """What waits for a person first, then what cost the most time, then what came most often; one
    for each service and cause."""
    groups: dict[tuple[str, str, str], list[Incident]] = {}
    for one in found:
        groups.setdefault((one.project, one.service or one.container, one.cause.code), []).append(
            one
        )

    def weight(group: Sequence[Incident]) -> tuple[bool, float, int]:
        return any(map(_waits, group)), _seconds(group, days), len(group)

    ranked = sorted(groups.values(), key=lambda group: weight(group), reverse=True)
    rows = []
    for group in ranked:
        waits, seconds, count = weight(group)
        newest = next((one for one in reversed(group) if _waits(one)), group[-1])
        why = f"{newest.cause.summary}: {count} incident{'s' if count > 1 else ''}"
        why += f", {duration(seconds)} in trouble" + ("; it waits for a person" if waits else "")
        rows.append(
            First(
                service=_where(newest, days),
                why=clean(why, 400),
                advice=clean(newest.advice, 600),
                incident=newest.id,
            )
        )
    return rows
