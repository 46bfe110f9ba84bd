"""``process.*``: processes without bounds, and frozen ones."""

from __future__ import annotations

from tabib.decide.checkup.rule import Check, each, engine, found
from tabib.model.checkup import CheckupFinding, Examined


def _no_limit(one: Examined) -> CheckupFinding | None:
    if one.pids_limit > 0:
        return None
    summary = "it has no limit of processes: a fork bomb takes the whole machine down"
    return found(one, "process.no-limit", "info", summary, "HostConfig.PidsLimit is not set")


def _paused(one: Examined) -> CheckupFinding | None:
    if one.status != "paused" or one.halted:
        return None
    summary = "it is paused: it holds its memory and ports, and answers nobody"
    return found(one, "process.paused", "warning", summary, engine("State.Status is paused"))


RULES: tuple[Check, ...] = (
    each(
        "process.no-limit",
        _no_limit,
        explain="Nothing bounds how many processes and threads the container starts.",
        advice="Set `pids_limit:`, generously: 200 is enough for most services.",
    ),
    each(
        "process.paused",
        _paused,
        explain="The container is frozen, by `pause` or by a tool that forgot to let it go on.",
        advice="`tabib unpause SERVICE`, or stop it.",
    ),
)
