"""What a service holds, beside what was known of it while it was well: lost, emptied, replaced."""

from __future__ import annotations

import re
from dataclasses import replace

from tabib.decide.diagnose.heard import SYMPTOMS
from tabib.decide.diagnose.rule import Rule, engine_rule, quote
from tabib.model.incident import Case, Evidence, Finding

_FOLLOWS = (
    *SYMPTOMS,
    *("engine.start-refused", "storage.bind-missing", "storage.permission-denied"),
    *("database.corrupt", "database.missing", "database.migration-failed", "database.lock-file"),
    *("database.cannot-open", "database.auth-failed", "config.file-missing", "restart.loop"),
    "exit.missing-env",
)
"""What a database says of itself where its files are gone."""


def _found(case: Case, verdict: str, code: str, severity: str) -> Finding | None:
    states = [one for one in case.data if one.verdict == verdict]
    if not states:
        return None
    evidence = [Evidence(source="history", text=quote(states[0].text), at=states[0].well_at)]
    evidence += [Evidence(source="engine", text=quote(one.engine)) for one in states if one.engine]
    summary = "; ".join(one.text for one in states)
    return Finding(code=code, severity=severity, summary=quote(summary), evidence=tuple(evidence))


_IO = re.compile(r"Input/output error|\bEIO\b|Structure needs cleaning", re.IGNORECASE)
NO_DAMAGE = re.compile(
    r"Permission denied|No space left|Cannot allocate memory|Too many open files"
    r"|Operation not permitted|Disk quota",
    re.IGNORECASE,
)


def unreadable(case: Case, code: str) -> Finding | None:
    """What a copy of its data that failed tells: ``database.corrupt`` or ``storage.io-error``."""
    for one in case.data:
        if one.verdict != "unreadable" or NO_DAMAGE.search(one.text):
            continue
        if code == ("storage.io-error" if _IO.search(one.text) else "database.corrupt"):
            return Finding(
                code=code,
                severity="critical",
                summary=quote(f"its data cannot be read: {one.text}"),
                evidence=(Evidence(source="dump", text=quote(one.text), at=one.since),),
            )
    return None


def told_by_copies(rule: Rule) -> Rule:
    """The rule, which also hears of copies that failed."""

    def check(case: Case) -> Finding | None:
        return rule.check(case) or unreadable(case, rule.code)

    return replace(rule, check=check)


def _rule(
    code: str,
    verdict: str,
    *,
    explain: str,
    advice: str,
    severity: str = "critical",
    anew: bool = False,
) -> Rule:
    """``anew``: only a case that is opened for it, or whose checks fail on it, is about it: else
    what is there now works."""

    def check(case: Case) -> Finding | None:
        if anew and case.trigger not in ("data", "unhealthy"):
            return None
        return _found(case, verdict, code, severity)

    return Rule(
        code=code,
        check=check,
        explain=explain,
        advice=advice,
        confidence=0.99,
        restart_helps=False,
        explains=_FOLLOWS,
    )


_LOST = engine_rule(
    "storage.volume-lost",
    r"(no such volume:? ?\S*"
    r"|failed to mount local volume: mount [^\n]{1,300}: no such file or directory"
    r"|error while mounting volume '[^']+': [^:]*: no such file[^.]*"
    r"|get (\S+): no such volume)",
    "a volume that it uses is gone: {0}",
    explain="The volume, or the folder behind it, was removed: its data with it.",
    advice="Do not start it on an empty volume; restore the last copy (`tabib restore`) first.",
    explains=_FOLLOWS,
)


def _lost(case: Case) -> Finding | None:
    found = _found(case, "lost", "storage.volume-lost", "critical")
    said = _LOST.check(case)
    if found is None or said is None:
        return found or said
    return replace(found, evidence=(*found.evidence, *said.evidence))


RULES = (
    replace(_LOST, check=_lost, confidence=0.99),
    _rule(
        "storage.volume-emptied",
        "emptied",
        explain="The files that made up its data are gone, though their place is there.",
        advice="Restore the last copy (`tabib restore`) before anything is written to it.",
    ),
    _rule(
        "database.replaced",
        "replaced",
        explain="Another database is where its own was: an image initialises an empty volume.",
        advice="Restore the last copy (`tabib restore`), or close the incident if you want it so.",
        anew=True,
    ),
    _rule(
        "storage.volume-shrunk",
        "shrunk",
        explain="More than half of what a volume held is gone since it was last measured.",
        advice="Where that is not your doing, restore a copy; close the incident if it is.",
        severity="warning",
        anew=True,
    ),
)
