"""The words of a message: for a phone at night. Everything in an incident is redacted already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from tabib.decide.report import summary
from tabib.model.incident import SEVERITIES, Incident
from tabib.model.notice import Message, Notice

_LINES = 15
"""Incidents that a message about several spells out; what is critical is spelled out always."""
_LINE = 160
_TEXT = 1600
"""Characters: what every service takes in one piece."""
_HEADINGS = {"open": "OPEN", "needs_human": "NEEDS A PERSON", "recovery": "RECOVERED"}
_ENDS = {"recovered": "RECOVERED", "mitigated": "BETTER, NOT CURED", "false_alarm": "FALSE ALARM",
         "needs_human": "CLOSED, NOT CURED"}  # fmt: skip


def title_of(incident: Incident, host: str) -> str:
    """The same for the whole life of an incident: its messages make one thread."""
    at = f" on {host}" if host else ""
    return f"[tabib] {_who(incident)}{at}: incident {incident.id[:12]}"


def head_of(incident: Incident, kind: str) -> str:
    """One line, for a message about several incidents."""
    words = f"{_heading(incident, kind)}: {_who(incident)}: {incident.cause.summary}"
    return f"{_cut(words, _LINE)} ({incident.id[:12]})"


def text_of(incident: Incident, kind: str, *, reports: bool = False) -> str:
    """What broke, since when, what was done and whether it helped; what is left; where to look."""
    over = "" if incident.closed_at is None else f", closed {_clock(incident.closed_at)}"
    began = incident.reopened_at or incident.opened_at
    again = f", back for the {incident.reopened}. time" if incident.reopened else ""
    short = incident.id[:12]
    lines = [
        f"{_heading(incident, kind)} ({incident.severity}): {incident.cause.summary}",
        f"{incident.container or _who(incident)}, since {_clock(began)}{over}{again}",
        summary(incident),
        f"Left to do: {incident.advice}" if incident.advice else "",
    ]
    words = "\n".join(_cut(line, _TEXT // 3) for line in lines if line)
    more = f" · tabib report {short}" if reports else ""
    return f"{words}\n→ tabib incident {short}{more}"


def compose(
    notices: Sequence[Notice], *, flapping: Mapping[str, int] | None = None, host: str = ""
) -> Message:
    """One message of at least one notice, at most one for each incident, most urgent first.

    ``flapping``: incident → how often it came back within the hour.
    """
    flapping = flapping or {}
    severity = max((one.severity for one in notices), key=SEVERITIES.index)
    recovered = all(one.kind == "recovery" for one in notices)
    if len(notices) == 1:
        [only] = notices
        body = _flaps(flapping.get(only.incident, 0)) + only.text
        return Message(title=only.title, body=body, severity=severity, recovered=recovered)
    ordered = sorted(notices, key=_weight)
    critical = sum(one.severity == "critical" for one in ordered)
    shown = ordered[: max(_LINES, critical)]
    lines = [f"- {_flaps(flapping.get(one.incident, 0), end=' ')}{one.head}" for one in shown]
    if len(ordered) > len(shown):
        lines.append(f"- … and {len(ordered) - len(shown)} more")
    needed = sum(one.kind == "needs_human" for one in ordered)
    at = f" on {host}" if host else ""
    says = f", {needed} need{'s' if needed == 1 else ''} a person" if needed else ""
    return Message(
        title=f"[tabib] {len(ordered)} incidents{at}{says}",
        body="\n".join([*lines, "→ tabib incidents · tabib incident ID"]),
        severity=severity,
        recovered=recovered,
    )


def with_explained(message: Message, children: Sequence[Incident]) -> Message:
    """The message about an incident, naming the services whose trouble it explains: those are not
    told of on their own."""
    services = sorted({one.service for one in children})
    if not services:
        return message
    first, *rest = message.body.rsplit("\n→", 1)
    line = _cut(f"Explains the trouble of {', '.join(services)}", _TEXT // 3)
    return replace(message, body="\n→".join([f"{first}\n{line}", *rest]))


def summary_text(incidents: Sequence[Incident], since: datetime) -> str:
    """The week in a few lines."""
    ended = {"recovered": 0, "mitigated": 0, "needs_human": 0, "open": 0, "false_alarm": 0}
    services: dict[str, int] = {}
    for one in incidents:
        ended[one.outcome] = ended.get(one.outcome, 0) + 1
        services[_who(one)] = services.get(_who(one), 0) + 1
    often = sorted(services.items(), key=lambda item: (-item[1], item[0]))[:3]
    counts = ", ".join(f"{n} {name.replace('_', ' ')}" for name, n in ended.items() if n)
    lines = [f"SUMMARY: {len(incidents)} incidents since {_clock(since)}"]
    if incidents:
        lines += [counts, "Most often: " + ", ".join(f"{name} ({n})" for name, n in often)]
    return "\n".join([*lines, "→ tabib incidents --all"])


def _weight(notice: Notice) -> tuple[int, int, datetime, str]:
    kinds = {"needs_human": 0, "open": 1, "recovery": 2, "summary": 3}
    return (-SEVERITIES.index(notice.severity), kinds[notice.kind], notice.at, notice.id)


def _flaps(times: int, end: str = "\n") -> str:
    return f"FLAPPING: came back {times} times within the hour.{end}" if times else ""


def _heading(incident: Incident, kind: str) -> str:
    if kind == "recovery":
        return _ENDS.get(incident.outcome, _HEADINGS[kind])
    return _HEADINGS[kind]


def _who(incident: Incident) -> str:
    return "/".join(part for part in (incident.project, incident.service) if part)


def _clock(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _cut(text: str, length: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= length else f"{line[: length - 1]}…"
