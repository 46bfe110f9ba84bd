"""Case → findings → ranked causes. One file per family of rules; all pure. :func:`rank` tells which
of several services a trouble comes from (``decide/causes``)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from tabib.decide.causes import Line as Line
from tabib.decide.causes import Question as Question
from tabib.decide.causes import Suspect as Suspect
from tabib.decide.causes import rank as rank
from tabib.decide.changes import behind, weighed
from tabib.decide.diagnose import (
    clock,
    config,
    cpu,
    data,
    database,
    engine,
    exit,
    health,
    image,
    logged,
    memory,
    network,
    node,
    process,
    restart,
    storage,
    tls,
)
from tabib.decide.diagnose.heard import heard, said
from tabib.decide.diagnose.rule import Rule, quote
from tabib.model.incident import Case, Cause, Evidence, Finding

_WIDENED = frozenset(
    {
        *("exit.command-not-found", "exit.not-executable", "exit.exec-format"),
        *("network.refused", "network.dns", "network.port-taken"),
        *("storage.full", "storage.read-only"),
    }
)
_ALL: tuple[Rule, ...] = (
    *exit.RULES,
    *memory.RULES,
    *health.RULES,
    *restart.RULES,
    *image.RULES,
    *network.RULES,
    *storage.RULES,
    *data.RULES,
    *config.RULES,
    *engine.RULES,
    *logged.RULES,
    *process.RULES,
    *cpu.RULES,
    *node.RULES,
    *database.RULES,
    *tls.RULES,
    *clock.RULES,
)
_TOLD_BY_COPIES = frozenset({"database.corrupt", "storage.io-error"})
RULES = tuple(
    logged.widened(rule)
    if rule.code in _WIDENED
    else data.told_by_copies(rule)
    if rule.code in _TOLD_BY_COPIES
    else rule
    for rule in _ALL
)
BY_CODE: dict[str, Rule] = {rule.code: rule for rule in RULES}

_CONSEQUENCE = 0.4
"""What is left of a cause's confidence where another finding explains it."""
_EXPLAINS_FROM = 0.7
"""What is much less sure than a finding does not explain it."""
_DEPENDENCY_DOWN = 0.95
_OWN_ERROR = 0.75
"""Of an unhandled error of the application's own code."""
_EXPLAINED_BY_DEPENDENCY = frozenset({"network.refused", "network.dns"})


def diagnose(case: Case) -> tuple[tuple[Finding, ...], tuple[Cause, ...]]:
    """All findings of a case in the order of the rules, and causes, the likeliest first.

    A finding that another one explains stays a finding and ranks behind it. A dependency that is
    down makes a refused connection (or an unknown name) the likeliest cause.
    """
    findings = tuple(found for rule in RULES if (found := rule.check(case)) is not None)
    sure = {finding.code: _confidence(case, finding) for finding in findings}
    causes = [_cause(case, finding, sure) for finding in findings]
    return tuple(_told(case, one, causes) for one in findings), weighed(case, causes)


def _told(case: Case, finding: Finding, causes: Iterable[Cause]) -> Finding:
    """The finding, with the recent change that makes it likely among its evidence."""
    cause = next((one for one in causes if one.code == finding.code), None)
    change = behind(case, cause) if cause else None
    if change is None:
        return finding
    evidence = Evidence(source="history", text=quote(change.text), at=change.at)
    return replace(finding, evidence=(*finding.evidence[:1], evidence, *finding.evidence[1:]))


def _from_log(finding: Finding) -> bool:
    return bool(finding.evidence) and finding.evidence[0].source in ("log", "health")


def _own_error(case: Case) -> bool:
    """Its last words are an error of the code itself, which it did not handle."""
    last = said(case).complaint
    return last is not None and last.thrown is not None and last.thrown.of_the_code


def _confidence(case: Case, finding: Finding) -> float:
    confidence = BY_CODE[finding.code].confidence
    if finding.code in _EXPLAINED_BY_DEPENDENCY and network.suffering(case):
        return _DEPENDENCY_DOWN
    if _from_log(finding):
        words = heard(case).get(finding.code)
        confidence *= words.weight if words else 1.0
    if finding.code == "exit.app-error" and _own_error(case):
        return _OWN_ERROR
    return confidence


def _cause(case: Case, finding: Finding, sure: Mapping[str, float]) -> Cause:
    """``sure``: the confidence of each finding by itself."""
    rule, confidence = BY_CODE[finding.code], sure[finding.code]
    explained = any(
        finding.code in BY_CODE[code].explains and other >= _EXPLAINS_FROM * confidence
        for code, other in sure.items()
    )
    return Cause(
        code=finding.code,
        summary=finding.summary,
        confidence=round(confidence * (_CONSEQUENCE if explained else 1.0), 2),
        cites=(finding.code, *(code for code in rule.explains if code in sure)),
        service=network.wanted(case, finding),
    )


def restart_helps(causes: tuple[Cause, ...]) -> bool:
    """Whether starting it again can cure the likeliest cause; unknown causes: yes."""
    if not causes:
        return True
    return BY_CODE[causes[0].code].restart_helps if causes[0].code in BY_CODE else True
