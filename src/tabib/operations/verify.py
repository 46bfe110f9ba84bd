"""Whether a treatment helped: healthy, or up for a while, or stopped; seen, never assumed."""

from __future__ import annotations

import asyncio

from tabib.decide.treat import Decision
from tabib.model.errors import TabibError
from tabib.model.event import Event
from tabib.operations.tools import Tools

LOOK_EVERY_S = 2.0


async def verified(tools: Tools, container: str, decision: Decision) -> bool:
    """True once the decision's ``verify`` holds; False where it fails or takes too long."""

    def mine(event: Event) -> bool:
        return event.kind == "container" and event.name == container

    with tools.watch.listen(mine) as queue:
        deadline = tools.clock.monotonic() + (decision.verify_timeout_s or 60.0)
        stable_since: float | None = None
        while True:
            now = tools.clock.monotonic()
            status, health = await _state(tools, container)
            if decision.verify == "stopped":
                return status not in ("running", "restarting")
            if status in ("exited", "dead", "absent") or health == "unhealthy":
                return False
            if decision.verify == "healthy" and status == "running":
                # A health check that the image lost: running is all that can be seen.
                if health in ("healthy", ""):
                    return True
            elif status == "running":
                stable_since = now if stable_since is None else stable_since
                if now - stable_since >= decision.settle_s:
                    return True
            if now >= deadline:
                return False
            pause_s = min(LOOK_EVERY_S, deadline - now)
            if stable_since is not None:
                pause_s = min(pause_s, stable_since + decision.settle_s - now)
            try:
                async with asyncio.timeout(max(0.01, pause_s)):
                    await queue.get()
            except TimeoutError:
                continue


async def _state(tools: Tools, container: str) -> tuple[str, str]:
    try:
        state = await tools.engine.look(container)
    except TabibError:
        return "absent", ""
    return state.status, state.health
