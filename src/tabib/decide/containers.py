"""Containers of one service: which stay, which are created, recreated, started or removed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from tabib.decide.desired import Desired
from tabib.decide.graph import is_declared_job
from tabib.decide.infrastructure import Infrastructure
from tabib.decide.mounts import mounted_volumes
from tabib.decide.specs import container_name
from tabib.model import container as c
from tabib.model.container import ContainerState, ImageState
from tabib.model.project import Service


@dataclass(slots=True, kw_only=True)
class SlotPlan:
    """What becomes of one slot."""

    service: Service
    slot: int
    name: str
    kind: str
    """``keep``, ``start``, ``create``, ``recreate``, ``finish`` (complete an interrupted
    replacement: the successor exists under a provisional name) or ``leave``."""
    reason: str = ""
    old: ContainerState | None = None
    successor: ContainerState | None = None


@dataclass(slots=True)
class ServicePlan:
    service: Service
    slots: list[SlotPlan] = field(default_factory=list)
    surplus: list[tuple[ContainerState, str]] = field(default_factory=list)
    """Containers to stop and remove, each with its reason."""

    def first(self) -> SlotPlan | None:
        """The slot whose container others share namespaces and volumes with."""
        return next((slot for slot in self.slots if slot.slot == 1), None)

    def first_becomes(self, *kinds: str) -> bool:
        """Whether one of ``kinds`` becomes of that slot."""
        slot = self.first()
        return slot is not None and slot.kind in kinds


def plan_service(
    desired: Desired,
    service: Service,
    containers: Iterable[ContainerState],
    images: Mapping[str, ImageState],
    infra: Infrastructure,
    *,
    recreate_because: str = "",
) -> ServicePlan:
    """Compare the service's containers with what they shall be.

    ``recreate_because``: recreate whatever exists, with that reason (``""``: only what changed).
    """
    plan = ServicePlan(service)
    by_slot, invalid = _by_slot(containers)
    wanted = wanted_slots(desired.replicas(service), by_slot)
    for slot in wanted:
        name = container_name(desired.project, service, slot)
        if desired.only is not None and name not in desired.only:
            continue
        found = by_slot.get(slot, [])
        plan.slots.append(
            _plan_slot(desired, service, slot, found, images, infra, recreate_because, plan)
        )
    if desired.only is None:
        for slot, found in by_slot.items():
            if slot not in wanted:
                plan.surplus += [(one, "scaled down") for one in found]
        plan.surplus += [(one, "it has no valid number") for one in invalid]
    return plan


def _plan_slot(
    desired: Desired,
    service: Service,
    slot: int,
    found: list[ContainerState],
    images: Mapping[str, ImageState],
    infra: Infrastructure,
    recreate_because: str,
    plan: ServicePlan,
) -> SlotPlan:
    name = container_name(desired.project, service, slot)
    base = SlotPlan(service=service, slot=slot, name=name, kind="leave")
    if not found:
        if name in desired.halted:
            return replace(base, reason="it was stopped on purpose")
        return replace(base, kind="create", reason="it does not exist")
    image = images.get(service.image)
    ranked = sorted(found, key=lambda one: _rank(desired, service, one, image, infra), reverse=True)
    best, others = ranked[0], ranked[1:]
    if others or best.name != name:
        return _interrupted(base, desired, best, others, image, infra, plan)
    if name in desired.halted:
        return replace(base, reason="it was stopped on purpose", old=best)
    reason = recreate_because or change(desired, service, best, image, infra)
    if desired.options.force_recreate:
        reason = "recreation was asked for"
    kept = desired.options.no_recreate and not recreate_because
    if kept:
        reason = _cannot_start(desired, service, best, infra)
    if reason:
        return replace(base, kind="recreate", reason=reason, old=best)
    return _started(base, desired, best)


def _interrupted(
    base: SlotPlan,
    desired: Desired,
    best: ContainerState,
    others: list[ContainerState],
    image: ImageState | None,
    infra: Infrastructure,
    plan: ServicePlan,
) -> SlotPlan:
    """Two containers hold one slot, or one has a provisional name: finish the replacement."""
    name, service = base.name, base.service
    if change(desired, service, best, image, infra):
        # Nothing usable is left of the interrupted attempt: the properly named one is replaced.
        named = next((one for one in (best, *others) if one.name == name), best)
        plan.surplus += [
            (one, "left over from an interrupted replacement")
            for one in (best, *others)
            if one is not named
        ]
        return replace(base, kind="recreate", reason="it changed", old=named)
    if best.name == name:
        plan.surplus += [(one, "left over from an interrupted replacement") for one in others]
        return _started(base, desired, best)
    plan.surplus += [(one, "another container already replaces it") for one in others]
    return replace(base, kind="finish", reason="its replacement was interrupted", successor=best)


def _started(base: SlotPlan, desired: Desired, state: ContainerState) -> SlotPlan:
    kind, reason = "keep", "up to date"
    if state.status in ("created", "exited"):
        finished = state.status == "exited" and state.exit_code == 0
        if finished and is_declared_job(desired.project, base.service):
            kind, reason = "keep", "the job is finished"
        else:
            kind, reason = "start", "it is not running"
    elif state.status == "paused":
        kind, reason = "leave", "it is paused"
    return replace(base, kind=kind, reason=reason, old=state)


def change(
    desired: Desired,
    service: Service,
    state: ContainerState,
    image: ImageState | None,
    infra: Infrastructure,
) -> str:
    """Why ``state`` must be recreated; ``""`` where it need not."""
    known = (service.config_hash, desired.compose_hashes.get(service.name))
    if state.config_hash not in known:
        return "its configuration changed"
    recorded = state.labels.get(c.LABEL_IMAGE)
    if image and recorded and recorded != image.id:
        return "its image changed"
    if state.status in ("dead", "removing"):
        return f"the engine reports it {state.status}"
    wrong = _network_change(desired, service, state, infra)
    if wrong:
        return wrong
    mounted = {mount.target: mount.name for mount in state.mounts if mount.type == "volume"}
    for target, volume in mounted_volumes(desired.project, service).items():
        if mounted.get(target) != volume:
            return f"volume {volume} is not mounted at {target}"
    return ""


def _network_change(
    desired: Desired, service: Service, state: ContainerState, infra: Infrastructure
) -> str:
    if service.spec.get("network_mode"):
        return ""
    for key in service.networks:
        name = desired.project.networks[key].name
        if name in infra.replaced_networks:
            return f"network {name} changed"
        # A created container may not show the network's id yet: only a different one counts.
        actual, expected = state.networks.get(name), infra.network_ids.get(name)
        if actual and f"network:{name}" in infra.ready:
            # It is attached by id: one of the same name made anew is another network.
            return f"network {name} was removed"
        if actual is None or (expected and actual and actual != expected):
            return f"it is not connected to network {name}"
    return ""


def _cannot_start(
    desired: Desired, service: Service, state: ContainerState, infra: Infrastructure
) -> str:
    """Why a container that is to be kept as it is could not be started as it is."""
    if state.status not in ("created", "exited"):
        return ""
    return _network_change(desired, service, state, infra)


def _by_slot(
    containers: Iterable[ContainerState],
) -> tuple[dict[int, list[ContainerState]], list[ContainerState]]:
    by_slot: dict[int, list[ContainerState]] = {}
    invalid: list[ContainerState] = []
    for one in containers:
        if one.slot > 0:
            by_slot.setdefault(one.slot, []).append(one)
        else:
            invalid.append(one)
    return dict(sorted(by_slot.items())), invalid


def wanted_slots(replicas: int, by_slot: Collection[int]) -> list[int]:
    """The slots to hold: those in use first (lowest numbers stay), then the lowest free ones."""
    kept = sorted(by_slot)[:replicas]
    number = 1
    while len(kept) < replicas:
        if number not in by_slot:
            kept.append(number)
        number += 1
    return sorted(kept)


def _rank(
    desired: Desired,
    service: Service,
    state: ContainerState,
    image: ImageState | None,
    infra: Infrastructure,
) -> tuple[bool, bool, bool, float, str]:
    """Which of several containers of one slot is the one to keep (the greatest).

    Where recreation was asked for, a successor that an interrupted attempt left is completed.
    """
    named = state.name == container_name(desired.project, service, state.slot)
    return (
        not change(desired, service, state, image, infra),
        named is not desired.options.force_recreate,
        state.status == "running",
        state.created_at.timestamp(),
        state.id,
    )
