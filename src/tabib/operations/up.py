"""``up``: trip 1 of the architecture. Observe, plan, show, apply, record a release."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from tabib.decide import images as image_decisions
from tabib.decide import releases as release_decisions
from tabib.decide.desired import Desired, Options
from tabib.decide.graph import is_declared_job, selection
from tabib.decide.reconcile import reconcile
from tabib.model.codec import builtins
from tabib.model.container import Observed
from tabib.model.errors import TabibError
from tabib.model.plan import Plan, Verb
from tabib.model.project import Service
from tabib.model.release import CareRecord, Release
from tabib.model.wire import UpRequest
from tabib.operations import volumes
from tabib.operations.closing import close_for
from tabib.operations.execute import Execution, execute
from tabib.operations.guard import claim, let_go, same_project
from tabib.operations.leases import lease
from tabib.operations.operation import Operation
from tabib.operations.record import kept_mounts
from tabib.operations.show import show
from tabib.operations.tools import Tools
from tabib.stores.seal import seal_project


async def up(tools: Tools, request: UpRequest, operation: Operation) -> Mapping[str, Any]:
    """Bring the project to what the file says; returns once it is ready (``wait``).

    Nothing is done (and no release made) where nothing is to be done.

    :raises TabibError: the first failure; what was done stays, and the next ``up`` completes it.
    """
    project = request.project
    if not request.dry_run:
        await claim(tools, "bring up", project.name)
    try:
        async with lease(tools, project.name, operation, wait=not request.no_wait_lease):
            return await _Up(tools, request, operation).run()
    except TabibError:
        # Nothing may be in care yet: then this installation owns nothing.
        await let_go(tools)
        raise


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
        observed = await self._observe(services)
        same_project(project, observed)
        observed = await self._pull(services, observed)
        record = await tools.journal.care(tools.info.id, project.name)
        earlier = await tools.journal.releases(tools.info.id, project.name)
        scale = {**(record.scale if record else {}), **request.scale}
        places = await volumes.places(tools, project, observed)
        desired = Desired(
            project=project,
            release=release_decisions.next_number(earlier),
            installation=tools.installation,
            services=request.services,
            scale=scale,
            options=_options(request),
            places=places,
            kept_mounts=await kept_mounts(tools, project),
        )
        plan = reconcile(desired, observed, tools.clock.now())
        keeping = [] if plan.empty else image_decisions.keep_steps(services, observed.images)
        plan = replace(plan, steps=(*plan.steps, *keeping))
        if request.dry_run:
            show(self.operation, plan)
            return self._result(plan, None, None)
        self._tell_unused()
        release = await self._release(plan, services, observed, earlier, scale)
        show(self.operation, plan, release.number if release else None)
        await self._record(record, release or (earlier[0] if earlier else None), scale)
        await volumes.hold(tools, places)
        execution = await execute(tools, plan, self.operation, credentials=request.credentials)
        await self._judge(release, plan, execution)
        execution.raise_first(plan, "up")
        if not plan.empty:
            observed = await self._afterwards(plan, release)
        self._tell_restarts(services)
        return {
            **self._result(plan, release, execution),
            "containers": count_states(observed, project.name, names),
        }

    async def _observe(self, services: Iterable[Service]) -> Observed:
        return await self.tools.engine.observe(
            images=image_decisions.references(services), detail=False
        )

    async def _pull(self, services: list[Service], observed: Observed) -> Observed:
        pulls = image_decisions.plan_pulls(
            self.project, services, observed.images, self.request.pull
        )
        if not pulls.steps:
            return observed
        show(self.operation, pulls)
        if self.request.dry_run:
            return observed
        execution = await execute(
            self.tools, pulls, self.operation, credentials=self.request.credentials
        )
        execution.raise_first(pulls, "up")
        return await self._observe(services)

    async def _release(
        self,
        plan: Plan,
        services: list[Service],
        observed: Observed,
        earlier: list[Release],
        scale: Mapping[str, int],
    ) -> Release | None:
        """The release that this plan makes, journalled as pending; None where nothing changes."""
        tools = self.tools
        fresh = release_decisions.new_release(
            self.project,
            {},
            image_decisions.identities(services, observed.images),
            earlier,
            engine_id=tools.info.id,
            cluster=tools.cluster,
            by=self.request.by,
            reason="tabib up",
            scale=scale,
            now=tools.clock.now(),
        )
        current = earlier[0] if earlier else None
        same = current is not None and current.config_hash == fresh.config_hash
        if plan.empty and same and current is not None and current.verdict != "adopted":
            return None
        fresh = replace(fresh, model=await seal_project(self.project, tools.vault))
        await tools.journal.put_release(fresh)
        return fresh

    async def _record(
        self, record: CareRecord | None, release: Release | None, scale: Mapping[str, int]
    ) -> None:
        """The project is in care from now on; what was halted on purpose is let go again."""
        tools, project = self.tools, self.project
        written = (project.extensions.get("x-tabib") or {}).get("care")
        mode = str(self.request.care or written or "act")
        halted = dict(record.halted) if record else {}
        if self.request.services:
            named = {f"{project.name}-{name}-" for name in self.request.services}
            halted = {
                name: why
                for name, why in halted.items()
                if name != "*" and not any(name.startswith(prefix) for prefix in named)
            }
        else:
            halted = {}
        fresh = CareRecord(
            engine_id=tools.info.id,
            project=project.name,
            endpoint=builtins(tools.address),
            mode=mode,
            working_dir=project.working_dir,
            files=project.files,
            release=release.number if release else None,
            halted=halted,
            scale=scale,
            reset_at=tools.clock.now(),
            updated_at=tools.clock.now(),
        )
        await tools.journal.put_care(fresh)

    async def _judge(self, release: Release | None, plan: Plan, execution: Execution) -> None:
        if release is None:
            return
        optional = {step.id for step in plan.steps if step.optional}
        failed = any(one.step_id not in optional for one in execution.failures())
        verdict = "failed" if failed else "pending" if execution.stopped else "good"
        await self.tools.journal.put_release(replace(release, verdict=verdict))

    async def _afterwards(self, plan: Plan, release: Release | None) -> Observed:
        """Old images go, incidents that a person has just ended are closed; what runs now."""
        if release is not None:
            await self._let_old_images_go()
        observed = await self.tools.engine.observe(self.project.name, detail=False)
        started = {s.subject for s in plan.steps if s.verb is Verb.START_CONTAINER}
        well = {one.name for one in observed.containers if one.status == "running"}
        await close_for(self.tools, self.project.name, started & well)
        return observed

    async def _let_old_images_go(self) -> None:
        """Images that only older releases used need no tag of ours any more."""
        tools = self.tools
        engine, name = tools.info.id, self.project.name
        mine = await tools.journal.releases(engine, name)
        if len(mine) <= image_decisions.KEPT_RELEASES:
            return
        others = [
            await tools.journal.releases(engine, record.project)
            for record in await tools.journal.all_care(engine)
            if record.project != name
        ]
        spare = image_decisions.spare_keep_tags(mine, others)
        if spare:
            looked = await tools.engine.observe(name, images=spare, detail=False)
            steps = tuple(image_decisions.unkeep_steps(spare, looked.images))
            await execute(tools, Plan(project=name, steps=steps), self.operation)

    def _tell_unused(self) -> None:
        """Extensions that are accepted, and that nothing acts on yet."""
        sources = [self.project.extensions.get("x-tabib") or {}]
        sources += [service.extension for service in self.project.services.values()]
        unused = sorted({key for source in sources for key in source if key in _NO_EFFECT_YET})
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


_NO_EFFECT_YET = frozenset({"backup", "notify", "expose", "rollout"})


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
