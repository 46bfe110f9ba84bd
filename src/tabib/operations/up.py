"""``up``: trip 1 of the architecture. Observe, plan, show, apply, record a release."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from tabib.decide import images as image_decisions
from tabib.decide.desired import Desired, Options, VolumePlace
from tabib.decide.graph import is_declared_job, selection
from tabib.decide.reconcile import reconcile
from tabib.model.container import Observed
from tabib.model.errors import Conflict
from tabib.model.plan import Plan, Verb
from tabib.model.project import Service
from tabib.model.release import Release
from tabib.model.wire import UpRequest
from tabib.operations import images, volumes
from tabib.operations.backups.before import before_release
from tabib.operations.backups.settle import must_be_whole
from tabib.operations.closing import close_for
from tabib.operations.compose_made import compose_hashes
from tabib.operations.deployment import Deployment
from tabib.operations.execute import Execution, execute
from tabib.operations.guard import owning, same_project
from tabib.operations.honour import honour
from tabib.operations.journalled import journalled, still_asked_for
from tabib.operations.leases import lease
from tabib.operations.notifying.rules import require_services
from tabib.operations.operation import Operation
from tabib.operations.record import forget_absent, kept_mounts
from tabib.operations.refused import tell_refused
from tabib.operations.show import show
from tabib.operations.tools import Tools


async def up(tools: Tools, request: UpRequest, operation: Operation) -> Mapping[str, Any]:
    """Bring the project to what the file says; returns once it is ready (``wait``).

    Nothing is done (and no release made) where nothing is to be done.

    :raises TabibError: the first failure; what was done stays, and the next ``up`` completes it.
    """
    project = request.project
    async with (
        owning(tools, "bring up", project.name, dry_run=request.dry_run),
        lease(tools, project.name, operation, wait=not request.no_wait_lease),
    ):
        await still_asked_for(tools, project.name, operation)
        await must_be_whole(tools, project.name, "bring up")
        return await _Up(tools, request, operation).run()


PLANS = 3
"""How often one ``up`` plans at most: each time what it met has changed under its hands."""


@dataclass(frozen=True, slots=True)
class _Drawn:
    """A plan, and the places of the volumes that it creates."""

    plan: Plan
    places: dict[str, VolumePlace]


class _Up:
    def __init__(self, tools: Tools, request: UpRequest, operation: Operation) -> None:
        self.tools = tools
        self.request = request
        self.operation = operation
        self.project = request.project
        self.started = tools.clock.monotonic()

    async def run(self) -> Mapping[str, Any]:
        tools, request, project = self.tools, self.request, self.project
        names = selection(project, request.services, with_dependencies=not request.no_deps)
        services = [project.services[name] for name in names]
        tools.secrets.know(project)
        honour(tools, project, services, self.operation)
        await require_services(project, tools.notifier)
        observed = await self._observe(services)
        same_project(project, observed)
        observed = await self._images(services, observed)
        record = await tools.journal.care(tools.info.id, project.name)
        deployment = Deployment(
            tools=tools,
            request=request,
            services=services,
            earlier=await tools.journal.releases(tools.info.id, project.name),
            scale={**(record.scale if record else {}), **request.scale},
        )
        drawn = await self._plan(deployment, observed)
        backup = await before_release(
            tools,
            project,
            drawn.plan,
            observed,
            self.operation,
            skip=request.no_backup,
            dry_run=request.dry_run,
        )
        if request.dry_run:
            show(self.operation, drawn.plan)
            return self._result(drawn.plan, None, None)
        self._tell_unused()
        release = await deployment.release(drawn.plan, observed.images, backup=backup)
        show(self.operation, drawn.plan, release.number if release else None)
        await deployment.take_into_care(release, observed)
        await volumes.reclaim(tools, project, observed)
        execution = await self._apply(deployment, release, drawn)
        if not drawn.plan.empty:
            observed = await self._afterwards(deployment, drawn.plan, release)
        self._tell_restarts(services)
        return {
            **self._result(drawn.plan, release, execution),
            "containers": count_states(observed, project.name, names),
        }

    async def _plan(self, deployment: Deployment, observed: Observed) -> _Drawn:
        tools, project = self.tools, self.project
        places = await volumes.places(tools, project, observed)
        desired = Desired(
            project=project,
            release=deployment.number,
            installation=tools.installation,
            services=self.request.services,
            scale=deployment.scale,
            options=_options(self.request),
            places=places,
            kept_mounts=await kept_mounts(tools, project),
            compose_hashes=compose_hashes(project, observed),
        )
        plan = reconcile(desired, observed, tools.clock.now())
        if not plan.empty:
            keeping = image_decisions.keep_steps(deployment.services, observed.images)
            plan = replace(plan, steps=(*plan.steps, *keeping))
        made = {step.target for step in plan.steps if step.verb is Verb.CREATE_VOLUME}
        return _Drawn(plan, {name: place for name, place in places.items() if name in made})

    async def _apply(
        self, deployment: Deployment, release: Release | None, drawn: _Drawn
    ) -> Execution:
        """Apply the plan; where something was in its way meanwhile, observe and plan anew.

        :raises TabibError: the first failure.
        """
        tools, plan = self.tools, drawn.plan
        changes = not plan.empty or release is not None
        async with journalled(
            tools, self.project.name, self.operation, self._asked(release), changes=changes
        ):
            for attempt in range(1, PLANS + 1):
                await volumes.hold(tools, drawn.places)
                execution = await execute(
                    tools, plan, self.operation, credentials=self.request.credentials
                )
                if attempt == PLANS or not execution.met(Conflict):
                    break
                self.operation.note("something else was in the way: planning anew")
                observed = await self._observe(deployment.services)
                drawn = await self._plan(deployment, observed)
                plan = drawn.plan
                show(self.operation, plan, release.number if release else None)
            await deployment.judge(release, plan, execution)
            await tell_refused(tools, plan, execution)
            execution.raise_first(plan, "up")
        return execution

    def _asked(self, release: Release | None) -> dict[str, Any]:
        """What it takes to ask for the same again, without the project, which the release has."""
        return {
            "verb": "up",
            "by": self.request.by,
            "release": release.number if release else None,
            "services": self.request.services,
            "options": {name: getattr(self.request, name) for name in _ASKED_AGAIN},
        }

    async def _observe(self, services: Iterable[Service]) -> Observed:
        return await images.look(self.tools, services)

    async def _images(self, services: list[Service], observed: Observed) -> Observed:
        request = self.request
        wanted = images.Wanted(
            project=self.project,
            attempted="up",
            pull=request.pull,
            build=request.build,
            sources=request.sources,
            credentials=request.credentials,
            dry_run=request.dry_run,
        )
        return await images.ensure(self.tools, self.operation, wanted, services, observed)

    async def _afterwards(
        self, deployment: Deployment, plan: Plan, release: Release | None
    ) -> Observed:
        """Old images go, incidents that a person has just ended are closed; what runs now."""
        if release is not None:
            await deployment.let_old_images_go(self.operation)
        observed = await self.tools.engine.observe(self.project.name, detail=False)
        started = {s.subject for s in plan.steps if s.verb is Verb.START_CONTAINER}
        there = {one.name for one in observed.containers}
        await forget_absent(self.tools, self.project.name, deployment.services, there)
        well = {one.name for one in observed.containers if one.status == "running"}
        await close_for(self.tools, self.project.name, started & well)
        return observed

    def _tell_unused(self) -> None:
        """Extensions that are accepted, and that nothing acts on yet."""
        sources = [self.project.extensions.get("x-tabib") or {}]
        sources += [service.extension for service in self.project.services.values()]
        unused = sorted(
            {
                key
                for source in sources
                for key, value in source.items()
                if key in _NO_EFFECT_YET and not (key == "rollout" and set(value) <= {"bake"})
            }
        )
        if unused:
            self.operation.note(f"x-tabib: {', '.join(unused)}: no effect yet", "warning")

    def _tell_restarts(self, services: Iterable[Service]) -> None:
        alone = [
            service.name
            for service in services
            if service.restart is None and not is_declared_job(self.project, service)
        ]
        if alone:
            self.operation.emit("restarts", services=alone)

    def _result(
        self, plan: Plan, release: Release | None, execution: Execution | None
    ) -> Mapping[str, Any]:
        created = [s.subject for s in plan.steps if s.verb is Verb.CREATE_CONTAINER]
        removed = [s.subject for s in plan.steps if s.verb is Verb.REMOVE_CONTAINER]
        recreated = [name for name in created if name in removed]
        return {
            "project": self.project.name,
            "release": release.number if release else None,
            "created": [name for name in created if name not in removed],
            "recreated": recreated,
            "started": [s.subject for s in plan.steps if s.verb is Verb.START_CONTAINER],
            "removed": [name for name in removed if name not in created],
            "changed": not plan.empty,
            "healthy": execution is not None and not execution.failures(),
            "dry_run": self.request.dry_run,
            "seconds": round(self.tools.clock.monotonic() - self.started, 3),
        }


_ASKED_AGAIN = (
    "scale", "force_recreate", "no_recreate", "always_recreate_deps", "no_deps", "no_start",
    "remove_orphans", "renew_anon_volumes", "wait", "timeout_s", "wait_timeout_s", "care",
    "no_backup",
)  # fmt: skip
_NO_EFFECT_YET = frozenset({"expose", "rollout"})


def count_states(observed: Observed, project: str, services: Iterable[str]) -> dict[str, int]:
    """How many containers of ``services`` there are, run, are healthy, and have ended."""
    wanted = set(services)
    mine = [
        one
        for one in observed.containers
        if one.project == project and one.service in wanted and not one.oneoff
    ]
    return {
        "total": len(mine),
        "running": sum(one.status == "running" for one in mine),
        "healthy": sum(one.status == "running" and one.health == "healthy" for one in mine),
        "finished": sum(one.status == "exited" and one.exit_code == 0 for one in mine),
    }


def _options(request: UpRequest) -> Options:
    return Options(
        force_recreate=request.force_recreate,
        no_recreate=request.no_recreate,
        always_recreate_deps=request.always_recreate_deps,
        no_deps=request.no_deps,
        no_start=request.no_start,
        remove_orphans=request.remove_orphans,
        renew_anonymous=request.renew_anon_volumes,
        wait=request.wait,
        timeout_s=request.timeout_s,
        wait_timeout_s=request.wait_timeout_s,
    )
