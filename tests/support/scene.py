"""A world in which something runs, and plans for it: what tests of plans speak."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from support import plans
from tabib.engines.memory import MemoryEngine, World
from tabib.model.container import (
    LABEL_NUMBER,
    LABEL_PROJECT,
    LABEL_SERVICE,
    ContainerSpec,
)
from tabib.model.plan import Plan, Step, Verb
from tabib.model.project import Project


class Scene:
    """A world in which something runs, and plans for it."""

    def __init__(self, runs: Project | None = None) -> None:
        self.world: World = plans.world()
        self.engine = MemoryEngine(self.world)
        if runs is not None:
            plans.set_jobs(self.world, runs)
            self.converge(runs)

    def converge(self, wanted: Project, **options: Any) -> Plan:
        return self.world.clock.run(plans.converge(self.engine, plans.desired(wanted, **options)))

    def plan(self, wanted: Project, **options: Any) -> Plan:
        return self.world.clock.run(plans.plan(self.engine, plans.desired(wanted, **options)))

    def do(self, harm: Callable[[World], Any]) -> None:
        async def act() -> None:
            await harm(self.world)

        self.world.clock.run(act())

    def put(self, name: str, **labels: str) -> None:
        """A container of the project that no plan of ours made."""
        known = {LABEL_PROJECT: "tale", LABEL_SERVICE: "web", LABEL_NUMBER: "1", **labels}
        spec = ContainerSpec(
            name=name, project="tale", service_name="web", slot=1, image="busybox:1.36",
            labels=known, network_mode="none",
        )  # fmt: skip
        made = self.engine.apply(
            Step(id="s", verb=Verb.CREATE_CONTAINER, subject=name, reason="", container=spec)
        )
        self.world.clock.run(made)


def did(plan: Plan) -> list[str]:
    return [step.id for step in plan.steps]


def step(plan: Plan, id: str) -> Step:
    return next(one for one in plan.steps if one.id == id)


def before(plan: Plan, id: str) -> set[str]:
    """Everything that must be done before a step."""
    found: set[str] = set()
    todo = [id]
    while todo:
        for one in step(plan, todo.pop()).after:
            if one not in found:
                found.add(one)
                todo.append(one)
    return found
