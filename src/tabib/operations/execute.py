"""The one place where a plan is applied: intent to the journal, the step, its outcome.

Steps run in parallel along their dependencies. Whatever stops in the middle (Ctrl-C, a failed
step, SIGKILL) leaves only whole engine calls behind, each announced in the journal; the next plan
starts from what is then observed, never from this memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tabib.model.errors import Interrupted, PortTaken, StateUnusable, TabibError, from_wire
from tabib.model.event import Event
from tabib.model.plan import Plan, Step, StepOutcome, StepProgress, StepResult, Verb
from tabib.model.release import JournalEntry
from tabib.operations.actions import targets
from tabib.operations.building import build_image
from tabib.operations.holders import with_holder
from tabib.operations.operation import Operation, bug
from tabib.operations.outcomes import Outcomes
from tabib.operations.tools import Tools
from tabib.operations.turns import Turns
from tabib.operations.waiting import RollCall, wait_for
from tabib.ports import Credentials

PARALLEL_CALLS = 10
"""More at once gains nothing on the engine and slows each."""
PROGRESS_EVERY_S = 0.1


@dataclass(slots=True)
class Execution:
    """What became of a plan."""

    outcomes: dict[str, StepOutcome] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    """Step id → id of what it created."""

    def failures(self) -> list[StepOutcome]:
        return [one for one in self.outcomes.values() if one.state == "failed"]

    def met(self, kind: type[TabibError]) -> bool:
        """Whether a step failed with an error of ``kind``."""
        return any(isinstance(from_wire(one.error or {}), kind) for one in self.failures())

    @property
    def stopped(self) -> bool:
        return any(one.state == "stopped" for one in self.outcomes.values())

    def raise_first(self, plan: Plan, attempted: str) -> None:
        """Raise the first failure of a step that is not optional, naming how many others failed.

        :raises TabibError: the step's own error, or Interrupted.
        """
        optional = {step.id for step in plan.steps if step.optional}
        failed = [one for one in self.failures() if one.step_id not in optional]
        if failed:
            error = from_wire(failed[0].error or {})
            error.details.setdefault("failed_steps", [one.step_id for one in failed])
            others = [from_wire(one.error or {}) for one in failed[1:]]
            error.details["others"] = [str(one) for one in others]
            raise error
        if self.stopped:
            raise Interrupted(
                "stopped as asked",
                attempted=attempted,
                target=plan.project,
                advice=f"What was done stays; `tabib {attempted}` again completes it.",
            )


async def execute(
    tools: Tools,
    plan: Plan,
    operation: Operation,
    *,
    credentials: Credentials | None = None,
) -> Execution:
    """Apply ``plan``; failures are outcomes, not exceptions.

    A failed step fails what comes after it (``skipped``) and nothing else. When ``operation`` is
    asked to stop, or when the journal cannot be written, steps under way are finished and no
    further one begins.

    :raises StateUnusable: the journal cannot be written: nothing is done that is not announced.
    """
    run = _Run(tools, plan, operation, credentials)
    with tools.actions.at_work(), tools.watch.listen(run.note_death):
        async with run.outcomes.written(), asyncio.TaskGroup() as group:
            for step in plan.steps:
                group.create_task(run.step(step), name=step.id)
    if run.fatal is not None:
        raise run.fatal
    return run.execution


class _Run:
    def __init__(
        self, tools: Tools, plan: Plan, operation: Operation, credentials: Credentials | None
    ) -> None:
        self.tools = tools
        self.plan = plan
        self.operation = operation
        self.credentials = credentials
        self.execution = Execution()
        self.fatal: StateUnusable | None = None
        self.outcomes = Outcomes(tools.journal)
        self._turns = Turns(PARALLEL_CALLS)
        self._roll_call = RollCall(tools, plan.project)
        self._rank = _ranks(plan)
        self._awaited = {before for step in plan.steps for before in step.after}
        self._calls_left = sum(step.verb is not Verb.WAIT for step in plan.steps)
        self._ended = {step.id: asyncio.Event() for step in plan.steps}
        self._dead = {s.id: asyncio.Event() for s in plan.steps if s.verb is Verb.STOP_CONTAINER}
        self._stopping: dict[str, str] = {}
        """Begun ones alone: what dies before may be started again by its restart policy."""
        self._optional = {step.id for step in plan.steps if step.optional}
        self._last_progress: dict[str, float] = {}

    async def step(self, step: Step) -> None:
        """One step, once everything it comes after has ended."""
        for before in step.after:
            # What may stop once another has ended need not wait while the engine clears up there.
            enough = self._dead if {step.id, before} <= self._dead.keys() else self._ended
            await enough[before].wait()
        try:
            await self._in_turn(step)
        except StateUnusable as error:
            self.fatal = self.fatal or error
            self.operation.stop()
        finally:
            self._ended[step.id].set()
            self._dead.get(step.id, self._ended[step.id]).set()
            self._calls_left -= step.verb is not Verb.WAIT
            if not self._calls_left:
                self._roll_call.begin()

    def note_death(self, event: Event) -> bool:
        """A container that is being stopped has ended; nothing is kept of the event."""
        for step_id, target in self._stopping.items():
            if event.action == "die" and target in (event.id, event.name):
                self._dead[step_id].set()
        return False

    async def _in_turn(self, step: Step) -> None:
        blocked = [before for before in step.after if not self._succeeded(before)]
        if any(self._state(before) in ("skipped", "failed") for before in blocked):
            self._conclude(step, "skipped")
        elif blocked or self.operation.stopping:
            self._conclude(step, "stopped")
        elif step.verb is Verb.WAIT:
            await self._wait(step)
        else:
            async with self._turns.taken(self._rank[step.id]):
                await self._apply_unless_stopped(step)

    def _state(self, step_id: str) -> str:
        """Of a step that has ended; one that the journal had no room for counts as stopped."""
        outcome = self.execution.outcomes.get(step_id)
        return outcome.state if outcome else "stopped"

    def _succeeded(self, step_id: str) -> bool:
        if step_id in self._dead and not self._ended[step_id].is_set():
            return self._dead[step_id].is_set()
        return self._state(step_id) == "done" or step_id in self._optional

    async def _wait(self, step: Step) -> None:
        started = self.tools.clock.now()
        self._emit(step, "started")
        try:
            last = step.id not in self._awaited
            await wait_for(self.tools, step, self.operation, self._roll_call if last else None)
        except Interrupted:
            self._conclude(step, "stopped", started)
        except TabibError as error:
            self._conclude(step, "failed", started, error)
        except Exception as error:  # noqa: BLE001 - recorded as an outcome, and told as a bug
            self._conclude(step, "failed", started, bug(error, "wait for", step.subject))
        else:
            self._conclude(step, "done", started)

    async def _apply_unless_stopped(self, step: Step) -> None:
        if self.operation.stopping:  # asked while it waited for its turn
            self._conclude(step, "stopped")
        else:
            await self._apply(step)

    async def _apply(self, step: Step) -> None:
        tools = self.tools
        started = tools.clock.now()
        await self.outcomes.append(self._entry("intent", step, started, _intent(step)))
        action = tools.actions.begin(targets(step), step.verb, started)
        self._emit(step, "started")
        if step.id in self._dead:
            self._stopping[step.id] = step.target
        result, error = await self._call(step)
        ended = tools.clock.now()
        tools.actions.end(action, ended)
        if result.id:
            self.execution.ids[step.id] = result.id
        outcome: dict[str, Any] = {"step": step.id, "id": result.id}
        if error:
            outcome["error"] = error.to_wire()
        state = "stopped" if isinstance(error, Interrupted) else "failed" if error else "done"
        self._conclude(step, state, started, error)
        for warning in result.warnings:
            self.operation.note(f"{step.subject}: {warning}", "warning")
        self.outcomes.add(self._entry("outcome", step, ended, outcome))

    async def _call(self, step: Step) -> tuple[StepResult, TabibError | None]:
        engine, told, credentials = self.tools.engine, self._progress, self.credentials
        try:
            if step.verb is Verb.BUILD_IMAGE:
                return await build_image(engine, step, self.operation, told, credentials), None
            return await engine.apply(step, progress=told, credentials=credentials), None
        except PortTaken as failed:
            return StepResult(), await with_holder(self.tools, failed)
        except TabibError as failed:
            return StepResult(), failed
        except Exception as failed:  # noqa: BLE001 - recorded as an outcome, and told as a bug
            return StepResult(), bug(failed, step.verb.value, step.subject)

    def _conclude(
        self,
        step: Step,
        state: str,
        started: datetime | None = None,
        error: TabibError | None = None,
    ) -> None:
        ended = self.tools.clock.now()
        self.execution.outcomes[step.id] = StepOutcome(
            step_id=step.id,
            state=state,
            started_at=started,
            ended_at=ended,
            error=error.to_wire() if error else None,
        )
        seconds = (ended - started).total_seconds() if started else None
        self._emit(step, state, seconds=seconds, error=error.to_wire() if error else None)

    def _emit(self, step: Step, state: str, **fields: Any) -> None:
        self.operation.emit(
            "step",
            id=step.id,
            state=state,
            verb=step.verb.value,
            subject=step.subject,
            service=step.service,
            **{key: value for key, value in fields.items() if value is not None},
        )

    def _progress(self, progress: StepProgress) -> None:
        now = self.tools.clock.monotonic()
        finished = progress.total_bytes and progress.current_bytes == progress.total_bytes
        last = self._last_progress.get(progress.step_id, -1.0)
        if not finished and now - last < PROGRESS_EVERY_S:
            return
        self._last_progress[progress.step_id] = now
        self.operation.emit(
            "progress",
            id=progress.step_id,
            subject=progress.step_id.partition(":")[2],
            text=progress.text,
            current_bytes=progress.current_bytes,
            total_bytes=progress.total_bytes,
        )

    def _entry(self, kind: str, step: Step, at: datetime, data: Mapping[str, Any]) -> JournalEntry:
        return JournalEntry(
            at=at,
            kind=kind,
            engine_id=self.tools.info.id,
            project=self.plan.project,
            operation=self.operation.id,
            subject=step.subject,
            data=data,
        )


def _ranks(plan: Plan) -> dict[str, int]:
    """Step → how many steps lead up to it, at the most."""
    ranks: dict[str, int] = {}
    for step in plan.steps:
        ranks[step.id] = 1 + max((ranks[before] for before in step.after), default=0)
    return ranks


def _intent(step: Step) -> dict[str, Any]:
    """What the journal keeps of a step: never the specification itself, which holds values."""
    return {
        "step": step.id,
        "verb": step.verb.value,
        "target": step.target,
        "reason": step.reason,
        "service": step.service,
    }
