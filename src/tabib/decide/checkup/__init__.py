"""Observation → findings, grades, what to do first. One file per family of rules; all pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from tabib.decide.checkup import (
    backup,
    clock,
    cpu,
    events,
    health,
    image,
    memory,
    network,
    process,
    restart,
    security,
    storage,
    tls,
    trouble,
)
from tabib.decide.checkup.rule import Check
from tabib.decide.diagnose import BY_CODE as DIAGNOSED
from tabib.model.checkup import NODE, CheckupFinding, Examined, Observation, RuleText
from tabib.model.errors import UsageError
from tabib.model.incident import SEVERITIES

RULES: tuple[Check, ...] = (
    *trouble.RULES,
    *security.RULES,
    *tls.RULES,
    *backup.RULES,
    *storage.RULES,
    *memory.RULES,
    *cpu.RULES,
    *restart.RULES,
    *health.RULES,
    *process.RULES,
    *image.RULES,
    *network.RULES,
    *clock.RULES,
    *events.RULES,
)
BY_CODE: Mapping[str, Check] = {rule.code: rule for rule in RULES}

_EVIDENCE = 6
"""Of a service's containers together, at most."""


def examine(observation: Observation) -> tuple[CheckupFinding, ...]:
    """All findings, the gravest first. What several containers of a service have is one finding."""
    found = [*trouble.diagnosed(observation), *trouble.remembered(observation)]
    for rule in RULES:
        found += [
            one if one.advice else replace(one, advice=rule.advice)
            for one in rule.check(observation)
        ]
    merged: dict[tuple[str, str], CheckupFinding] = {}
    for one in found:
        if not one.advice:
            one = replace(one, advice=text(one.code).advice)
        key = (one.target, one.code)
        merged[key] = _together(merged[key], one) if key in merged else one
    return tuple(
        sorted(
            merged.values(),
            key=lambda one: (-SEVERITIES.index(one.severity), one.target == NODE, one.target,
                             one.code),
        )
    )  # fmt: skip


def _together(one: CheckupFinding, other: CheckupFinding) -> CheckupFinding:
    """One finding of two: the graver one's words, the evidence of both."""
    grave, less = one, other
    if SEVERITIES.index(other.severity) > SEVERITIES.index(one.severity):
        grave, less = other, one
    evidence = tuple(dict.fromkeys([*grave.evidence, *less.evidence]))[:_EVIDENCE]
    names = tuple(dict.fromkeys([*one.containers, *other.containers]))
    return replace(grave, evidence=evidence, containers=names)


def text(code: str) -> RuleText:
    """What a code means, and what to do about it."""
    rule = BY_CODE.get(code) or DIAGNOSED[code]
    return RuleText(explain=rule.explain, advice=rule.advice)


def kept(
    findings: Iterable[CheckupFinding], containers: Iterable[Examined], ignored: Sequence[str]
) -> tuple[tuple[CheckupFinding, ...], int]:
    """Findings without those that ``ignored`` or the labels of all their containers name, and how
    many those are."""
    labels = {one.name: one.ignored for one in containers}
    stay, gone = [], 0
    for finding in findings:
        by_label = bool(finding.containers) and all(
            _named(finding.code, labels.get(name, frozenset())) for name in finding.containers
        )
        if by_label or _named(finding.code, ignored):
            gone += 1
        else:
            stay.append(finding)
    return tuple(stay), gone


def _named(code: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(code, pattern) for pattern in patterns)


def check_codes(codes: Iterable[str]) -> None:
    """
    :raises UsageError: one of them is no code, and no pattern (``security.*``) of any.
    """
    known = sorted({*BY_CODE, *DIAGNOSED})
    for code in codes:
        if any(fnmatchcase(each, code) for each in known):
            continue
        near = difflib.get_close_matches(code, known, n=1)
        raise UsageError(
            "there is no such finding code",
            attempted="ignore",
            target=code,
            advice=f"Did you mean {near[0]}?" if near else "docs/findings/README.md lists them.",
        )
