"""Starts and barriers: who is started after whom, and what is waited for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tabib.decide.containers import ServicePlan, SlotPlan
from tabib.decide.desired import Desired
from tabib.decide.graph import COMPLETED, HEALTHY, is_declared_job
from tabib.decide.hooks import hook_labels, hook_options
from tabib.decide.steps import Builder
from tabib.model.container import Observed
from tabib.model.plan import Step, Verb
from tabib.model.project import Dependency, Service


class Starting:
    """Adds the ``start``, ``restart`` and ``wait`` steps of one plan to its builder."""

    def __init__(
        self,
        desired: Desired,
        observed: Observed,
        builder: Builder,
        plans: Mapping[str, ServicePlan],
    ) -> None:
        self.desired = desired
        self.observed = observed
        self.builder = builder
        self.plans = plans
        self.started: dict[str, str] = {}
        """Container name → id of the step that starts (or restarts) it."""
        self.waits: dict[str, Step] = {}

    def add_steps(self) -> None:
        """All services; plans are in dependency order."""
        for plan in self.plans.values():
            after, moved = self._dependencies(plan.service)
            for slot in plan.slots:
                if slot.kind in ("create", "recreate", "start", "finish"):
                    self._start(slot, after)
                elif slot.kind == "keep" and moved and slot.old and slot.old.status == "running":
                    self._restart(slot, after, moved)
        if self.desired.options.wait:
            for plan in self.plans.values():
                for slot in plan.slots:
                    self._final_wait(slot)
        self.builder.steps += self.waits.values()

    def _dependencies(self, service: Service) -> tuple[tuple[str, ...], str]:
        """Steps to await before ``service`` starts, and the dependency whose restart it follows."""
        after: list[str] = []
        moved = ""
        for edge in service.depends_on:
            plan = self.plans.get(edge.service)
            if plan is None:
                continue
            for slot in plan.slots:
                after += self._condition(edge, slot)
                if edge.restart and (slot.kind == "recreate" or slot.name in self._restarted):
                    moved = edge.service
            if _shares_namespace(service, edge.service) and plan.first_becomes("start"):
                # Started again it has a new namespace; who lived in the old one still does.
                moved = edge.service
        return tuple(after), moved

    @property
    def _restarted(self) -> set[str]:
        return {name for name, step in self.started.items() if step.startswith("restart:")}

    def _condition(self, edge: Dependency, slot: SlotPlan) -> list[str]:
        started = self.started.get(slot.name)
        if edge.condition == HEALTHY:
            if started is None and slot.old and slot.old.health == "healthy":
                return []
            return [self._wait(slot, "healthy", optional=not edge.required)]
        if edge.condition == COMPLETED:
            if started is None and slot.old and _completed(slot):
                return []
            return [self._wait(slot, "completed", optional=not edge.required)]
        return [started] if started else []

    def _start(self, slot: SlotPlan, after: tuple[str, ...]) -> None:
        usable = self.builder.usable.get(slot.name)
        step = Step(
            id=f"start:{slot.name}",
            verb=Verb.START_CONTAINER,
            subject=slot.name,
            reason=slot.reason if slot.kind == "start" else "so that it runs",
            target=slot.old.id if slot.kind == "start" and slot.old else slot.name,
            service=slot.service.name,
            after=(*((usable,) if usable else ()), *after, *self._port_holders(slot)),
            options=_hooks(Verb.START_CONTAINER, slot),
        )
        self.builder.steps.append(step)
        self.started[slot.name] = step.id

    def _restart(self, slot: SlotPlan, after: tuple[str, ...], moved: str) -> None:
        step = Step(
            id=f"restart:{slot.name}",
            verb=Verb.RESTART_CONTAINER,
            subject=slot.name,
            reason=f"{moved}, which it depends on, is started anew",
            target=slot.name,
            service=slot.service.name,
            after=after,
            options=_hooks(Verb.RESTART_CONTAINER, slot),
        )
        self.builder.steps.append(step)
        self.started[slot.name] = step.id

    def _port_holders(self, slot: SlotPlan) -> list[str]:
        """Removals that must come first because the container that goes holds a port we need."""
        wanted = {
            (str(entry.get("published")), str(entry.get("protocol", "tcp")))
            for entry in slot.service.spec.get("ports") or ()
        }
        return [
            removal
            for state, removal in self.builder.removals
            if any((str(port.host_port), port.protocol) in wanted for port in state.ports)
        ]

    def _wait(self, slot: SlotPlan, condition: str, *, optional: bool = False) -> str:
        key = f"wait:{slot.name}:{condition}"
        known = self.waits.get(key)
        if known is None or (known.optional and not optional):
            options: dict[str, Any] = {"condition": condition}
            if self.desired.options.wait_timeout_s is not None:
                options["timeout_s"] = self.desired.options.wait_timeout_s
            started = self.started.get(slot.name)
            self.waits[key] = Step(
                id=key,
                verb=Verb.WAIT,
                subject=slot.name,
                reason=_WAITED_FOR[condition],
                target=slot.name,
                service=slot.service.name,
                after=(started,) if started else (),
                options=options,
                optional=optional,
            )
        return key

    def _final_wait(self, slot: SlotPlan) -> None:
        if slot.kind == "leave":
            return
        if slot.kind == "keep" and slot.name not in self.started and slot.old:
            settled = slot.old.status == "running" and slot.old.health in ("", "healthy")
            if settled or _completed(slot):
                return
        if is_declared_job(self.desired.project, slot.service):
            self._wait(slot, "completed")
        elif f"wait:{slot.name}:healthy" not in self.waits:
            self._wait(slot, "ready")


def _hooks(verb: Verb, slot: SlotPlan) -> Mapping[str, Any]:
    """Of the container that is there, where it stays; else of the one that is created."""
    stays = slot.kind in ("start", "keep") and slot.old
    return hook_options(
        verb, slot.old.labels if stays and slot.old else hook_labels(slot.service.spec)
    )


def _shares_namespace(service: Service, other: str) -> bool:
    keys = ("network_mode", "ipc", "pid")
    return any(service.spec.get(key) == f"service:{other}" for key in keys)


_WAITED_FOR = {
    "healthy": "until it is healthy",
    "completed": "until it has completed",
    "ready": "until it is ready",
}


def _completed(slot: SlotPlan) -> bool:
    return slot.old is not None and slot.old.status == "exited" and slot.old.exit_code == 0
