"""Whoever uses the data is stopped, the data exchanged, and all started again on it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

import structlog

from tabib.decide.desired import Desired, Options
from tabib.decide.halts import halt, let_run
from tabib.decide.onestep import on_container
from tabib.decide.reconcile import reconcile
from tabib.decide.specs import container_name
from tabib.model.backup import Dataset
from tabib.model.container import RUNNING, ContainerState, Observed
from tabib.model.errors import NotHealthy, Refused, TabibError
from tabib.model.oneshot import LABEL_HELPER
from tabib.model.plan import Plan, Step, Verb
from tabib.model.project import Project, Service
from tabib.operations import images, volumes
from tabib.operations.backups.prepared import EXCHANGING, prepared
from tabib.operations.backups.settle import settle_all
from tabib.operations.backups.swap import CopySwap, GenerationSwap, Swap, exchange_all
from tabib.operations.care_record import change
from tabib.operations.closing import close_beside
from tabib.operations.compose_made import compose_hashes
from tabib.operations.execute import execute
from tabib.operations.facts import Cared, Ward
from tabib.operations.journalled import journalled
from tabib.operations.operation import Operation
from tabib.operations.record import kept_mounts
from tabib.operations.show import show
from tabib.operations.tools import Tools

log = structlog.get_logger("tabib.restore")
InPhase = Callable[[str], AbstractAsyncContextManager[None]]
Then = Callable[[Mapping[str, str]], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Swapped:
    """``kept``: where each data set's old data is, by name. ``started``: whether services run on
    it."""

    kept: Mapping[str, str]
    started: bool


async def swap_in(
    tools: Tools,
    project: str,
    wanted: Sequence[Dataset],
    swaps: Sequence[Swap],
    operation: Operation,
    phase: InPhase,
    *,
    reason: str,
    then: Then,
) -> Swapped:
    """Bring what was prepared into use. It cannot be stopped; where it fails, what was there is
    started again, unless it is half exchanged. ``then`` is told what is kept, before anything is
    started: also where that is not well afterwards.

    :raises TabibError: it could not be swapped in, or the services are not healthy on it.
    """
    swapping = _Swapping(tools, project, wanted, swaps, _Unstoppable(operation), reason, then)
    return await swapping.run(phase)


def users_of(observed: Observed, wanted: Sequence[Dataset]) -> list[ContainerState]:
    """All containers, running or not, that have one of the data sets mounted."""
    places = {one.place.source.rstrip("/") for one in wanted}
    return [
        one
        for one in observed.containers
        if LABEL_HELPER not in one.labels
        and any(
            mount.name in places or (mount.type == "bind" and mount.source.rstrip("/") in places)
            for mount in one.mounts
        )
    ]


def foreign_users(project: str, observed: Observed, wanted: Sequence[Dataset]) -> None:
    """
    :raises Refused: a volume that would be made anew is used by what is not the project's.
    """
    ours = [one for one in wanted if one.generation is not None]
    foreign = [one.name for one in users_of(observed, ours) if one.project != project]
    if foreign:
        raise Refused(
            f"{', '.join(foreign)} uses its data too, and is not of the project",
            attempted="restore",
            target=project,
            advice="Remove it first: its volume is made anew. Its own tool makes it again then.",
        )


class _Unstoppable(Operation):
    """What is shown in another operation, and not stopped with it."""

    def __init__(self, of: Operation) -> None:
        self._of = of
        super().__init__(of.id, of.name, of.project, resumes=of.resumes)

    def emit(self, type: str, **fields: Any) -> None:
        if type != "operation":
            self._of.emit(type, **fields)


@dataclass(slots=True)
class _Swapping:
    tools: Tools
    project: str
    wanted: Sequence[Dataset]
    swaps: Sequence[Swap]
    operation: Operation
    reason: str
    then: Then

    async def run(self, phase: InPhase) -> Swapped:
        tools = self.tools
        cared = await Ward(tools).get(self.project)
        observed = await tools.engine.observe(detail=False)
        users = users_of(observed, self.wanted)
        services = self._services(users)
        names = self._names(cared, services, users)
        copies = any(isinstance(one, CopySwap) for one in self.swaps)
        asked = self._asked(cared, services)
        async with journalled(tools, self.project, self.operation, asked, changes=True):
            try:
                async with phase("stop"):
                    await self._stop(users, observed)
                if copies:
                    # Half of it must not be started on, by anybody, until it is whole.
                    now = tools.clock.now()
                    await change(tools, self.project, lambda r: halt(r, names, "quarantined", now))
                async with phase("swap"):
                    kept = await exchange_all(tools, self.swaps)
            except BaseException:
                await settle_all(tools, await prepared(tools, self.project))
                await self._begin_again(cared, services, users, names)
                raise
            await self.then(kept)
            async with phase("start"):
                try:
                    await self._start(cared, services, users, names)
                except NotHealthy as error:
                    back = "`tabib restore --undo` goes back to what the restore replaced."
                    error.advice = f"{error.advice} {back}".strip()
                    raise
            if cared is not None:
                # Nobody but this start made them well, and one's own start is no news to care.
                await close_beside(tools, self.project, names)
        return Swapped(kept=kept, started=cared is not None)

    def _services(self, users: Sequence[ContainerState]) -> list[str]:
        mounting = {n for one in self.wanted for n in (one.service, *one.services) if n}
        return sorted(mounting | {one.service for one in users if one.project == self.project})

    def _names(
        self, cared: Cared | None, services: Sequence[str], users: Sequence[ContainerState]
    ) -> list[str]:
        """Of all containers that shall run afterwards."""
        names = {one.name for one in users if one.project == self.project and not one.oneoff}
        if cared is not None and cared.project is not None:
            for service in _known(cared.project, services):
                replicas = cared.record.scale.get(service.name, service.replicas)
                slots = range(1, replicas + 1)
                names |= {container_name(cared.project, service, slot) for slot in slots}
        return sorted(names)

    def _asked(self, cared: Cared | None, services: Sequence[str]) -> dict[str, Any]:
        """What the next daemon does where this one dies: an ``up`` (of what was adopted, a
        ``start``) of these services, which attaches what the journal says by then."""
        if cared is None:
            return {"verb": "restore"}
        if cared.project is None:
            return {"verb": "start", "services": services, "options": {}}
        return {
            "verb": "up",
            "by": "tabib",
            "release": cared.record.release,
            "services": services,
            "options": {"no_deps": True, "care": cared.record.mode},
        }

    # ── stop ───────────────────────────────────────────────────────────────────────────────────

    async def _stop(self, users: Sequence[ContainerState], observed: Observed) -> None:
        """Stop whoever uses the data, see it stopped, and remove what names its old place."""
        foreign_users(self.project, observed, self.wanted)
        steps = [
            on_container(Verb.STOP_CONTAINER, one, self.reason)
            for one in users
            if one.status in RUNNING
        ]
        stops = {step.subject: step.id for step in steps}
        anew = [one.name for one in self.swaps if isinstance(one, GenerationSwap)]
        steps += [
            on_container(
                Verb.REMOVE_CONTAINER,
                one,
                "its volume is made anew",
                after=tuple(stops[name] for name in (one.name,) if name in stops),
                options={"force": False, "volumes": False},
            )
            for one in users
            if any(mount.name in anew for mount in one.mounts if mount.name)
        ]
        ids = tuple(step.id for step in steps)
        present = {one.name for one in observed.volumes}
        steps += [
            Step(
                id=f"remove:volume {name}",
                verb=Verb.REMOVE_VOLUME,
                subject=f"volume {name}",
                reason="it is made anew on the restored data; its old data is kept",
                target=name,
                after=ids,
            )
            for name in anew
            if name in present
        ]
        await self._carry_out(Plan(project=self.project, steps=tuple(steps)))
        seen = await self.tools.engine.observe(detail=False)
        still = [one.name for one in users_of(seen, self.wanted) if one.status in RUNNING]
        if still:
            raise Refused(
                f"{', '.join(still)} still uses the data",
                attempted="restore",
                target=self.project,
                advice="Stop it, then try again; nothing was exchanged.",
            )

    # ── start ──────────────────────────────────────────────────────────────────────────────────

    async def _begin_again(
        self,
        cared: Cared | None,
        services: Sequence[str],
        users: Sequence[ContainerState],
        names: Sequence[str],
    ) -> None:
        """After trouble: what ran runs again, on what was there. Its own trouble is told alone."""
        if any(one.stage == EXCHANGING for one in await prepared(self.tools, self.project)):
            log.error("restore.half_exchanged", project=self.project)
            return
        try:
            await self._start(cared, services, users, names)
        except (TabibError, OSError) as error:  # the caller has to hear of the first trouble
            log.error("restore.not_started_again", project=self.project, why=str(error))

    async def _start(
        self,
        cared: Cared | None,
        services: Sequence[str],
        users: Sequence[ContainerState],
        names: Sequence[str],
    ) -> None:
        """Make and start again what uses the data, and wait until it is healthy.

        :raises NotHealthy: it is not.
        """
        tools = self.tools
        if cared is not None:
            await change(tools, self.project, lambda r: let_run(r, names, names))
        plan = await self._from_model(cared, services)
        modelled = cared.project.services if cared and cared.project else {}
        others = [one for one in users if one.project != self.project or not modelled]
        plan = Plan(project=self.project, steps=(*plan.steps, *await self._again(others)))
        await self._carry_out(plan)

    async def _from_model(self, cared: Cared | None, services: Sequence[str]) -> Plan:
        tools = self.tools
        if cared is None or cared.project is None:
            return Plan(project=self.project)
        record = await tools.journal.care(tools.info.id, self.project)
        known = _known(cared.project, services)
        observed = await images.look(tools, known)
        places = await volumes.places(tools, cared.project, observed)
        desired = Desired(
            project=cared.project,
            release=cared.release.number if cared.release else 0,
            installation=tools.installation,
            services=tuple(one.name for one in known),
            scale=cared.record.scale,
            options=Options(no_deps=True, no_recreate=True, wait=True),
            places=places,
            kept_mounts=await kept_mounts(tools, cared.project),
            compose_hashes=compose_hashes(cared.project, observed),
            halted=frozenset(record.halted if record else ()),
        )
        plan = reconcile(desired, observed, tools.clock.now())
        await volumes.hold(tools, places)
        return plan

    async def _again(self, users: Sequence[ContainerState]) -> list[Step]:
        """For what has no model: the project's containers, and others that ran, started again, and
        awaited."""
        seen = await self.tools.engine.observe(detail=False)
        there = {one.id: one for one in seen.containers}
        steps: list[Step] = []
        for one in users:
            now = there.get(one.id)
            if one.oneoff or now is None or now.status in RUNNING:
                continue
            if one.project != self.project and one.status not in RUNNING:
                continue
            start = on_container(Verb.START_CONTAINER, one, "its data is restored")
            wait = on_container(
                Verb.WAIT,
                one,
                "it shall be well on the restored data",
                after=(start.id,),
                options={"condition": "ready"},
            )
            steps += [start, wait]
        return steps

    async def _carry_out(self, plan: Plan) -> None:
        if plan.steps:
            show(self.operation, plan)
            execution = await execute(self.tools, plan, self.operation)
            execution.raise_first(plan, "restore")


def _known(project: Project, services: Sequence[str]) -> list[Service]:
    return [project.services[name] for name in services if name in project.services]
