"""Containers that are in trouble now: diagnosed by the same rules as incidents."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from tabib.decide.checkup.rule import Check, engine, found
from tabib.decide.diagnose import BY_CODE as DIAGNOSED
from tabib.decide.diagnose import diagnose
from tabib.model.checkup import CheckupFinding, Examined, Observation
from tabib.model.incident import Evidence

LOOP_RESTARTS = 4
LOOP_WITHIN = timedelta(minutes=10)
_BY_SIGNAL = (129, 130, 143)
"""Exit codes of a polite stop: a person's, most likely."""
_KILLED = 137
_MOST_EVIDENCE = 5


def trigger(one: Examined, now: datetime) -> str:
    """What a case of the container would be opened for (``Case.trigger``); empty: it is not in
    trouble, or by a person's will."""
    if one.oneoff or one.halted:
        return ""
    if one.status == "restarting":
        return "loop"
    if one.status == "running" and one.health == "unhealthy":
        return "unhealthy"
    if one.status == "running":
        young = one.started_at is not None and now - one.started_at < LOOP_WITHIN
        return "loop" if young and one.restarts >= LOOP_RESTARTS else ""
    if one.status == "created" and one.engine_error:
        return "start_failed"
    if one.status != "exited" or one.exit_code in (None, 0, *_BY_SIGNAL):
        return ""
    # 137 without a word of memory is `docker kill`, or a stop that took too long.
    return "" if one.exit_code == _KILLED and not one.oom_killed else "died"


def diagnosed(observation: Observation) -> Iterable[CheckupFinding]:
    """The likeliest cause of each container that is in trouble; what else was found is evidence."""
    for one in observation.containers:
        case = observation.cases.get(one.id)
        if case is None:
            continue
        findings, causes = diagnose(case)
        by_code = {finding.code: finding for finding in findings}
        if case.exit_code is None:
            # Caught between two lives: that it ends is all that is known.
            causes = tuple(one for one in causes if one.code != "exit.app-error")
        if not causes:
            yield found(one, "exit.app-error", "error", _as_it_is(one), engine(_as_it_is(one)))
            continue
        first = by_code[causes[0].code]
        others = [by_code[cause.code] for cause in causes[1:]]
        evidence = [*first.evidence, *(engine(f"also {o.code}: {o.summary}") for o in others[:2])]
        summary = first.summary
        if case.trigger == "loop" and first.code != "restart.loop":
            summary = f"it is restarted again and again: {summary}"
        severity = first.severity
        if case.trigger == "died" and not one.project and one.restart_policy in ("", "no"):
            # Nobody waits for it: what `docker run` left behind.
            severity = "warning" if severity == "error" else severity
        made = found(one, first.code, severity, summary, *evidence[:_MOST_EVIDENCE])
        yield replace(made, advice=DIAGNOSED[first.code].advice)


def remembered(observation: Observation) -> Iterable[CheckupFinding]:
    """What tabib has an open incident of, and what is not in trouble by itself now: quarantined
    after its budget, or waiting for a person."""
    by_name = {one.name: one for one in observation.containers}
    for incident in observation.incidents:
        one = by_name.get(incident.container)
        if one is None or one.id in observation.cases or incident.closed_at is not None:
            continue
        if one.status == "running" and one.health in ("", "healthy"):
            # It runs again: whoever looks after it closes the incident.
            continue
        since = f"{incident.opened_at:%Y-%m-%d %H:%M} UTC"
        text = f"incident {incident.id} is open since {since} ({incident.outcome})"
        if one.halted:
            text += f"; the container is {one.halted}"
        evidence = Evidence(source="history", text=text, at=incident.opened_at)
        made = found(one, incident.cause.code, "error", incident.cause.summary, evidence)
        yield replace(made, advice=f"`tabib incident {incident.id}` has all of it.")


def _as_it_is(one: Examined) -> str:
    code = f" with code {one.exit_code}" if one.exit_code is not None else ""
    return f"it is {one.status}{code}, and nothing tells why"


def _dead(observation: Observation) -> Iterable[CheckupFinding]:
    for one in observation.containers:
        if one.status == "dead":
            summary = "the engine could not remove it completely, and it cannot be started"
            yield found(
                one, "engine.dead-container", "error", summary, engine("State.Status is dead")
            )


RULES: tuple[Check, ...] = (
    Check(
        code="engine.dead-container",
        check=_dead,
        explain="The engine gave a container up half removed, mostly because a mount was busy.",
        advice="`docker rm -f NAME`; where that fails, restart the engine, and try again.",
    ),
)
