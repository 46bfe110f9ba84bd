"""Waiting for a container's condition: by events, with a look now and then in case one was lost."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Any

from tabib.model.container import ContainerState
from tabib.model.errors import NotFound, NotHealthy
from tabib.model.plan import Step
from tabib.operations.operation import Operation
from tabib.operations.tools import Tools
from tabib.operations.watch import Queue

LOOK_EVERY_S = 5.0
SETTLE_S = 2.0
_TELLING = frozenset({"die", "oom", "destroy", "health_status"})
RESTARTS_TOLERATED = 3
TAIL_LINES = 5
PROBE_CHARACTERS = 300


class RollCall:
    """One look at the whole project, for all waits that no further step waits for.

    They need not look as soon as their own container starts: thirty inspections keep an engine
    busy that has containers to start, and a container that ends at once is seen only later.
    """

    def __init__(self, tools: Tools, project: str) -> None:
        self._tools = tools
        self._project = project
        self._begun = asyncio.Event()
        self._look: asyncio.Task[Mapping[str, ContainerState]] | None = None

    def begin(self) -> None:
        """Everything that there was to do has been done."""
        self._begun.set()

    async def begun(self) -> None:
        """Return once it has begun."""
        await self._begun.wait()

    async def glance(self, target: str) -> ContainerState | None:
        """The container as a list shows it; whoever asks meanwhile shares the list."""
        if self._look is None or self._look.done():
            self._look = asyncio.create_task(self._list())
        return (await asyncio.shield(self._look)).get(target)

    async def _list(self) -> Mapping[str, ContainerState]:
        seen = await self._tools.engine.observe(self._project, detail=False)
        return {key: one for one in seen.containers for key in (one.id, one.name)}


async def wait_for(
    tools: Tools, step: Step, operation: Operation, roll_call: RollCall | None = None
) -> None:
    """Return once the container of a ``wait`` step meets its condition; with ``roll_call``, not
    before that has begun, the container's own events tell something, or some time has passed.

    :raises NotHealthy: it exited, turned unhealthy, restarts again and again, or the step's
        ``timeout_s`` ran out; the message has the last lines of its log.
    :raises Interrupted: the operation was asked to stop.
    """
    condition = str(step.options.get("condition", "ready"))
    timeout_s = step.options.get("timeout_s")
    target = step.target

    def mine(event: object) -> bool:
        return getattr(event, "name", "") == target or getattr(event, "id", "") == target

    with tools.watch.listen(mine) as queue:
        try:
            async with asyncio.timeout(timeout_s):
                if roll_call is not None:
                    telling = asyncio.Event()
                    await _next(operation, SETTLE_S, _told(queue, telling), roll_call.begun())
                    # Of what has just ended a list may still say that it runs.
                    glance = None if telling.is_set() else await roll_call.glance(target)
                    if glance is not None and judge(glance, condition) is None:
                        return
                while True:
                    operation.check_stop()
                    state = await tools.engine.look(target)
                    problem = judge(state, condition)
                    if problem is None:
                        return
                    if problem:
                        raise await _not_healthy(tools, step, state, problem)
                    await _next(operation, LOOK_EVERY_S, queue.get())
        except TimeoutError:
            state = await tools.engine.look(target)
            raise await _not_healthy(
                tools, step, state, f"it is still {describe(state)} after {timeout_s:g} s"
            ) from None
        except NotFound as error:
            raise NotHealthy(
                "it was removed while it was waited for",
                attempted="wait for",
                target=step.subject,
                advice="Run `tabib up` again.",
            ) from error


def judge(state: ContainerState, condition: str) -> str | None:
    """None: the condition is met. ``""``: not yet. Else: why it will not be."""
    restarts_by_engine = state.restart_policy not in ("", "no")
    if state.restarts >= RESTARTS_TOLERATED and state.status != "running":
        return f"it keeps exiting with code {state.exit_code} ({state.restarts} restarts)"
    if state.status in ("exited", "dead"):
        if condition in ("completed", "ready") and state.exit_code == 0:
            return None
        if restarts_by_engine and state.exit_code != 0 and state.restarts < RESTARTS_TOLERATED:
            return ""
        return f"it exited with code {state.exit_code}"
    if state.status in ("created", "restarting", "removing"):
        return ""
    if condition == "completed":
        return ""
    if condition == "started":
        return None
    if state.health == "unhealthy":
        return "its health check fails"
    if state.health == "starting":
        return ""
    if condition == "healthy" and not state.health:
        return "it has no health check, but another service waits for it to be healthy"
    return None


def describe(state: ContainerState) -> str:
    """A container's state in words: ``running (starting)``, ``exited (1)``."""
    if state.health:
        return f"{state.status} ({state.health})"
    if state.status == "exited":
        return f"exited ({state.exit_code})"
    return state.status


async def _told(queue: Queue, telling: asyncio.Event) -> None:
    """Until an event that may decide it; then ``telling`` is set."""
    while (await queue.get()).action not in _TELLING:
        pass
    telling.set()


async def _next(operation: Operation, timeout_s: float, *news: Coroutine[Any, Any, object]) -> None:
    """Until any of ``news``, a stop request, or the time for another look."""
    tasks = [asyncio.create_task(one) for one in (*news, operation.stop_requested())]
    try:
        await asyncio.wait(tasks, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _not_healthy(tools: Tools, step: Step, state: ContainerState, problem: str) -> NotHealthy:
    inspection = await tools.engine.inspect(state.id)
    redactor = tools.secrets.redactor(inspection)
    tail = redactor.lines(
        [
            line.text
            async for line in tools.engine.logs(state.id, tail=TAIL_LINES)
            if line.text.strip()
        ]
    )
    probe = redactor.text(_last_probe(inspection)) if state.health == "unhealthy" else ""
    happened = problem
    if probe:
        happened += f": {probe[:PROBE_CHARACTERS]}"
    if tail:
        happened += "; its last lines: " + " | ".join(tail)
    return NotHealthy(
        happened,
        attempted=f"wait until {step.options.get('condition', 'ready')}",
        target=step.subject,
        advice=f"See `tabib logs {step.service or step.subject}` and `tabib incidents`.",
        details={
            "service": step.service,
            "container": step.subject,
            "status": state.status,
            "health": state.health,
            "exit_code": state.exit_code,
            "log": tail,
        },
    )


def _last_probe(inspection: Mapping[str, Any]) -> str:
    log = ((inspection.get("State") or {}).get("Health") or {}).get("Log") or []
    return str(log[-1].get("Output", "")).strip() if log else ""
