"""Case → findings → ranked causes. One file per family of rules; all pure."""

from __future__ import annotations

from tabib.decide.diagnose import (
    config,
    engine,
    exit,
    health,
    image,
    memory,
    network,
    restart,
    storage,
)
from tabib.decide.diagnose.rule import Rule
from tabib.model.incident import Case, Cause, Finding

RULES: tuple[Rule, ...] = (
    *exit.RULES,
    *memory.RULES,
    *health.RULES,
    *restart.RULES,
    *image.RULES,
    *network.RULES,
    *storage.RULES,
    *config.RULES,
    *engine.RULES,
)
BY_CODE: dict[str, Rule] = {rule.code: rule for rule in RULES}

_CONSEQUENCE = 0.4
"""What is left of a cause's confidence where another finding explains it."""
_DEPENDENCY_DOWN = 0.95
_EXPLAINED_BY_DEPENDENCY = frozenset({"network.refused", "network.dns"})


def diagnose(case: Case) -> tuple[tuple[Finding, ...], tuple[Cause, ...]]:
    """All findings of a case in the order of the rules, and causes, the likeliest first.

    A finding that another one explains stays a finding and ranks behind it. A dependency that is
    down makes a refused connection (or an unknown name) the likeliest cause.
    """
    findings = tuple(found for rule in RULES if (found := rule.check(case)) is not None)
    codes = frozenset(finding.code for finding in findings)
    causes = [_cause(case, finding, codes) for finding in findings]
    ranked = sorted(causes, key=lambda cause: -cause.confidence)
    return findings, tuple(ranked)


def _cause(case: Case, finding: Finding, codes: frozenset[str]) -> Cause:
    rule = BY_CODE[finding.code]
    confidence = rule.confidence
    if finding.code in _EXPLAINED_BY_DEPENDENCY and network.suffering(case):
        confidence = _DEPENDENCY_DOWN
    explained = any(finding.code in BY_CODE[code].explains for code in codes)
    if explained:
        confidence *= _CONSEQUENCE
    consequences = tuple(code for code in rule.explains if code in codes)
    return Cause(
        code=finding.code,
        summary=finding.summary,
        confidence=round(confidence, 2),
        cites=(finding.code, *consequences),
    )


def restart_helps(causes: tuple[Cause, ...]) -> bool:
    """Whether starting it again can cure the likeliest cause; unknown causes: yes."""
    if not causes:
        return True
    return BY_CODE[causes[0].code].restart_helps if causes[0].code in BY_CODE else True
