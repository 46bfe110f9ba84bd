"""Scores and grades, and what to do first. ``docs/checkup.md`` explains the formula to users."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from tabib.decide.diagnose import BY_CODE as DIAGNOSED
from tabib.model.checkup import NODE, CheckupFinding, Examined, Grade, Priority
from tabib.model.incident import SEVERITIES

WEIGHTS: Mapping[str, float] = {"info": 0.01, "warning": 0.06, "error": 0.40, "critical": 0.70}
"""The share of its points that a service loses for one finding."""
CAPS: Mapping[str, int] = {"error": 79, "critical": 49}
"""No project with such a finding has more points."""
GRADES = ((90, "A"), (80, "B"), (70, "C"), (60, "D"), (50, "E"), (0, "F"))
FIRST = 3


def grades(
    containers: Iterable[Examined], findings: Sequence[CheckupFinding], *, node: bool
) -> tuple[Grade, ...]:
    """One for each project, the worst first; ``node``: one for the machine too."""
    targets: dict[str, set[str]] = {NODE: {NODE}} if node else {}
    for one in containers:
        targets.setdefault(one.project, set()).add(one.target)
    for finding in findings:
        targets.setdefault(finding.project, set()).add(finding.target)
    made = [
        _grade(project, names, [one for one in findings if one.project == project])
        for project, names in targets.items()
    ]
    return tuple(sorted(made, key=lambda one: (one.score, one.project == NODE, one.project)))


def _grade(project: str, targets: set[str], findings: Sequence[CheckupFinding]) -> Grade:
    """Half of the score is the mean of the services, half the worst of them: many good ones do not
    hide a bad one."""
    points = [_points(name, findings) for name in targets]
    score = round((sum(points) / len(points) + min(points)) / 2)
    counts = Counter(finding.severity for finding in findings)
    for severity, cap in CAPS.items():
        if counts[severity]:
            score = min(score, cap)
    letter = next(letter for limit, letter in GRADES if score >= limit)
    return Grade(
        project=project,
        score=score,
        grade=letter,
        services=0 if project == NODE else len(targets),
        findings={severity: counts[severity] for severity in reversed(SEVERITIES)},
    )


def _points(target: str, findings: Iterable[CheckupFinding]) -> float:
    """What is left of a service's hundred: each finding takes its share of the rest."""
    points = 100.0
    for finding in findings:
        if finding.target == target:
            points *= 1 - WEIGHTS[finding.severity]
    return points


def first(findings: Iterable[CheckupFinding], most: int = FIRST) -> tuple[Priority, ...]:
    """The things to do first: the gravest codes; of equal ones what is broken now (which diagnosis
    knows) before what may break, then those that most services have.

    What is only worth knowing (``info``) is no such thing.
    """
    groups: dict[str, list[CheckupFinding]] = {}
    for finding in findings:
        if finding.severity != "info":
            groups.setdefault(finding.code, []).append(finding)
    made = []
    for code, those in groups.items():
        worst = max(those, key=lambda one: SEVERITIES.index(one.severity))
        grave = [one.target for one in those if one.severity == worst.severity]
        others = [one.target for one in those if one.severity != worst.severity]
        made.append(
            Priority(
                code=code,
                severity=worst.severity,
                advice=worst.advice,
                targets=tuple(dict.fromkeys([*grave, *others])),
            )
        )
    made.sort(
        key=lambda one: (
            -SEVERITIES.index(one.severity),
            one.code not in DIAGNOSED,
            -len(one.targets),
            one.code,
        )
    )
    return tuple(made[:most])
