"""The data of one project, brought back to where an ``up`` finds it."""

from __future__ import annotations

import asyncio
import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

from tabib.decide.backups.point_in_time import LOGGED
from tabib.decide.specs import volume_spec
from tabib.model.backup import Dataset, Part, Place
from tabib.model.errors import CopyFailed, Damaged, NotHealthy, Refused
from tabib.model.plan import Step, Verb
from tabib.model.project import Project, Volume
from tabib.operations import volumes
from tabib.operations.backups.kinds import KINDS, Filling
from tabib.operations.backups.recovery.case import Case, put_progress
from tabib.operations.backups.shown import RESTORE, Rows
from tabib.operations.backups.specs import spec_of
from tabib.operations.backups.wal.forward import empty, fill_to
from tabib.operations.operation import Operation
from tabib.operations.tools import Tools
from tabib.ports import Repository


async def bring_back(
    tools: Tools, repository: Repository, case: Case, operation: Operation
) -> None:
    """Fill every data set that is not there yet.

    :raises TabibError: one cannot be had; those before it are done, and noted so.
    """
    await _Data(tools, repository, case, operation).run()


class _Data:
    def __init__(
        self, tools: Tools, repository: Repository, case: Case, operation: Operation
    ) -> None:
        self._tools = tools
        self._repository = repository
        self._case = case
        self._operation = operation

    async def run(self) -> None:
        rows = Rows(self._operation, self._case.name, RESTORE)
        left = [
            p for p in self._case.snapshot.parts if p.dataset.name not in self._case.progress.filled
        ]
        rows.announce([part.dataset for part in left], "recovered")
        for part in left:
            self._operation.check_stop()
            with rows.row(part.dataset) as progress:
                work = Filling(
                    tools=self._tools,
                    repository=self._repository,
                    spec=await spec_of(self._tools, self._case.name, part.dataset.service),
                    progress=progress,
                )
                upto = await self._fill(work, part)
            self._case.progress.filled.append(part.dataset.name)
            self._case.progress.reached[part.dataset.name] = upto.isoformat()
            await put_progress(self._tools, self._case)

    async def _fill(self, work: Filling, part: Part) -> datetime:
        """Bring one data set back to where an ``up`` finds it; up to when it reaches."""
        place, dataset = part.dataset.place, part.dataset
        if place.type == "bind":
            return await self._fill_folder(work, part)
        if volumes.held_here(self._tools):
            # A generation of its own each time: what a death left half filled is never used.
            held = volumes.Holding(id=self._tools.new_id(), generation=1)
            folder = self._tools.state.make_volume_directory(held.id, held.generation)
            try:
                upto = await self._filled(work, part, Place(type="bind", source=str(folder)))
            except BaseException:
                await asyncio.to_thread(shutil.rmtree, folder.parent, ignore_errors=True)
                raise
            await volumes.put(self._tools, place.source, held)
            return upto
        await self._volume(dataset)
        return await self._filled(work, part, place)

    async def _fill_folder(self, work: Filling, part: Part) -> datetime:
        folder = Path(part.dataset.place.source)
        if not self._tools.info.local:
            raise Refused(
                "it is a folder of the machine, which is another one",
                attempted="recover data set",
                target=part.dataset.name,
                advice="Run `tabib recover` on that machine.",
            )
        draft = folder.with_name(f".{folder.name}.recovering")
        await asyncio.to_thread(shutil.rmtree, draft, ignore_errors=True)
        draft.mkdir(parents=True)
        upto = await self._filled(work, part, Place(type="bind", source=str(draft)))
        if folder.exists():
            folder.rmdir()  # empty, as was seen before; else this is an error, and nothing is lost
        draft.rename(folder)
        return upto

    async def _filled(self, work: Filling, part: Part, place: Place) -> datetime:
        try:
            reached = await fill_to(work, part, place, to=None)
        except (CopyFailed, Damaged, NotHealthy) as error:
            if part.dataset.kind not in LOGGED:
                raise
            self._case.notes.append(
                f"{part.dataset.name}: as it was copied, for its log cannot be replayed "
                f"({error.happened})"
            )
            await empty(self._tools, work.spec.image, place)
            await KINDS[part.dataset.kind].fill(work, part, place)
            return part.taken_at
        if reached.rolled:
            self._case.notes.append(f"{part.dataset.name}: {reached.text}")
        return reached.until

    async def _volume(self, dataset: Dataset) -> None:
        """Make a volume that is not held in a folder of ours; anew where a run was cut off."""
        tools, name = self._tools, dataset.place.source
        project = self._case.project or Project(name=self._case.name, working_dir="")
        known = next((one for one in project.volumes.values() if one.name == name), None)
        spec = volume_spec(
            project, known or Volume(key=dataset.name, name=name), None, tools.installation
        )

        def step(verb: Verb, **fields: Any) -> Step:
            return Step(
                id=f"recover:{name}", verb=verb, subject=f"volume {name}", reason="recovered",
                target=name, **fields,
            )  # fmt: skip

        observed = await tools.engine.observe(detail=False)
        if name in {one.name for one in observed.volumes}:
            await tools.engine.apply(step(Verb.REMOVE_VOLUME))  # ours: see `_in_the_way`
        await tools.engine.apply(step(Verb.CREATE_VOLUME, volume=spec))
