"""Words for codes: how an incident stands, what was done, whether it helped."""

from __future__ import annotations

from datetime import UTC, datetime

from tabib.model.incident import Incident, Treatment
from tabib.model.units import duration

OUTCOMES = {
    "recovered": ("recovered", "good"),
    "mitigated": ("better, not cured", "odd"),
    "needs_human": ("needs a person", "bad"),
    "open": ("not over yet", "odd"),
    "false_alarm": ("false alarm", "dim"),
}
"""Outcome → words, and the look of a badge."""
RESULTS = {
    "started": "under way",
    "done": "done",
    "failed": "failed",
    "verified": "it helped",
    "not_verified": "it did not help",
    "offered": "waits for a person",
    "refused": "refused",
    "undone": "undone",
}
DONE = {
    "start": "started it again",
    "restart": "restarted it",
    "recreate": "created it anew",
    "quarantine": "stopped it until a person starts it",
    "wait": "waited",
    "wait_for_dependency": "waited for what it needs",
    "offer": "left it for a person to decide",
    "none": "left it alone",
    "rollback": "rolled it back",
    "restore": "restored its data from a snapshot",
}
TRIGGERS = {
    "died": "it died",
    "removed": "its container was removed",
    "unhealthy": "it was unhealthy",
    "oom": "it ran out of memory",
    "loop": "it was restarted over and over",
    "start_failed": "it could not be started",
    "detached": "it was detached from its network",
    "engine_restarted": "it was not brought back after the engine's restart",
    "missing": "it was found gone",
    "data": "what it holds is not what it was",
}
ACTED = ("done", "failed", "verified", "not_verified", "started", "undone")


def place(project: str, service: str, container: str = "") -> str:
    """``shop/api``; the container's name where it belongs to no project."""
    return "/".join(part for part in (project, service) if part) or container


def moment(at: datetime | None) -> str:
    """``2026-11-25 14:03:07 UTC``."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if at else ""


def clock(at: datetime) -> str:
    """``14:03:07.250``, in UTC: for moments of one incident."""
    return at.astimezone(UTC).strftime("%H:%M:%S.%f")[:-3]


def stamp(at: datetime) -> str:
    """``2026-11-25 14:03:07.250``, in UTC: where days and milliseconds matter."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def outcome(incident: Incident) -> str:
    """``recovered after 2.1 s``."""
    said = OUTCOMES.get(incident.outcome, (incident.outcome, ""))[0]
    if incident.rto_seconds is not None:
        said += f" after {duration(incident.rto_seconds)}"
    return said


def action(name: str) -> str:
    return DONE.get(name, name.replace("_", " "))


def done_to(treatment: Treatment) -> str:
    """``restarted it``, or whom else."""
    other = treatment.before.get("service")
    said = action(treatment.action)
    return said.replace(" it", f" {other}", 1) if other else said


def did(treatments: tuple[Treatment, ...]) -> str:
    """What tabib did in one sentence; each kind of treatment once, with how often."""
    counts: dict[str, int] = {}
    for one in treatments:
        if one.outcome in ACTED and one.action != "none":
            what = done_to(one)
            counts[what] = counts.get(what, 0) + 1
    parts = [what + (f" ({n} times)" if n > 1 else "") for what, n in counts.items()]
    if parts:
        return ", ".join(parts)
    offered = [one for one in treatments if one.outcome == "offered"]
    return "nothing by itself; a treatment is offered" if offered else "nothing"


def worked(incident: Incident) -> str:
    """Whether it helped, by the last treatment and the outcome."""
    acted = [one for one in incident.treatments if one.outcome in ACTED]
    if incident.outcome == "recovered":
        way = "yes" if acted else "nothing was needed"
        return f"{way}: {outcome(incident)}"
    if not acted:
        return f"nothing was tried: {outcome(incident)}"
    last = RESULTS.get(acted[-1].outcome, acted[-1].outcome)
    return f"{last}; the incident is {outcome(incident)}"
