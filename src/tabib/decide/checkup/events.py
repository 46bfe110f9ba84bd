"""``engine.events-missed``: whether the engine's events came without a gap."""

from __future__ import annotations

from collections.abc import Iterable

from tabib.decide.checkup.rule import Check, engine, of_node
from tabib.model.checkup import CheckupFinding, Observation


def _missed(observation: Observation) -> Iterable[CheckupFinding]:
    times = observation.event_gaps
    if times:
        yield of_node(
            "engine.events-missed",
            "info",
            f"the engine's events broke off {times} time{'s' if times > 1 else ''} since the "
            "daemon started",
            engine("each time everything was looked at anew, and the events since were asked for"),
        )


RULES: tuple[Check, ...] = (
    Check(
        code="engine.events-missed",
        check=_missed,
        explain="The connection that tells of the engine's events was lost, or the engine "
        "restarted: what happened meanwhile is known by looking, not by its events.",
        advice="Nothing is to be done for one restart. Where it goes on, see the engine's log.",
    ),
)
