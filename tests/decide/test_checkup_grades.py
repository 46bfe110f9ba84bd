"""Scores, grades, and what to do first."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from support.patients_at_rest import inspection, observed
from tabib.decide.checkup.grade import CAPS, first, grades
from tabib.model.checkup import NODE, CheckupFinding
from tabib.model.incident import SEVERITIES

SERVICES = ("shop/a", "shop/b", "shop/c", "shop/d")
CONTAINERS = observed([inspection(f"shop-{name}-1") for name in "abcd"]).containers


def finding(
    target: str, severity: str = "warning", code: str = "memory.no-limit"
) -> CheckupFinding:
    project = target.partition("/")[0]
    return CheckupFinding(
        target=target, code=code, severity=severity, summary="s", advice=f"do {code}",
        project=project, service=target.partition("/")[2], containers=(target,),
    )  # fmt: skip


def score(*findings: CheckupFinding) -> tuple[int, str]:
    (grade,) = grades(CONTAINERS, findings, node=False)
    return grade.score, grade.grade


def test_the_formula() -> None:
    four = [finding("shop/a", code=f"x.{n}") for n in range(4)]
    assert score() == (100, "A")
    assert score(*four) == (86, "B")  # (94.5 + 78.1) / 2
    assert score(finding("shop/a", "error")) == (75, "C")
    assert score(*(finding(name, "error") for name in SERVICES)) == (60, "D")
    assert score(finding("shop/a", "critical")) == (49, "F")
    assert score(finding("shop/a", "info")) == (99, "A")


def test_the_machine_and_what_has_no_project_have_grades_too() -> None:
    alone = CheckupFinding(target="alone", code="c", severity="error", summary="s")
    low = CheckupFinding(target=NODE, code="d", severity="warning", summary="s", project=NODE)
    found = grades(CONTAINERS, [alone, low], node=True)
    assert [(one.project, one.score, one.services) for one in found] == [
        ("", 60, 1), (NODE, 94, 0), ("shop", 100, 4),
    ]  # fmt: skip
    assert found[0].findings == {"critical": 0, "error": 1, "warning": 0, "info": 0}


findings = st.lists(
    st.builds(
        finding,
        st.sampled_from(SERVICES),
        st.sampled_from(SEVERITIES),
        st.sampled_from(["a.a", "b.b", "c.c"]),
    ),
    max_size=20,
)


@given(findings)
def test_more_findings_never_make_a_project_better(all_: list[CheckupFinding]) -> None:
    scores = [score(*all_[:count])[0] for count in range(len(all_) + 1)]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= one <= 100 for one in scores)
    for severity, cap in CAPS.items():
        if any(one.severity == severity for one in all_):
            assert scores[-1] <= cap


def test_the_gravest_and_the_most_common_come_first() -> None:
    priorities = first([
        *(finding(name, "warning", "memory.no-limit") for name in SERVICES),
        *(finding(name, "info", "process.no-limit") for name in SERVICES),
        finding("shop/a", "warning", "health.no-check"),
        finding("shop/b", "error", "exit.killed"),
        finding("shop/c", "warning", "exit.killed"),
        finding("shop/a", "warning", "backup.none"),
        finding("shop/b", "warning", "backup.none"),
    ])  # fmt: skip
    assert [(one.code, one.severity) for one in priorities] == [
        ("exit.killed", "error"), ("memory.no-limit", "warning"), ("backup.none", "warning"),
    ]  # fmt: skip
    assert priorities[0].targets == ("shop/b", "shop/c")
    assert first([finding("shop/a", "info")]) == ()


def test_what_is_broken_comes_before_what_may_break() -> None:
    priorities = first([
        *(finding(name, "error", "security.privileged") for name in SERVICES),
        finding("shop/a", "error", "storage.full"),
    ])  # fmt: skip
    assert [one.code for one in priorities] == ["storage.full", "security.privileged"]
