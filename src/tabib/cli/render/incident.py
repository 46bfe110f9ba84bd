"""Incidents for people: a table, and a page that a tired person understands in thirty seconds."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from tabib.cli.console import Console, is_terminal
from tabib.cli.render.table import table
from tabib.cli.render.units import duration, local_time, parse_time

Row = Mapping[str, Any]

_OUTCOMES = {
    "recovered": ("recovered", "green"),
    "mitigated": ("mitigated", "yellow"),
    "needs_human": ("needs you", "red"),
    "open": ("open", "yellow"),
    "false_alarm": ("false alarm", "dim"),
}
_TREATMENTS = {
    "verified": ("✔ it helped", "green"),
    "done": ("✔ done", "green"),
    "failed": ("✘ failed", "red"),
    "not_verified": ("✘ it did not help", "red"),
    "started": ("… at work", "yellow"),
    "offered": ("→ waits for you", "yellow"),
    "refused": ("✘ not done", "red"),
    "undone": ("↶ taken back", "yellow"),
}
_ACTIONS = {
    "start": "started it",
    "restart": "restarted it",
    "recreate": "created it anew",
    "rollback": "went back to the last good release",
    "raise_limit": "raised its limit",
    "reconnect": "attached it to its network",
    "free_space": "freed space",
    "recreate_with_init": "created it anew with an init process",
    "recreate_with_rotation": "created it anew with a bounded log",
    "quarantine": "stopped it for you to look at",
    "restore": "restored its data from a snapshot",
}
_OFFERS = {
    "start": "start it",
    "restart": "restart it",
    "recreate": "create it anew",
    "rollback": "go back to the last good release",
    "raise_limit": "raise its limit",
    "reconnect": "attach it to its network",
    "free_space": "free space",
    "recreate_with_init": "create it anew with an init process",
    "recreate_with_rotation": "create it anew with a bounded log",
    "quarantine": "stop it",
    "restore": "restore its data from a snapshot",
}
_ABSENT_LIMIT = 3
_EVIDENCE_LIMIT = 6
_LOG_LINES = 8
_FLAPS = 3
_SIMPLE = 6
"""Trouble, sealed, diagnosed, treated, helped, closed: the sections tell that."""
_MOMENTS = 12
"""So many of the newest are shown; all are in ``--json``."""


def healed_in(row: Row) -> float | None:
    """Seconds from the trouble to its end; None while it is open or unknown."""
    if row.get("rto_seconds") is not None:
        return float(row["rto_seconds"])
    opened, closed = parse_time(row.get("opened_at")), parse_time(row.get("closed_at"))
    if opened is None or closed is None or row.get("outcome") != "recovered":
        return None
    return (closed - opened).total_seconds()


def incident_table(rows: Sequence[Row], console: Console) -> list[str]:
    """One line for each incident; those that another one explains stand under it."""
    cells = []
    for row, lead in _as_tree(rows):
        seconds = healed_in(row)
        cells.append(
            (
                str(row.get("id", "")),
                local_time(row.get("opened_at")),
                lead + _place(row),
                _outcome(row, console),
                duration(seconds) if seconds is not None else "",
                _what(row),
            )
        )
    width = shutil.get_terminal_size().columns if is_terminal(sys.stdout) else None
    return table(("ID", "OPENED", "SERVICE", "OUTCOME", "HEALED IN", "WHAT"), cells, width)


def _as_tree(rows: Sequence[Row]) -> list[tuple[Row, str]]:
    """The rows in their order, each followed by those that it explains, and what to put before."""
    there = {row.get("id") for row in rows}
    under: dict[Any, list[Row]] = {}
    for row in rows:
        if row.get("parent") in there:
            under.setdefault(row.get("parent"), []).append(row)
    found: list[tuple[Row, str]] = []
    for row in rows:
        if row.get("parent") in there:
            continue
        found.append((row, ""))
        children = under.get(row.get("id"), [])
        found += [(one, "└ " if one is children[-1] else "├ ") for one in children]
    return found


def _what(row: Row) -> str:
    summary = str((row.get("cause") or {}).get("summary") or "")
    return f"{_again(row)}: {summary}" if row.get("reopened") else summary


def _again(row: Row) -> str:
    times = int(row.get("reopened") or 0) + 1
    return f"flapping, {times} times" if times > _FLAPS else f"{times} times"


def incident_page(
    row: Row, cases: Sequence[Row], console: Console, children: Sequence[Row] = ()
) -> list[str]:
    """What broke, since when, why, what was done, whether it worked, what is left."""
    cause = row.get("cause") or {}
    lines = [
        console.paint(f"{_place(row)}: {cause.get('summary') or 'something went wrong'}", "bold"),
        f"{_outcome(row, console)}, {_when(row)}",
        "",
        *_section("Why", _why(row, console), console),
        *_section("It also explains", [_child(one, console) for one in children], console),
        *_section("What tabib did", _treatments(row, console), console),
        *_section("What is left", _left(row), console),
        *_section("What happened when", _moments(row), console),
        *_section("Last words", _last_words(cases), console),
    ]
    kept = "; ".join(_kept(row, cases))
    return [*lines, console.paint(kept, "dim")]


def _child(row: Row, console: Console) -> str:
    summary = (row.get("cause") or {}).get("summary") or ""
    return f"{_place(row)} ({row.get('id')}), {_outcome(row, console)}: {summary}"


def _moments(row: Row) -> list[str]:
    """The timeline, where it tells more than the sections above: several treatments, or more."""
    moments = list(row.get("timeline") or ())
    if len(moments) <= _SIMPLE:
        return []
    left_out = len(moments) - _MOMENTS
    lines = [f"… {left_out} earlier moments: --json"] if left_out > 0 else []
    for moment in moments[-_MOMENTS:]:
        at = parse_time(moment.get("at"))
        clock = at.astimezone().strftime("%H:%M:%S") if at else ""
        lines += _wrap(str(moment.get("text") or ""), f"{clock}  ")
    return lines


def _section(title: str, body: Sequence[str], console: Console) -> list[str]:
    if not body:
        return []
    return [console.paint(title, "bold"), *(f"  {line}" for line in body), ""]


def _place(row: Row) -> str:
    parts = (str(row.get("project") or ""), str(row.get("service") or ""))
    return "/".join(part for part in parts if part) or str(row.get("container") or "")


def _outcome(row: Row, console: Console) -> str:
    word, color = _OUTCOMES.get(str(row.get("outcome")), (str(row.get("outcome")), "dim"))
    return console.paint(word, color)


def _when(row: Row) -> str:
    seconds = healed_in(row)
    text = f"since {local_time(row.get('opened_at'))}"
    if seconds is not None:
        text = f"healed in {duration(seconds)}; it began {local_time(row.get('opened_at'))}"
    elif row.get("closed_at"):
        text += f", closed {local_time(row.get('closed_at'))}"
    if row.get("reopened"):
        text += f"; {_again(row)}"
    if row.get("rpo_seconds"):
        text += f"; {duration(float(row['rpo_seconds']))} of data lost"
    return f"{text} ({row.get('container')})"


def _why(row: Row, console: Console) -> list[str]:
    causes = list(row.get("causes") or ()) or [row.get("cause") or {}]
    lines = []
    for number, cause in enumerate(causes[:3]):
        lead = "" if number == 0 else "or: "
        sure = f"{float(cause.get('confidence') or 0):.0%} sure"
        code = console.paint(f"{cause.get('code')}, {sure}", "dim")
        lines.append(f"{lead}{cause.get('summary') or '?'}  {code}")
    origin = (row.get("cause") or {}).get("service")
    if origin and origin != row.get("service"):
        under = f" (tabib incident {row['parent']})" if row.get("parent") else ""
        lines.append(f"the trouble comes from {origin}{under}")
    shown = 0
    for finding in row.get("findings") or ():
        for evidence in finding.get("evidence") or ():
            if evidence.get("source") == "absent" or shown == _EVIDENCE_LIMIT:
                continue
            shown += 1
            lines += _wrap(f"{evidence.get('source')}: {evidence.get('text')}", "· ")
    return lines


def _treatments(row: Row, console: Console) -> list[str]:
    treatments = row.get("treatments") or ()
    if not treatments:
        return ["nothing"]
    lines = []
    for treatment in treatments:
        outcome = str(treatment.get("outcome"))
        word, color = _TREATMENTS.get(outcome, (outcome, "dim"))
        begun, ended = (parse_time(treatment.get(key)) for key in ("started_at", "ended_at"))
        took = f" ({duration((ended - begun).total_seconds())})" if begun and ended else ""
        action = str(treatment.get("action"))
        names = _OFFERS if outcome in ("offered", "refused") else _ACTIONS
        by = f", asked for by {treatment['by']}" if treatment.get("by") else ""
        name = _done_to(names.get(action, action), treatment)
        lines.append(f"{name}: {console.paint(word, color)}{took}{by}")
        lines += _wrap(str(treatment.get("reason") or ""), "  because ")
    return lines


def _done_to(name: str, treatment: Row) -> str:
    """``restarted it``, or whom else."""
    other = (treatment.get("before") or {}).get("service")
    return name.replace(" it", f" {other}", 1) if other else name


def _left(row: Row) -> list[str]:
    advice = str(row.get("advice") or "")
    last = (list(row.get("treatments") or ()) or [{}])[-1]
    if last.get("outcome") == "offered" and not row.get("closed_at"):
        offer = _done_to(_OFFERS.get(str(last.get("action")), str(last.get("action"))), last)
        advice = f"To {offer}: `tabib incident {row.get('id')} --treat`. {advice}"
    if advice:
        return _wrap(advice, "")
    return ["nothing"] if row.get("outcome") in ("recovered", "false_alarm") else []


def _last_words(cases: Sequence[Row]) -> list[str]:
    for case in cases:
        if case.get("log_tail"):
            return [f"│ {text}" for text in list(case["log_tail"])[-_LOG_LINES:]]
    return []


def _kept(row: Row, cases: Sequence[Row]) -> list[str]:
    parts = [f"incident {row.get('id')}"]
    if cases:
        parts.append(f"evidence: tabib incident {row.get('id')} --case")
        parts.append(f"report: tabib report {row.get('id')} -o {row.get('id')}.html")
    absent = [text for case in cases for text in case.get("absent") or ()][:_ABSENT_LIMIT]
    if absent:
        parts.append("could not be had: " + ", ".join(absent))
    return parts


def _wrap(text: str, lead: str) -> list[str]:
    """Folded to the terminal, continuation lines under the first; long words stay whole."""
    columns = min(shutil.get_terminal_size((100, 24)).columns, 110) - 4
    lines: list[str] = []
    for part in text.splitlines() or [""]:
        lines += textwrap.wrap(
            part,
            columns,
            initial_indent=lead if not lines else " " * len(lead),
            subsequent_indent=" " * len(lead),
            break_long_words=False,
        )
    return lines
