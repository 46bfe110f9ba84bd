"""``cpu.*``: what the recorder has of the processor."""

from __future__ import annotations

from collections.abc import Iterable

from tabib.decide.checkup.rule import Check, found, shared
from tabib.decide.diagnose.cpu import THROTTLED_SHARE
from tabib.model.checkup import CheckupFinding, Observation
from tabib.model.incident import Evidence


def _throttled(observation: Observation) -> Iterable[CheckupFinding]:
    for one in observation.containers:
        share = one.throttled_share
        if share is None or share < THROTTLED_SHARE or not one.runs:
            continue
        text = f"throttled in {100 * share:.0f} % of its CPU limit's periods"
        yield found(
            one,
            "cpu.throttled",
            "warning",
            f"its CPU limit holds it up in {100 * share:.0f} % of the time",
            Evidence(source="history", text=text),
        )


RULES: tuple[Check, ...] = (shared("cpu.throttled", _throttled),)
