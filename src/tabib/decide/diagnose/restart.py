"""``restart.*``: it dies again and again."""

from __future__ import annotations

from tabib.decide.diagnose.rule import Rule, exit_evidence
from tabib.model.incident import Case, Evidence, Finding

LOOP_DEATHS = 4
"""Earlier deaths within the hour that, with this one, make a loop."""


def _loop(case: Case) -> Finding | None:
    if case.trigger != "loop" and len(case.recent_deaths) < LOOP_DEATHS:
        return None
    deaths = len(case.recent_deaths) + 1
    evidence = [Evidence(source="history", text="died", at=at) for at in case.recent_deaths[-5:]]
    if case.restarts:
        evidence.append(Evidence(source="engine", text=f"RestartCount {case.restarts}"))
    return Finding(
        code="restart.loop",
        severity="error",
        summary=f"it died {max(deaths, case.restarts)} times within the hour: restarts do not help",
        evidence=(*evidence, exit_evidence(case)),
    )


RULES = (
    Rule(
        code="restart.loop",
        check=_loop,
        explain="The container is started, dies, and is started again without end.",
        advice="Look at the other causes: a restart alone will not cure it.",
        # The loop is a symptom; what it dies of ranks before it.
        confidence=0.4,
    ),
)
