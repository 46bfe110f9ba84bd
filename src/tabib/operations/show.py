"""Plans and steps as messages of an operation."""

from __future__ import annotations

from typing import Any

from tabib.model.plan import Plan, Step
from tabib.operations.operation import Operation


def show(operation: Operation, plan: Plan, release: int | None = None) -> None:
    """Emit the plan, before anything of it is done."""
    operation.emit(
        "plan",
        project=plan.project,
        release=release,
        steps=[step_row(step) for step in plan.steps],
        notes=list(plan.notes),
    )


def step_row(step: Step) -> dict[str, Any]:
    """A step as the API shows it."""
    return {
        "id": step.id,
        "verb": step.verb.value,
        "subject": step.subject,
        "reason": step.reason,
        "service": step.service,
        "after": list(step.after),
        "loses_data": step.loses_data,
    }
