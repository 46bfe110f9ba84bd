"""Whether a treatment helped: healthy, or up for a while, or stopped; seen, never assumed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from tabib.decide.treat import RUNS_ON, Decision
from tabib.model.errors import TabibError
from tabib.model.event import Event
from tabib.operations.tools import Tools

LOOK_EVERY_S = 2.0
EVENTS_FOLLOW_S = 0.5
"""A container may be seen to have ended before the events that tell of it have come."""
BY_HAND_SETTLES_S = 4.0
"""Longer than triage takes to tell a restart by hand from a stop or a kill by hand."""


@dataclass(slots=True)
class _Watched:
    """What was seen of the container since the treatment; times are monotonic seconds."""

    decision: Decision
    running_since: float | None = None
    ended_since: float | None = None
    by_hand: bool = False

    def judge(self, status: str, health: str, now: float) -> bool | None:
        """Whether the treatment helped; None while that is open."""
        if self.decision.verify == "stopped":
            return status not in ("running", "restarting")
        if status == "absent":
            return False
        if health == "unhealthy":
            # What was not started anew stays unhealthy until its next check.
            runs_on = self.decision.action in RUNS_ON or self.decision.service
            return None if runs_on else False
        if status in ("exited", "dead"):
            self.running_since = None
            self.ended_since = now if self.ended_since is None else self.ended_since
            patience_s = BY_HAND_SETTLES_S if self.by_hand else EVENTS_FOLLOW_S
            return False if now - self.ended_since >= patience_s else None
        self.ended_since = None
        if status != "running":
            return None
        if self.decision.verify == "healthy":
            # A health check that the image lost: running is all that can be seen.
            return True if health in ("healthy", "") else None
        self.running_since = now if self.running_since is None else self.running_since
        return True if now - self.running_since >= self.decision.settle_s else None

    def pause_s(self, now: float, deadline: float) -> float:
        """How long to wait for an event before the next look."""
        pause_s = min(LOOK_EVERY_S, deadline - now)
        if self.ended_since is not None:
            pause_s = min(pause_s, EVENTS_FOLLOW_S)
        if self.running_since is not None:
            pause_s = min(pause_s, self.running_since + self.decision.settle_s - now)
        return max(0.01, pause_s)


async def verified(tools: Tools, container: str, decision: Decision) -> bool:
    """True once the decision's ``verify`` holds; False where it fails or takes too long.

    One that a person ends meanwhile has not failed: what they want shows a little later.
    """

    def mine(event: Event) -> bool:
        return event.kind == "container" and event.name == container

    watched = _Watched(decision)
    with tools.watch.listen(mine) as queue:
        deadline = tools.clock.monotonic() + (decision.verify_timeout_s or 60.0)
        while True:
            now = tools.clock.monotonic()
            helped = watched.judge(*await _state(tools, container), now)
            if helped is not None:
                return helped
            if now >= deadline:
                return False
            try:
                async with asyncio.timeout(watched.pause_s(now, deadline)):
                    event = await queue.get()
                    watched.by_hand = watched.by_hand or event.action in ("kill", "stop")
            except TimeoutError:
                continue


async def _state(tools: Tools, container: str) -> tuple[str, str]:
    try:
        state = await tools.engine.look(container)
    except TabibError:
        return "absent", ""
    return state.status, state.health
