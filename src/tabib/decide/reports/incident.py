"""An incident as a page of plain text values: what every format of its report says."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tabib.decide.reports import words
from tabib.decide.reports.deaths import ProcessRow, rows
from tabib.decide.reports.dossier import Dossier
from tabib.decide.reports.figures import Charts, charts, node_facts
from tabib.decide.reports.log import LogLine, excerpt, quotations
from tabib.decide.reports.text import clean
from tabib.decide.reports.timeline import moments
from tabib.decide.reports.words import moment, place
from tabib.model.incident import Case, Cause, Finding, Incident, Moment
from tabib.model.units import duration

FINDINGS, EVIDENCE, CHANGES, PATTERNS, CHILDREN, CASES, PROBES = 20, 6, 60, 20, 30, 30, 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    source: str
    text: str
    at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CauseRow:
    """``percent``: how sure it is, 0…100."""

    code: str
    summary: str
    percent: int
    service: str = ""
    evidence: tuple[Quote, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingRow:
    code: str
    severity: str
    summary: str
    evidence: tuple[Quote, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TreatmentRow:
    action: str
    reason: str
    result: str
    look: str
    at: str
    took: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PatternRow:
    count: int
    level: str
    text: str
    first: str
    last: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Related:
    id: str
    place: str
    summary: str
    outcome: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What a tired person asks, each answered in a sentence or two."""

    broke: str
    since: str
    why: str
    did: str
    worked: str
    left: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The whole report. All texts are clean and bounded; they are not escaped for any format."""

    id: str
    title: str
    place: str
    container: str
    cluster: str
    severity: str
    status: str
    look: str
    made: str
    answers: Answers
    causes: tuple[CauseRow, ...]
    findings: tuple[FindingRow, ...]
    treatments: tuple[TreatmentRow, ...]
    timeline: tuple[Moment, ...]
    charts: Charts
    facts: tuple[tuple[str, str], ...]
    node: tuple[tuple[str, str], ...]
    processes: tuple[ProcessRow, ...]
    processes_note: str
    log: tuple[LogLine, ...]
    patterns: tuple[PatternRow, ...]
    probes: tuple[Quote, ...]
    events: tuple[str, ...]
    changes: tuple[str, ...]
    cases: tuple[Quote, ...]
    parent: Related | None
    children: tuple[Related, ...]
    absent: tuple[str, ...]


def page(dossier: Dossier) -> Page:
    """What is to be said of the incident. The newest case speaks for it; all are listed."""
    incident = dossier.incident
    case = dossier.cases[-1] if dossier.cases else None
    recorded = case.recorded if case else None
    where = clean(place(incident.project, incident.service, incident.container), 200)
    said, look = words.OUTCOMES.get(incident.outcome, (incident.outcome, "dim"))
    return Page(
        id=incident.id,
        title=f"{where}: {clean(incident.cause.summary, 300)}",
        place=where,
        container=clean(incident.container, 200),
        cluster=clean(incident.cluster, 100),
        severity=incident.severity,
        status=said,
        look=look,
        made=moment(dossier.made_at),
        answers=_answers(dossier),
        causes=tuple(_causes(incident)),
        findings=tuple(_finding(one) for one in incident.findings[:FINDINGS]),
        treatments=tuple(_treatments(incident)),
        timeline=tuple(moments(incident, dossier.cases)),
        charts=charts(dossier),
        facts=tuple(_facts(case)) if case else (),
        node=tuple(node_facts(dossier)),
        processes=tuple(rows(recorded.processes)) if recorded else (),
        processes_note=_left_out(recorded.processes_left_out) if recorded else "",
        log=tuple(excerpt(case.log_tail, quotations(incident.findings))) if case else (),
        patterns=tuple(_patterns(case)) if case else (),
        probes=tuple(_probes(case)) if case else (),
        events=tuple(clean(one) for one in case.events) if case else (),
        changes=tuple(clean(one) for one in case.config_changes[:CHANGES]) if case else (),
        cases=tuple(_cases(dossier)),
        parent=_related(dossier.parent) if dossier.parent else None,
        children=tuple(_related(one) for one in dossier.children[:CHILDREN]),
        absent=tuple(_absent(dossier)),
    )


def _answers(dossier: Dossier) -> Answers:
    incident = dossier.incident
    cause = incident.cause
    why = f"{cause.summary} ({cause.code}, {cause.confidence:.0%} sure)"
    if cause.service and cause.service != incident.service:
        why += f"; it comes from {cause.service}"
    since = moment(incident.opened_at)
    if incident.reopened_at:
        since += f"; it came back {moment(incident.reopened_at)}"
    if incident.reopened > 1:
        since += f", {incident.reopened} times in all"
    if incident.closed_at:
        lasted = (incident.closed_at - (incident.reopened_at or incident.opened_at)).total_seconds()
        since += f", for {duration(max(lasted, 0.0))}"
    return Answers(
        broke=clean(_broke(dossier)),
        since=since,
        why=clean(why, 600),
        did=clean(words.did(incident.treatments)),
        worked=clean(words.worked(incident)),
        left=clean(incident.advice, 1200) or _nothing_left(incident),
    )


def _broke(dossier: Dossier) -> str:
    incident = dossier.incident
    where = place(incident.project, incident.service, incident.container)
    if not dossier.cases:
        return f"{where} ({incident.container})"
    first = dossier.cases[0]
    what = words.TRIGGERS.get(first.trigger, first.trigger)
    code = f" with exit code {first.exit_code}" if first.exit_code is not None else ""
    died = first.trigger in ("died", "oom", "loop")
    return f"{where} ({incident.container}): {what}" + (code if died else "")


def _nothing_left(incident: Incident) -> str:
    if incident.outcome in ("recovered", "false_alarm"):
        return "Nothing."
    return "Read the causes and their evidence; the sealed case has all of it."


def _causes(incident: Incident) -> Iterable[CauseRow]:
    findings = {one.code: one for one in incident.findings}
    for cause in (incident.causes or (incident.cause,))[:6]:
        yield CauseRow(
            code=cause.code,
            summary=clean(cause.summary),
            percent=round(min(max(cause.confidence, 0.0), 1.0) * 100),
            service=clean(cause.service, 100),
            evidence=tuple(_evidence(cause, findings)),
        )


def _evidence(cause: Cause, findings: dict[str, Finding]) -> list[Quote]:
    cited = [findings[code] for code in (cause.cites or (cause.code,)) if code in findings]
    return [quote for one in cited for quote in _quotes(one) if quote.source != "absent"][:EVIDENCE]


def _quotes(finding: Finding) -> list[Quote]:
    return [
        Quote(source=one.source, text=clean(one.text), at=words.clock(one.at) if one.at else "")
        for one in finding.evidence[:EVIDENCE]
    ]


def _finding(finding: Finding) -> FindingRow:
    return FindingRow(
        code=finding.code,
        severity=finding.severity,
        summary=clean(finding.summary),
        evidence=tuple(_quotes(finding)),
    )


_LOOKS = {"verified": "good", "done": "good", "failed": "bad", "not_verified": "bad",
          "refused": "bad", "offered": "odd", "started": "odd"}  # fmt: skip


def _treatments(incident: Incident) -> Iterable[TreatmentRow]:
    for one in incident.treatments[-40:]:
        took = (one.ended_at - one.started_at).total_seconds() if one.ended_at else None
        yield TreatmentRow(
            action=clean(one.action, 60) + (" (asked for)" if one.by else ""),
            reason=clean(one.reason),
            result=words.RESULTS.get(one.outcome, one.outcome),
            look=_LOOKS.get(one.outcome, ""),
            at=moment(one.started_at),
            took=duration(took) if took is not None else "",
        )


def _facts(case: Case) -> Iterable[tuple[str, str]]:
    yield "Image", clean(case.image, 200)
    yield "State", clean(case.status + (f", {case.health}" if case.health else ""), 80)
    if case.exit_code is not None:
        yield "Exit code", str(case.exit_code)
    if case.oom_killed or case.oom_event:
        yield "Out of memory", "yes, told by the engine"
    if case.engine_error:
        yield "The engine's error", clean(case.engine_error)
    yield "Ran", " – ".join(filter(None, (moment(case.started_at), moment(case.finished_at))))
    yield "Restart policy", case.restart_policy or "none"
    if case.restarts:
        yield "Restarts by the engine", str(case.restarts)
    if case.release is not None:
        yield "Release", str(case.release)
    if case.recent_deaths:
        yield "Earlier deaths within the hour", str(len(case.recent_deaths))
    for name, state in list(case.dependencies.items())[:30]:
        yield f"Depends on {clean(name, 80)}", clean(state, 40)


def _patterns(case: Case) -> Iterable[PatternRow]:
    found = case.recorded.patterns if case.recorded else ()
    for one in sorted(found, key=lambda each: -each.count)[:PATTERNS]:
        yield PatternRow(
            count=one.count,
            level=one.level,
            text=clean(one.example),
            first=words.clock(one.first_at),
            last=words.clock(one.last_at),
        )


def _probes(case: Case) -> Iterable[Quote]:
    for one in case.health_log[-PROBES:]:
        text = clean(one.output, 600) or "(no output)"
        yield Quote(source=f"exit {one.exit_code}", text=text, at=words.clock(one.at))


def _cases(dossier: Dossier) -> Iterable[Quote]:
    for one in dossier.cases[-CASES:]:
        why = words.TRIGGERS.get(one.trigger, one.trigger)
        code = f", exit code {one.exit_code}" if one.exit_code is not None else ""
        yield Quote(source=one.id, text=why + code, at=moment(one.sealed_at))


def _related(incident: Incident) -> Related:
    return Related(
        id=incident.id,
        place=clean(place(incident.project, incident.service, incident.container), 200),
        summary=clean(incident.cause.summary),
        outcome=words.outcome(incident),
    )


def _absent(dossier: Dossier) -> Iterable[str]:
    case = dossier.cases[-1] if dossier.cases else None
    told = [*(case.absent if case else ("the sealed case: there is none",)), *dossier.absent]
    if case is not None and case.recorded is None:
        told.append("figures and processes: nothing was recorded before the trouble")
    if dossier.cases_left_out:
        told.append(f"{dossier.cases_left_out} more cases of this incident are not in this report")
    if len(dossier.children) > CHILDREN:
        told.append(f"{len(dossier.children) - CHILDREN} more incidents came of this one")
    return [clean(one) for one in dict.fromkeys(told)][:30]


def _left_out(count: int) -> str:
    return f"{count} older processes did not fit into the case." if count else ""
