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
    "refused": ("✘ refused", "red"),
}
_ABSENT_LIMIT = 3
_EVIDENCE_LIMIT = 6
_LOG_LINES = 8


def healed_in(row: Row) -> float | None:
    """Seconds from the trouble to its end; None while it is open or unknown."""
    if row.get("rto_seconds") is not None:
        return float(row["rto_seconds"])
    opened, closed = parse_time(row.get("opened_at")), parse_time(row.get("closed_at"))
    if opened is None or closed is None or row.get("outcome") != "recovered":
        return None
    return (closed - opened).total_seconds()


def incident_table(rows: Sequence[Row], console: Console) -> list[str]:
    """One line for each incident."""
    cells = []
    for row in rows:
        seconds = healed_in(row)
        cells.append(
            (
                str(row.get("id", "")),
                local_time(row.get("opened_at")),
                _place(row),
                _outcome(row, console),
                duration(seconds) if seconds is not None else "",
                str((row.get("cause") or {}).get("summary") or ""),
            )
        )
    width = shutil.get_terminal_size().columns if is_terminal(sys.stdout) else None
    return table(("ID", "OPENED", "SERVICE", "OUTCOME", "HEALED IN", "WHAT"), cells, width)


def incident_page(row: Row, cases: Sequence[Row], console: Console) -> list[str]:
    """What broke, since when, why, what was done, whether it worked, what is left."""
    cause = row.get("cause") or {}
    lines = [
        console.paint(f"{_place(row)}: {cause.get('summary') or 'something went wrong'}", "bold"),
        f"{_outcome(row, console)}, {_when(row)}",
        "",
        *_section("Why", _why(row, console), console),
        *_section("What tabib did", _treatments(row, console), console),
        *_section("What is left", _left(row), console),
        *_section("Last words", _last_words(cases), console),
    ]
    kept = "; ".join(_kept(row, cases))
    return [*lines, console.paint(kept, "dim")]


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
        lines.append(f"{treatment.get('action')}: {console.paint(word, color)}{took}")
        lines += _wrap(str(treatment.get("reason") or ""), "  because ")
    return lines


def _left(row: Row) -> list[str]:
    advice = str(row.get("advice") or "")
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
