"""What an ``up`` leaves in the journal: its release, its verdict, and the project in care."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tabib.decide import images as image_decisions
from tabib.decide import releases as release_decisions
from tabib.decide.halts import halt, let_all_run, let_run
from tabib.decide.specs import container_name
from tabib.model.codec import builtins
from tabib.model.container import RUNNING, ImageState, Observed
from tabib.model.plan import Plan
from tabib.model.project import Project, Service
from tabib.model.release import CareRecord, Release
from tabib.model.wire import UpRequest
from tabib.operations.execute import Execution, execute
from tabib.operations.guard import claim
from tabib.operations.notifying.rules import sealed, written_rules
from tabib.operations.operation import Operation
from tabib.operations.tools import Tools
from tabib.stores.seal import seal_project


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """One ``up``, as far as the journal is concerned. ``earlier``: releases, newest first;
    ``services``: those that are worked on."""

    tools: Tools
    request: UpRequest
    services: list[Service]
    earlier: list[Release]
    scale: Mapping[str, int] = field(default_factory=dict)

    @property
    def project(self) -> Project:
        return self.request.project

    @property
    def number(self) -> int:
        """Of the release that a change would make."""
        return release_decisions.next_number(self.earlier)

    async def release(
        self, plan: Plan, images: Mapping[str, ImageState], *, backup: str | None = None
    ) -> Release | None:
        """The release to judge, journalled as pending; None where there is nothing to judge.
        ``backup``: the snapshot that was taken before it.

        Where nothing changes any more, that is the newest one, if its own ``up`` was cut off or
        failed, and the same (or the whole project) is asked for: it stands as it should, after all.
        """
        tools = self.tools
        fresh = release_decisions.new_release(
            self.project,
            {},
            image_decisions.identities(self.services, images),
            self.earlier,
            engine_id=tools.info.id,
            cluster=tools.cluster,
            by=self.request.by,
            reason=" ".join(("tabib up", *self.request.services)),
            scale=self.scale,
            now=tools.clock.now(),
        )
        current = self.earlier[0] if self.earlier else None
        same = current is not None and current.config_hash == fresh.config_hash
        if plan.empty and same and current is not None and current.verdict != "adopted":
            # One that care made names no services: its own resumption completes all of it.
            of_care = not current.reason.startswith("tabib up")
            covered = not self.request.services or of_care or current.reason == fresh.reason
            return current if covered and current.verdict in ("pending", "failed") else None
        fresh = replace(fresh, model=await seal_project(self.project, tools.vault), backup=backup)
        await tools.journal.put_release(fresh)
        return fresh

    async def judge(self, release: Release | None, plan: Plan, execution: Execution) -> None:
        """Write the release's verdict; ``pending`` where a person stopped it."""
        if release is None:
            return
        optional = {step.id for step in plan.steps if step.optional}
        failed = any(one.step_id not in optional for one in execution.failures())
        verdict = "failed" if failed else "pending" if execution.stopped else "good"
        if verdict != release.verdict:
            await self.tools.journal.put_release(replace(release, verdict=verdict))

    async def take_into_care(self, release: Release | None, observed: Observed) -> None:
        """The project is in care from now on; what is brought up is not halted any more, and what
        is only created is not meant to run yet."""
        tools, project = self.tools, self.project
        written = (project.extensions.get("x-tabib") or {}).get("care")
        current = release or (self.earlier[0] if self.earlier else None)
        notify = await sealed(written_rules(project), tools.vault)
        await claim(tools, "bring up", project.name)
        async with tools.care_lock:
            record = await tools.journal.care(tools.info.id, project.name)
            now = tools.clock.now()
            fresh = CareRecord(
                engine_id=tools.info.id,
                project=project.name,
                endpoint=builtins(tools.address),
                mode=str(self.request.care or written or "act"),
                working_dir=project.working_dir,
                files=project.files,
                release=current.number if current else None,
                halted=record.halted if record else {},
                halted_at=record.halted_at if record else {},
                scale=self.scale,
                reset_at=now,
                updated_at=now,
                notify=notify,
            )
            await tools.journal.put_care(self._released(fresh, observed))
        if tools.backups is not None:
            tools.backups.changed.set()

    def _released(self, record: CareRecord, observed: Observed) -> CareRecord:
        if self.request.no_start:
            running = {one.name for one in observed.containers if one.status in RUNNING}
            names = [name for service in self.services for name in self._names(service)]
            waiting = [name for name in names if name not in running]
            return halt(record, waiting, "stopped", observed.at)
        if not self.request.services:
            return let_all_run(record)
        return let_run(
            record,
            [name for service in self.services for name in self._names(service)],
            [name for service in self.project.services.values() for name in self._names(service)],
        )

    def _names(self, service: Service) -> list[str]:
        replicas = self.scale.get(service.name, service.replicas)
        return [container_name(self.project, service, slot) for slot in range(1, replicas + 1)]

    async def let_old_images_go(self, operation: Operation) -> None:
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
            await execute(tools, Plan(project=name, steps=steps), operation)
