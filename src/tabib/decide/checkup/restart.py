"""``restart.*``: what brings it back, and how often it had to."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from tabib.decide.checkup.rule import Check, each, engine, found
from tabib.model.checkup import CheckupFinding, Examined, Observation

OFTEN = 3
DAY = timedelta(days=1)


def _no_policy(one: Examined) -> CheckupFinding | None:
    if one.restart_policy not in ("", "no") or one.in_care or one.job:
        return None
    summary = "nothing starts it again after a crash or a reboot"
    return found(one, "restart.no-policy", "warning", summary, "restart policy: none")


def _frequent(observation: Observation) -> Iterable[CheckupFinding]:
    for one in observation.containers:
        if one.status != "running" or one.restarts < OFTEN or one.id in observation.cases:
            continue
        lately = one.started_at is not None and observation.at - one.started_at < DAY
        summary = f"the engine restarted it {one.restarts} times since it was created"
        yield found(
            one,
            "restart.frequent",
            "warning" if lately else "info",
            summary + (", the last time within a day" if lately else ""),
            engine(f"RestartCount {one.restarts}"),
        )


RULES: tuple[Check, ...] = (
    each(
        "restart.no-policy",
        _no_policy,
        explain="The engine does not bring the container back: it has no restart policy.",
        advice="Set `restart: unless-stopped`, or take the project into care (`tabib adopt`).",
    ),
    Check(
        code="restart.frequent",
        check=_frequent,
        explain="The container died again and again, and its restart policy hid it.",
        advice="Find what it dies of: `tabib events TARGET`, `tabib logs TARGET --patterns`.",
    ),
)
