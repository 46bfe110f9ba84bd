"""``cpu.*``: what the flight recorder's samples tell of the processor."""

from __future__ import annotations

from tabib.decide.diagnose.rule import Rule
from tabib.model.incident import Case, Evidence, Finding, Readings

_WINDOW = 13
"""Readings at the end that are looked at: a minute at the usual rhythm."""
_PERIODS = 50
THROTTLED_SHARE = 0.5


def grown(readings: Readings, metric: str) -> int | None:
    """How much a counter grew over the last readings; None where it cannot be told."""
    if metric not in readings.metrics:
        return None
    place = readings.metrics.index(metric)
    values = [row[place] for row in readings.rows[-_WINDOW:]]
    known = [value for value in values if value is not None]
    if len(known) < 3 or known[-1] < known[0]:
        return None
    return known[-1] - known[0]


def _throttled(case: Case) -> Finding | None:
    if case.recorded is None or case.trigger != "unhealthy":
        return None
    periods = grown(case.recorded.container, "cpu_periods")
    held = grown(case.recorded.container, "cpu_throttled_periods")
    if periods is None or held is None or periods < _PERIODS or held < THROTTLED_SHARE * periods:
        return None
    share = f"{100 * held / periods:.0f} %"
    return Finding(
        code="cpu.throttled",
        severity="warning",
        summary=f"its CPU limit held it up in {share} of the time before",
        evidence=(
            Evidence(source="history", text=f"throttled in {held} of the last {periods} periods"),
        ),
    )


RULES = (
    Rule(
        code="cpu.throttled",
        check=_throttled,
        explain="The container wants more processor time than its limit gives.",
        advice="Raise `cpus` (or `deploy.resources.limits.cpus`), or give it less to do.",
        confidence=0.8,
        restart_helps=False,
        explains=("health.timeout", "health.unhealthy", "network.timeout"),
    ),
)
