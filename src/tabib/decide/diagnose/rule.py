"""What a diagnostic rule is, and the few ways in which rules look at a case."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache

from tabib.decide.diagnose.log_text import read
from tabib.decide.diagnose.words import Words
from tabib.decide.quoting import QUOTE_CHARS as QUOTE_CHARS
from tabib.decide.quoting import quote as quote
from tabib.model.incident import Case, Evidence, Finding

CHARACTERS = 1000
"""So much of a log line is searched."""

LAST_LINES = 20
"""So many lines before the end are taken for the application's last words."""

DEATHS = frozenset({"died", "loop", "start_failed"})
"""Triggers of a container that is, or keeps being, down by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One thing that can be wrong, and how it is known.

    ``check`` is pure: a case in, a finding with this rule's ``code`` or None out.
    """

    code: str
    check: Callable[[Case], Finding | None]
    explain: str
    """What it means, one sentence for a person who has never met it."""
    advice: str
    """What to do next, in plain words."""
    confidence: float
    """0…1: how surely it is the cause where it is found."""
    restart_helps: bool = True
    """False: starting it again can only end the same way."""
    explains: tuple[str, ...] = ()
    """Codes that are mere consequences where this one is found as well."""


def last_match(pattern: re.Pattern[str], lines: Iterable[str]) -> re.Match[str] | None:
    """The match in the last line that has one."""
    for line in reversed(tuple(lines)):
        found = pattern.search(line)
        if found:
            return found
    return None


def last_lines(case: Case) -> tuple[str, ...]:
    """The log lines that may tell why it ended: the last few of an application that gave up.

    None where a signal ended it or it exited with 0: what stands in the log then is of earlier,
    and an old complaint must not stand in the way of a restart.
    """
    code = case.exit_code
    gave_up = code is not None and (0 < code < 128 or code == 255)
    if not gave_up and case.trigger != "unhealthy":
        return ()
    return _not_innocent(case.log_tail)


@lru_cache(maxsize=4)
def _not_innocent(tail: tuple[str, ...]) -> tuple[str, ...]:
    lines = tuple(line[:CHARACTERS] for line in tail if line.strip())[-LAST_LINES:]
    return tuple(line for line in lines if not Words(*read(line)).innocent)


def from_log(case: Case, pattern: re.Pattern[str]) -> Evidence | None:
    """The last of :func:`last_lines` that matches, as evidence."""
    found = last_match(pattern, last_lines(case))
    return Evidence(source="log", text=quote(found.string)) if found else None


def from_health(case: Case, pattern: re.Pattern[str]) -> Evidence | None:
    """The last health check output that matches, as evidence."""
    for probe in reversed(case.health_log):
        if pattern.search(probe.output):
            return Evidence(source="health", text=quote(probe.output), at=probe.at)
    return None


def from_engine(case: Case, pattern: re.Pattern[str]) -> Evidence | None:
    """The engine's own error where it matches, as evidence."""
    if not pattern.search(case.engine_error):
        return None
    return Evidence(source="engine", text=quote(case.engine_error), at=case.finished_at)


def exit_evidence(case: Case) -> Evidence:
    return Evidence(source="event", text=f"exit code {case.exit_code}", at=case.finished_at)


def engine_rule(
    code: str,
    pattern: str,
    summary: str,
    *,
    explain: str,
    advice: str,
    restart_helps: bool = False,
    explains: tuple[str, ...] = ("engine.start-refused",),
) -> Rule:
    """A rule that is known by the engine's own words; ``{0}`` in ``summary`` is its first group."""
    compiled = re.compile(pattern, re.IGNORECASE)

    def check(case: Case) -> Finding | None:
        found = compiled.search(case.engine_error)
        evidence = from_engine(case, compiled)
        if found is None or evidence is None:
            return None
        named = next((group for group in found.groups() if group), "")
        text = quote(summary.format(named))
        return Finding(code=code, severity="error", summary=text, evidence=(evidence,))

    return Rule(
        code=code,
        check=check,
        explain=explain,
        advice=advice,
        confidence=0.97,
        restart_helps=restart_helps,
        explains=explains,
    )
