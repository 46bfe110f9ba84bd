"""``health.*``: whether anybody could see that it is ill."""

from __future__ import annotations

from tabib.decide.checkup.rule import Check, each, found
from tabib.model.checkup import CheckupFinding, Examined


def _no_check(one: Examined) -> CheckupFinding | None:
    if one.has_health_check or one.job:
        return None
    summary = "it has no health check: nobody sees when it hangs"
    return found(
        one, "health.no-check", "warning", summary, "no healthcheck, and none in its image"
    )


RULES: tuple[Check, ...] = (
    each(
        "health.no-check",
        _no_check,
        explain="Without a health check the engine and tabib only see whether the process lives.",
        advice="Add `healthcheck:` with a command that asks the service for something real.",
    ),
)
