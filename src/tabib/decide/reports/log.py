"""The excerpt of a log: the telling lines, what stands around them, and the last words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tabib.decide.log_levels import level_of
from tabib.decide.reports.text import line as shown
from tabib.model.incident import Finding

AROUND = 2
LAST = 30
_BUDGET = 60_000
"""Characters of all lines together."""
_LEAST = 8
"""A quotation shorter than that could stand in any line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """``mark``: ``cited`` (the diagnosis rests on it), the line's own level (``fatal``, ``error``,
    ``warning``), ``skipped`` (``text`` says how many lines are left out), or empty."""

    text: str
    mark: str = ""
    number: int = 0


def quotations(findings: Iterable[Finding]) -> tuple[str, ...]:
    """What the findings quote of the log."""
    return tuple(
        evidence.text
        for finding in findings
        for evidence in finding.evidence
        if evidence.source == "log" and len(evidence.text) >= _LEAST
    )


def excerpt(
    lines: Sequence[str], quoted: Sequence[str], *, last: int = LAST, around: int = AROUND
) -> list[LogLine]:
    """The cited lines with their surroundings and the ``last`` ones, bounded; nothing is left out
    without a word."""
    marks = [_mark(line, quoted) for line in lines]
    kept = set(range(max(len(lines) - last, 0), len(lines)))
    for place, mark in enumerate(marks):
        if mark == "cited":
            kept |= set(range(max(place - around, 0), min(place + around + 1, len(lines))))
    found: list[LogLine] = []
    room, before = _BUDGET, -1
    # The newest and the cited come first where there is no room for all.
    chosen: dict[int, str] = {}
    for place in sorted(kept, key=lambda one: (marks[one] != "cited", -one)):
        text = shown(lines[place])
        room -= len(text)
        if room < 0:
            break
        chosen[place] = text
    for place in [*sorted(chosen), len(lines)]:
        if place - before > 1:
            found.append(LogLine(text=_left_out(place - before - 1), mark="skipped"))
        if place < len(lines):
            found.append(LogLine(text=chosen[place], mark=marks[place], number=place + 1))
        before = place
    return found


def _left_out(count: int) -> str:
    return f"… {count} line{'s' if count > 1 else ''} left out …"


def _mark(line: str, quoted: Sequence[str]) -> str:
    # As a rule quotes it: on one line, shortened.
    flat = " ".join(line[:4096].split())
    for one in quoted:
        text = " ".join(one.split())
        core = text.removesuffix("…")
        if core in flat or (len(flat) >= _LEAST and flat in text):
            return "cited"
    return level_of(line)
