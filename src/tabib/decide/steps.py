"""Service plans → steps that create, replace and remove containers, in a valid order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from tabib.decide.containers import ServicePlan, SlotPlan
from tabib.decide.desired import Desired
from tabib.decide.infrastructure import Infrastructure
from tabib.decide.onestep import on_container
from tabib.decide.specs import container_spec, shared_containers
from tabib.model import container as c
from tabib.model.container import RUNNING, ContainerState, Observed
from tabib.model.errors import Bug
from tabib.model.plan import Step, Verb


def stop_and_remove(
    state: ContainerState,
    reason: str,
    *,
    after: tuple[str, ...] = (),
    timeout_s: float | None = None,
    volumes: bool = False,
) -> list[Step]:
    """Stop ``state`` if it runs, then remove it; the last step is the removal."""
    steps: list[Step] = []
    if state.status in RUNNING:
        grace = {} if timeout_s is None else {"timeout_s": timeout_s}
        steps.append(on_container(Verb.STOP_CONTAINER, state, reason, after=after, options=grace))
        after = (steps[0].id,)
    options = {"force": False, "volumes": volumes}
    steps.append(on_container(Verb.REMOVE_CONTAINER, state, reason, after=after, options=options))
    return steps


def topological(steps: Iterable[Step]) -> tuple[Step, ...]:
    """Steps so that each comes after those it waits for; stable; unknown ids are dropped.

    :raises Bug: they wait for each other, or two have one id.
    """
    steps = list(steps)
    by_id = {step.id: step for step in steps}
    if len(by_id) != len(steps):
        twice = sorted({one.id for one in steps if by_id[one.id] is not one})
        raise Bug(f"several steps are called {', '.join(twice)}")
    done: dict[str, Step] = {}

    def visit(root: str) -> None:
        stack = [root]
        while stack:
            step = by_id[stack[-1]]
            missing = [one for one in step.after if one in by_id and one not in done]
            if missing:
                if missing[0] in stack:
                    raise Bug(f"steps wait for each other: {' → '.join([*stack, missing[0]])}")
                stack.append(missing[0])
                continue
            stack.pop()
            known = tuple(dict.fromkeys(one for one in step.after if one in by_id))
            done[step.id] = replace(step, after=known)

    for name in by_id:
        if name not in done:
            visit(name)
    return tuple(done.values())


class Builder:
    """Collects the steps of one plan. ``usable`` maps a container name to the step after which
    the properly named container exists and may be started (absent: it already does)."""

    def __init__(
        self,
        desired: Desired,
        observed: Observed,
        infra: Infrastructure,
        plans: Mapping[str, ServicePlan],
    ) -> None:
        self.desired = desired
        self.observed = observed
        self.infra = infra
        self.plans = plans
        self.steps: list[Step] = []
        self.usable: dict[str, str] = {}
        self.removals: list[tuple[ContainerState, str]] = []
        """Each container that goes, with the id of the step that removes it."""
        self._stopped: set[str] = set()

    def remove_surplus(self) -> dict[str, list[str]]:
        """Steps for containers that are too many; network name → steps that free it."""
        freed: dict[str, list[str]] = {}
        for plan in self.plans.values():
            for state, reason in plan.surplus:
                self._remove(state, reason, freed)
        return freed

    def orphans(self, found: list[ContainerState], freed: dict[str, list[str]]) -> list[str]:
        """Remove containers whose service the file no longer has, or say that they are there."""
        project = self.desired.project
        found = [one for one in found if one.service not in project.disabled]
        if self.desired.options.remove_orphans:
            for state in found:
                self._remove(state, "its service is no longer in the file", freed)
            return []
        notes = []
        for state in found:
            renamed = next(
                (
                    service.name
                    for service in project.services.values()
                    if service.config_hash == state.config_hash
                ),
                "",
            )
            hint = f"; was {state.service} renamed to {renamed}?" if renamed else ""
            notes.append(
                f"{state.name} belongs to service {state.service}, which the file does not have"
                f"{hint} (--remove-orphans removes it)"
            )
        return notes

    def replace_containers(self, freed: dict[str, list[str]]) -> None:
        """Steps that create, recreate or finish each slot."""
        for plan in self.plans.values():
            for slot in plan.slots:
                if slot.kind == "create":
                    self.usable[slot.name] = self._create(slot, slot.name, ())
                elif slot.kind == "recreate":
                    self._recreate(slot, freed)
                elif slot.kind == "finish" and slot.successor:
                    others = [one for one, _ in plan.surplus if one.slot == slot.slot]
                    after = tuple(f"remove:{one.name}" for one in others)
                    self._rename(slot, slot.successor.id, slot.successor.name, after)

    def ordered(self, infrastructure: list[Step]) -> tuple[Step, ...]:
        return topological([*infrastructure, *map(self._after_namesake, self.steps)])

    def _after_namesake(self, step: Step) -> Step:
        """A container is created once a container of the same name is gone (a service that was
        renamed and kept its ``container_name``)."""
        if step.verb is not Verb.CREATE_CONTAINER:
            return step
        gone = tuple(removal for state, removal in self.removals if state.name == step.target)
        return replace(step, after=(*step.after, *gone)) if gone else step

    def _stop(
        self, state: ContainerState, reason: str, freed: dict[str, list[str]]
    ) -> tuple[str, ...]:
        """The step that stops ``state``; none where it does not run."""
        if state.status not in RUNNING:
            return ()
        stop = stop_and_remove(state, reason, timeout_s=self.desired.options.timeout_s)[0]
        self.steps.append(stop)
        self._stopped.add(state.id)
        for network in state.networks:
            freed.setdefault(network, []).append(stop.id)
        return (stop.id,)

    def _remove(
        self,
        state: ContainerState,
        reason: str,
        freed: dict[str, list[str]],
        after: tuple[str, ...] = (),
    ) -> str:
        steps = stop_and_remove(
            state, reason, after=after, timeout_s=self.desired.options.timeout_s
        )
        if state.id in self._stopped:
            steps = [replace(steps[-1], after=after)]
        elif state.status in RUNNING:  # what does not run keeps no network
            for network in state.networks:
                freed.setdefault(network, []).append(steps[0].id)
        self.steps += steps
        self.removals.append((state, steps[-1].id))
        return steps[-1].id

    def _recreate(self, slot: SlotPlan, freed: dict[str, list[str]]) -> None:
        """Create first, then stop and remove: the old one stays until its successor is there, so
        that its anonymous volumes are never without a container that names them."""
        old = slot.old
        if old is None:
            return
        stopped: tuple[str, ...] = ()
        if self._on_replaced_network(slot, old):
            # The network goes before the successor can be created on its namesake, and it can go
            # once nothing runs on it.
            stopped = self._stop(old, slot.reason, freed)
        in_place = old.name == slot.name
        name = f"{old.id[:12]}_{slot.name}" if in_place else slot.name
        leftover = [
            f"remove:{one.name}"
            for one, _ in self.plans[slot.service.name].surplus
            if one.name == name
        ]
        created = self._create(slot, name, (*stopped, *leftover))
        removed = self._remove(old, slot.reason, freed, (created, *stopped))
        if in_place:
            self._rename(slot, name, name, (removed,))
        else:
            self.usable[slot.name] = removed

    def _on_replaced_network(self, slot: SlotPlan, old: ContainerState) -> bool:
        wanted = {self.desired.project.networks[key].name for key in slot.service.networks}
        return not self.infra.replaced_networks.keys().isdisjoint(wanted | old.networks.keys())

    def _create(self, slot: SlotPlan, name: str, after: tuple[str, ...]) -> str:
        spec = container_spec(
            self.desired,
            slot.service,
            slot.slot,
            self.observed.images.get(slot.service.image),
            replaces=slot.old,
        )
        if name != slot.name:
            spec = replace(spec, name=name, labels={**spec.labels, c.LABEL_REPLACE: slot.name})
        needs = [
            self.infra.ready.get(f"volume:{mount.source}", "")
            for mount in spec.mounts
            if mount.type == "volume"
        ]
        needs += [f"network:{endpoint.network}" for endpoint in spec.endpoints]
        needs += [self.usable.get(other, "") for other in shared_containers(spec)]
        step = Step(
            id=f"create:{slot.name}",
            verb=Verb.CREATE_CONTAINER,
            subject=slot.name,
            reason=slot.reason,
            target=name,
            service=slot.service.name,
            after=tuple(one for one in (*after, *needs) if one),
            container=spec,
        )
        self.steps.append(step)
        return step.id

    def _rename(self, slot: SlotPlan, target: str, before: str, after: tuple[str, ...]) -> None:
        step = Step(
            id=f"rename:{slot.name}",
            verb=Verb.RENAME_CONTAINER,
            subject=slot.name,
            reason=f"{before} takes the place of what it replaces",
            target=target,
            service=slot.service.name,
            after=after,
            options={"name": slot.name},
        )
        self.steps.append(step)
        self.usable[slot.name] = step.id
