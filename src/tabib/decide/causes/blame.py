"""From a diagnosed case and what is known of the other services to the service that is blamed."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from tabib.decide import symptoms
from tabib.decide.causes import rank
from tabib.decide.causes.network import used_by
from tabib.decide.causes.question import Line, Question, Suspect, Told
from tabib.decide.diagnose.signatures import signatures
from tabib.decide.symptoms import TOWARD_OTHERS
from tabib.model.incident import Case, Cause, Evidence, Finding
from tabib.model.kept_log import LogPattern
from tabib.model.metrics import CONTAINER
from tabib.model.sample import Values

SYMPTOMS = symptoms.SYMPTOMS | {"health.slow-start", "cpu.throttled", "io.stall"}
"""Causes that another service's trouble may have brought about; all others are a service's own."""
USED_UP = frozenset({"database.too-many-connections"})

METRICS = (
    *("cpu_us", "cpu_throttled_us", "memory_working_set_bytes", "block_read_bytes"),
    *("block_written_bytes", "network_received_bytes", "network_sent_bytes", "processes"),
    *("threads", "open_files", "cpu_pressure_us", "io_pressure_us"),
)
"""Figures of the recorder that services are compared by."""

_SURE = 0.45
_CLEAR = 0.6
_KNOWN = frozenset({"gone", "connections"})
_OF_THE_MACHINE = frozenset(
    {"health.unhealthy", "health.timeout", "health.slow-start", "cpu.throttled", "io.stall"}
)
"""Causes that come about where a service merely has to wait."""
_STORES = re.compile(r"postgres|mysql|maria|mongo|redis|valkey|sql|(^|[-_/])db($|[-_:\d])|database")
_REASONS = 3
_EXAMPLE = 2000
_PLACES = tuple((place, metric) for place, metric in enumerate(CONTAINER) if metric.name in METRICS)


def lines(service: str, times: Sequence[float], rows: Sequence[Values]) -> list[Line]:
    """The figures of a container's readings that services are compared by."""
    return [
        Line(
            service=service,
            metric=metric.name,
            times=times,
            values=[row[place] if place < len(row) else None for row in rows],
            kind=metric.kind,
        )
        for place, metric in _PLACES
    ]


def told(
    service: str,
    findings: Iterable[Finding],
    causes: Iterable[Cause],
    at: float,
    graph: Mapping[str, Collection[str]],
    images: Mapping[str, str],
) -> list[Told]:
    """What a diagnosis says of its own service, and of those that its evidence complains of."""
    sure = {cause.code: cause for cause in causes}
    found = []
    for finding in findings:
        cause = sure.get(finding.code)
        if finding.code not in SYMPTOMS or cause is None:
            continue
        text = " ".join([finding.summary, *(one.text for one in finding.evidence)])
        about = cause.service or complained_of(service, finding.code, text, graph, images)
        found.append(
            Told(
                service=service,
                code=finding.code,
                summary=finding.summary,
                weight=cause.confidence,
                at=at,
                about=about,
            )
        )
    return found


def told_by_log(
    service: str,
    patterns: Iterable[LogPattern],
    since: float,
    graph: Mapping[str, Collection[str]],
    images: Mapping[str, str],
) -> list[Told]:
    """What a service's own complaints since then tell, one for each code."""
    found: dict[str, Told] = {}
    for pattern in patterns:
        if pattern.last_at.timestamp() < since:
            continue
        text = pattern.example[:_EXAMPLE]
        low = text.lower()
        for signature in signatures():
            match = signature.search(text, low)
            if match is None:
                continue
            found.setdefault(
                signature.code,
                Told(
                    service=service,
                    code=signature.code,
                    summary=f"{signature.summary(match)} (in its log, {pattern.count} times)",
                    weight=0.7 if pattern.count > 1 else 0.5,
                    at=max(since, pattern.first_at.timestamp()),
                    about=complained_of(service, signature.code, text, graph, images),
                ),
            )
            break
    return list(found.values())


def complained_of(
    service: str,
    code: str,
    text: str,
    graph: Mapping[str, Collection[str]],
    images: Mapping[str, str],
) -> str:
    """The service that ``text`` complains of; ``""`` where that is none, or not known."""
    if code not in TOWARD_OTHERS:
        return ""
    used = sorted(graph.get(service, ()))
    stores = [name for name in used if _STORES.search(f"{name} {images.get(name, '')}")]
    of_store = code.startswith("database.")
    if of_store and not stores and _STORES.search(images.get(service, "")):
        return ""  # the store itself says so
    for name in [*used, *sorted(set(graph) - set(used) - {service})]:
        if re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", text):
            return name
    if of_store and len(stores) == 1:
        return stores[0]
    return used[0] if len(used) == 1 else ""


def blamed(case: Case, code: str, question: Question) -> tuple[Suspect, ...]:
    """The suspects of the service that the patient's trouble comes from, the likeliest first; none
    where it is its own, or nothing speaks clearly enough against another.

    ``code``: the patient's likeliest cause. Named can be whom it complains of (else what it uses),
    what those use, and whoever explains the trouble of one of these. An application's own error is
    put down to another service only where that one is known to be in trouble, not by its figures.
    """
    ranked = rank(question)
    told_of = {one.code for one in question.findings}
    allowed = _in_question(case.service, code, question, ranked)
    for one in ranked:
        known = one.metric in told_of or one.metric in _KNOWN
        if one.score < _SURE:
            break
        if one.service == case.service:
            # Its own finding is the trouble itself; its own figure may be the cause.
            if not known and not one.explained_by:
                break
            continue
        if one.service not in allowed or not (known or one.score >= _by_figures(code)):
            continue
        return tuple(each for each in ranked if each.service == one.service)
    return ()


def _in_question(
    patient: str, code: str, question: Question, ranked: Sequence[Suspect]
) -> frozenset[str]:
    """The services that may be named."""
    graph = question.calls or {}
    mine = [one for one in question.findings if one.service == patient and one.code == code]
    asked = {one.about for one in mine if one.about} or set(graph.get(patient, ()))
    path = set(asked)
    for name in asked:
        path |= used_by(name, graph)
    from_patient = {patient} if code in _OF_THE_MACHINE else set()
    linked = {one.explained_by for one in ranked if one.service in path | from_patient}
    return frozenset((path | linked) - {patient, ""})


def _by_figures(code: str) -> float:
    """The score from which figures alone name another service."""
    if code in TOWARD_OTHERS:
        return _SURE
    return _CLEAR if code in _OF_THE_MACHINE else 1.1


def with_blame(
    findings: tuple[Finding, ...], causes: tuple[Cause, ...], suspects: Sequence[Suspect]
) -> tuple[tuple[Finding, ...], tuple[Cause, ...]]:
    """The diagnosis with the blamed service in its first cause, and the reasons as evidence."""
    if not suspects or not causes:
        return findings, causes
    service = suspects[0].service
    # What was counted convinces more than what merely changed.
    suspects = sorted(suspects, key=lambda one: one.metric != "connections")
    reasons = [reason for one in suspects if one.score >= _SURE for reason in one.reasons]
    reasons = list(dict.fromkeys(reasons))[:_REASONS]
    first, *others = causes
    summary = f"{first.summary}; it comes from {service}"
    if reasons and not reasons[0].startswith(f"{service}: {first.summary}"):
        summary += f": {reasons[0]}"
    evidence = tuple(Evidence(source="history", text=reason) for reason in reasons)
    told = tuple(
        replace(one, evidence=(*one.evidence, *evidence)) if one.code == first.code else one
        for one in findings
    )
    return told, (replace(first, service=service, summary=summary), *others)
