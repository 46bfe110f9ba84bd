"""Incidents in words: opened, grouped, treated, closed; for a tired person at night."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from tabib.decide import restoration
from tabib.decide.diagnose import BY_CODE
from tabib.decide.moments import noted
from tabib.model.incident import SEVERITIES, Case, Cause, Finding, Incident, Treatment

REOPEN_WITHIN_S = 3600.0
"""The same trouble within this time after an incident was closed reopens it."""
FLAPPING_FROM = 3
"""Reopened so often within :data:`REOPEN_WITHIN_S`, it is called flapping."""

UNKNOWN = Cause(
    code="exit.app-error",
    summary="it is not as it should be, and nothing that could be gathered tells why",
    confidence=0.1,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """What :func:`tabib.decide.diagnose.diagnose` returned for a case."""

    findings: tuple[Finding, ...]
    causes: tuple[Cause, ...]


def open_incident(
    case: Case, diagnosis: Diagnosis, incident_id: str, *, seen_at: datetime
) -> Incident:
    """A new incident. ``opened_at`` is when it happened by the engine's clock, where known."""
    dead = case.trigger in ("died", "loop", "removed")
    happened = case.finished_at if dead else None
    incident = Incident(
        id=incident_id,
        opened_at=happened or seen_at,
        engine_id=case.engine_id,
        cluster=case.cluster,
        project=case.project,
        service=case.service,
        container=case.container,
        severity="info",
        cause=UNKNOWN,
        seen_at=seen_at,
    )
    incident = noted(incident, incident.opened_at, "trouble", _TROUBLES.get(case.trigger, ""))
    return update(incident, case, diagnosis)


def update(incident: Incident, case: Case, diagnosis: Diagnosis) -> Incident:
    """The incident with one more case; the newest diagnosis comes first, nothing is lost."""
    findings = {finding.code: finding for finding in (*incident.findings, *diagnosis.findings)}
    causes = diagnosis.causes or incident.causes or (UNKNOWN,)
    codes = {cause.code for cause in causes}
    older = tuple(cause for cause in incident.causes if cause.code not in codes)
    severity = max(
        (finding.severity for finding in findings.values()),
        key=SEVERITIES.index,
        default="warning",
    )
    ids = incident.case_ids if case.id in incident.case_ids else (*incident.case_ids, case.id)
    updated = replace(
        incident,
        severity=severity,
        cause=causes[0],
        causes=(*causes, *older),
        findings=tuple(findings.values()),
        case_ids=ids,
        container=case.container or incident.container,
    )
    if case.id not in incident.case_ids:
        for change in reversed(case.recent_changes):
            updated = noted(updated, change.at, "note", change.text)
        updated = noted(updated, case.sealed_at, "sealed", f"evidence sealed in case {case.id}")
        sure = f"{causes[0].confidence:.0%} sure"
        text = f"{causes[0].summary} ({causes[0].code}, {sure})"
        updated = noted(updated, case.sealed_at, "diagnosed", text)
    if flapping(updated):
        updated = replace(updated, severity=_worse(severity))
    return replace(updated, advice=advice(updated))


def flapping(incident: Incident) -> bool:
    """Whether it keeps coming back: told less often, and a step more severe."""
    if incident.reopened_at is None or incident.reopened < FLAPPING_FROM:
        return False
    since = incident.reopened_at - timedelta(seconds=REOPEN_WITHIN_S)
    times = [one for one in incident.timeline if one.kind == "reopened" and one.at > since]
    return len(times) >= FLAPPING_FROM


def _worse(severity: str) -> str:
    return SEVERITIES[min(SEVERITIES.index(severity) + 1, len(SEVERITIES) - 1)]


def belongs_to(
    case: Case,
    causes: tuple[Cause, ...],
    incidents: Iterable[Incident],
    reopen_within_s: float = REOPEN_WITHIN_S,
) -> Incident | None:
    """The incident that a case continues: same container name, same family of cause.

    Open ones count, and ones closed less than ``reopen_within_s`` before the case. A restart
    loop continues whatever it is a loop of. Whatever happens to a container that was not well
    since belongs to that: what was killed and cannot start again is one trouble. The newest wins.
    """
    family = _family(causes[0] if causes else UNKNOWN)
    limit = timedelta(seconds=reopen_within_s)
    found = [
        incident
        for incident in incidents
        if (incident.engine_id, incident.project) == (case.engine_id, case.project)
        and (incident.service, incident.container) == (case.service, case.container)
        and (incident.closed_at is None or case.sealed_at - incident.closed_at <= limit)
        and (_unhealed(incident) or _akin(family, incident, case.trigger))
    ]
    return max(found, key=lambda incident: (incident.opened_at, incident.id), default=None)


def reopen(incident: Incident, at: datetime) -> Incident:
    """An open incident again since ``at``; its treatments stay. One that is open, and was not well
    in between, is left as it is."""
    if incident.closed_at is None and incident.well_at is None:
        return replace(incident, outcome="open", rto_seconds=None)
    again = replace(
        incident,
        outcome="open",
        closed_at=None,
        closed_by="",
        well_at=None,
        rto_seconds=None,
        reopened_at=at,
        reopened=incident.reopened + 1,
    )
    return noted(
        again, at, "reopened", f"the same trouble again, the {_nth(again.reopened + 1)} time"
    )


def _nth(number: int) -> str:
    return {2: "second", 3: "third"}.get(number, f"{number}th")


def add_treatment(incident: Incident, treatment: Treatment) -> Incident:
    """The incident with one more treatment, begun or (with its outcome) over."""
    added = replace(incident, treatments=(*incident.treatments, treatment))
    if treatment.outcome == "started":
        text = f"{treatment.action}: {treatment.reason}"
    else:
        text = f"{treatment.action} {_OUTCOMES[treatment.outcome]}: {treatment.reason}"
    return noted(added, treatment.started_at, "treatment", text)


def end_treatment(incident: Incident, ended_at: datetime, outcome: str) -> Incident:
    """The latest treatment with its end and outcome; without one, the incident as it is."""
    if not incident.treatments:
        return incident
    *before, last = incident.treatments
    ended = replace(last, ended_at=ended_at, outcome=outcome)
    text = f"{last.action} {_OUTCOMES[outcome]}"
    return noted(replace(incident, treatments=(*before, ended)), ended_at, "treatment", text)


def close(incident: Incident, outcome: str, at: datetime) -> Incident:
    """Closed with its outcome; the time to recovery counts from ``opened_at``, or from when
    it was reopened.

    ``needs_human`` keeps ``closed_at`` unset: it stays open for a person until things change.
    """
    recovered = outcome in ("recovered", "mitigated")
    since = incident.reopened_at or incident.opened_at
    seconds = max(0.0, (at - since).total_seconds())
    closed = replace(
        incident,
        outcome=outcome,
        closed_at=None if outcome in ("needs_human", "open") else at,
        rto_seconds=round(seconds, 3) if recovered else None,
        well_at=None,
    )
    kind = "closed" if closed.closed_at else "health"
    closed = noted(closed, at, kind, _CLOSED.get(outcome, outcome))
    return replace(closed, advice=advice(closed))


def close_by_hand(incident: Incident, at: datetime, reason: str, by: str = "user") -> Incident:
    """Closed at a person's word; what it is about is left as it is."""
    outcome = "mitigated" if incident.outcome in ("open", "needs_human") else incident.outcome
    closed = replace(incident, outcome=outcome, closed_at=at, closed_by="user", well_at=None)
    said = f"closed by {by}" + (f": {reason}" if reason else "")
    return noted(replace(closed, advice=advice(closed)), at, "closed", said)


def abandon(
    incident: Incident, at: datetime, said: str = "The project was taken down before this was over."
) -> Incident:
    """Closed because a person took down or stopped what it is about: there is nothing to heal."""
    outcome = "needs_human" if incident.outcome == "needs_human" else "mitigated"
    left = replace(
        incident, outcome=outcome, closed_at=at, well_at=None, advice=f"{said} {incident.advice}"
    )
    return noted(left, at, "closed", said)


# ── words ──────────────────────────────────────────────────────────────────────────────────────

_DONE = {
    "start": "started again",
    "restart": "restarted",
    "recreate": "created anew",
    "quarantine": "stopped until a person starts it",
    "restore": "its data restored from a snapshot",
    "wait_for_dependency": "waited for what it needs",
    "offer": "left for a person to decide",
    "none": "left alone",
}
_OUTCOMES = {
    "started": "began",
    "done": "done",
    "failed": "failed",
    "verified": "helped",
    "not_verified": "did not help",
    "offered": "is offered",
    "refused": "is not done",
    "undone": "undone",
}
_TROUBLES = {
    "died": "it died",
    "removed": "it was removed",
    "unhealthy": "its health check fails",
    "oom": "a process in it was killed for memory",
    "loop": "it keeps dying",
    "start_failed": "it could not be started",
    "detached": "it was detached from its network",
    "data": "what it holds is not what it was",
    "engine_restarted": "it was not brought back after the engine restarted",
    "missing": "it is gone",
}
_CLOSED = {
    "recovered": "recovered, verified",
    "mitigated": "better, not cured",
    "needs_human": "it needs a person",
    "false_alarm": "false alarm",
}
_ENDS = {
    "recovered": "recovered",
    "mitigated": "better, not cured",
    "needs_human": "needs a person",
    "open": "not over yet",
    "false_alarm": "false alarm",
}


def summary(incident: Incident) -> str:
    """One line: who, what happened, what was done, how it ended.

    ``api: killed by SIGKILL from outside (exit 137); started again; recovered after 2.1 s``
    """
    parts = [incident.cause.summary]
    done = [t for t in incident.treatments if t.outcome not in ("offered", "refused")]
    if done:
        # Starts that did not help before it make no second restore.
        alike = [one for one in done if "restore" not in (one.action, done[-1].action)]
        often = len(alike) or sum(one.action == "restore" for one in done)
        times = f" ({often} times)" if often > 1 else ""
        said = _DONE.get(done[-1].action, done[-1].action)
        other = done[-1].before.get("service")
        parts.append((f"{other} {said}" if other else said) + times)
    end = _ENDS.get(incident.outcome, incident.outcome)
    if incident.rto_seconds is not None:
        end += f" after {incident.rto_seconds:.1f} s"
    return f"{incident.service}: " + "; ".join([*parts, end])


def advice(incident: Incident) -> str:
    """What to do next, in plain words; one or two sentences."""
    rule = BY_CODE.get(incident.cause.code)
    cure = rule.advice if rule else "Read the case file."
    last = incident.treatments[-1] if incident.treatments else None
    if incident.parent and incident.cause.service and incident.closed_at is None:
        first = f"The trouble comes from {incident.cause.service}: heal that first"
        return f"{first} (`tabib incident {incident.parent}`)."
    if flapping(incident):
        cure = f"It keeps coming back ({incident.reopened + 1} times): find what starts it. {cure}"
    if incident.outcome == "recovered" and incident.restored is not None:
        found = "; ".join(restoration.said(incident))
        undo = f"`tabib incident {incident.id} --undo` puts back what was there"
        return f"{found[:1].upper()}{found[1:]}. {undo}; nothing of it is removed by itself."
    if incident.outcome == "recovered":
        return f"Nothing is to be done now. So that it does not come back: {_lower(cure)}"
    if last is not None and last.action == "quarantine":
        again = f"Then `tabib start {incident.service}` lets it run again."
        return f"{incident.service} was stopped, since nothing helped. {cure} {again}"
    if last is not None and last.outcome == "offered":
        return f"tabib did not act by itself: {last.reason}. {cure}"
    return cure


def _lower(sentence: str) -> str:
    first, rest = sentence[:1], sentence[1:]
    return (first.lower() if rest[:1].islower() or rest[:1] == " " else first) + rest


def _family(cause: Cause) -> str:
    return cause.code.partition(".")[0]


def _unhealed(incident: Incident) -> bool:
    """Open, and not well in between; one whose service runs on is another matter."""
    return (
        incident.outcome == "open"
        and incident.well_at is None
        and incident.cause.code != "memory.child-oom"
        and not (incident.treatments and incident.treatments[-1].outcome == "verified")
    )


def _akin(family: str, incident: Incident, trigger: str) -> bool:
    other = _family(incident.cause)
    if family == other:
        return True
    return incident.closed_at is None and (trigger == "loop" or "restart" in (family, other))
