"""What the engine refused to an ``up`` or to a treatment: a case of it, as of other trouble."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tabib.model.plan import Plan, Verb
from tabib.operations.execute import Execution
from tabib.operations.tools import Tools

_MAKES = frozenset({Verb.CREATE_CONTAINER, Verb.START_CONTAINER, Verb.RESTART_CONTAINER})


async def tell_refused(tools: Tools, plan: Plan, execution: Execution) -> None:
    """Tell care of containers that the engine would not create or start, in its own words."""
    if tools.on_refused is None:
        return
    steps = {step.id: step for step in plan.steps}
    for failure in execution.failures():
        step = steps[failure.step_id]
        words = _words(failure.error or {})
        if words and step.verb in _MAKES and not step.optional:
            await tools.on_refused(plan.project, step.subject, words)


def _words(error: Mapping[str, Any]) -> str:
    """What the engine answered; empty where it did not answer, or it was something else."""
    details = error.get("details") or {}
    if "status" not in details:
        return ""
    return str(details.get("engine") or error.get("happened") or "")
