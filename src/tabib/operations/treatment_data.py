"""The treatment of damaged data: what writes on is stopped, what is there is kept, the second
witness is heard; then it is restored, or what was stopped goes on.

Whatever happens, nothing of what was found is overwritten: a restore goes to a new place.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Protocol

import structlog

from tabib.decide.backups.witness import Damage, Do, Sort, weigh
from tabib.decide.moments import noted
from tabib.decide.onestep import on_container
from tabib.decide.report import add_treatment, end_treatment
from tabib.decide.treatments import Decision
from tabib.decide.verdict import SlotFacts
from tabib.model.backup import Dataset, Snapshot
from tabib.model.container import RUNNING
from tabib.model.errors import Damaged, Refused, TabibError
from tabib.model.incident import Case, Cause, DataState, Incident, Restoration, Treatment
from tabib.model.plan import Plan, Verb
from tabib.operations.backups import identities
from tabib.operations.backups.damage import best_copy, concerned, facts, known_datasets
from tabib.operations.backups.drill import SCOPE as DRILLS
from tabib.operations.backups.examine import examine
from tabib.operations.backups.given_up import given_up
from tabib.operations.backups.put_back import put_back_kept
from tabib.operations.backups.restore import Restored, bring_back
from tabib.operations.backups.take import take
from tabib.operations.backups.tools import SCOPE as COPIES
from tabib.operations.execute import execute
from tabib.operations.facts import Cared
from tabib.operations.incidents import change
from tabib.operations.journalled import journalled
from tabib.operations.leases import lease
from tabib.operations.operation import Operation
from tabib.operations.tools import Tools

log = structlog.get_logger("tabib.data")

_SCOPES = {COPIES: "copied", DRILLS: "drilled"}
_Held = tuple[str, str, int | None, str]
"""A data set and the place that holds it: volume id, generation, root."""


class Treated(Protocol):
    """The course of treatment that this is part of."""

    tools: Tools
    cared: Cared


class DataTreatment:
    """Of one slot, in one course. ``done()`` ends it, whatever came of it."""

    def __init__(self, course: Treated, service: str) -> None:
        self._course = course
        self._tools = course.tools
        self._service = service
        self._project = course.cared.record.project
        self._hold = AsyncExitStack()
        self._fenced: tuple[str, ...] = ()
        self._wanted: list[Dataset] = []
        self._snapshot = ""
        self._not_kept = ""
        self._found: set[_Held] = set()
        self.overtaken = False
        """What was found is there no more: somebody else (a person's restore) exchanged it while
        this waited for them. What is there now is to be looked at anew."""

    @property
    def fenced(self) -> bool:
        """Whether containers were stopped here and not started again."""
        return bool(self._fenced)

    def in_use(self) -> str:
        """What tabib does with the project's data now: ``copied``, ``drilled``; ``""``: nothing."""
        for scope, word in _SCOPES.items():
            if self._tools.actions.busy(scope + self._project):
                return word
        return ""

    async def done(self) -> None:
        """Let go of the project; what is still stopped here is started."""
        try:
            if self._fenced:
                await self._unfence("the treatment has ended")
        finally:
            await self._hold.aclose()

    async def weighed(
        self,
        incident: Incident,
        case: Case,
        causes: Sequence[Cause],
        slot: SlotFacts,
        *,
        acts: bool,
    ) -> Damage | None:
        """All that is known about the damage of the case, the second witness heard where it may be
        restored; None where it is not about data, or nothing could be known: then it is treated as
        any trouble, and a person is called where a restart does not cure it."""
        try:
            return await self._weighed(incident, case, causes, slot, acts=acts)
        except TabibError as error:
            log.error("damage.not_weighed", project=self._project, why=str(error))
            await self._noted(incident, f"its data could not be judged: {error.happened}")
            return None

    async def _weighed(
        self,
        incident: Incident,
        case: Case,
        causes: Sequence[Cause],
        slot: SlotFacts,
        *,
        acts: bool,
    ) -> Damage | None:
        tools = self._tools
        found = await concerned(tools, case, causes)
        if found is None:
            return None
        sort, self._wanted = found
        self._found = await self._places()
        damage = await facts(tools, self._course.cared, case, causes, sort, self._wanted)
        if not acts or slot.mode == "observe" or (sort is Sort.CORRUPT and damage.merely_down):
            return damage
        if sort in (Sort.CORRUPT, Sort.FAILING_DISK):
            await identities.freeze(tools, self._project, self._as_states(damage))
        judged = weigh(damage, tools.clock.now())
        may_act = slot.mode == "act" and not slot.halted and slot.restart != "no"
        if may_act and judged.do in (Do.RESTORE, Do.EXAMINE):
            await self._fence(incident, judged.reason)
            if self.overtaken:
                return None
        if sort is not Sort.LOST:
            damage = replace(damage, damage_snapshot=await self._keep(incident, damage.text))
        if may_act and judged.do is Do.EXAMINE:
            damage = await self._examined(incident, damage, case)
        if self._fenced and weigh(damage, tools.clock.now()).do is not Do.RESTORE:
            await self._unfence("nothing is restored")
        return damage

    async def restore(
        self, incident: Incident, decision: Decision, *, by: str, operation: Operation
    ) -> tuple[Incident, bool]:
        """Do it; the incident with what came of it, and whether the data is back. Whether the
        service is well with it is for the caller to see."""
        tools = self._tools
        if not self._wanted:
            every = await known_datasets(tools, self._project)
            self._wanted = [one for one in every if one.name in decision.datasets]
        if by and not self._snapshot and incident.cause.code != "storage.volume-lost":
            await self._keep(incident, decision.reason)
        begun = Treatment(
            action=decision.action.value,
            reason=decision.reason,
            started_at=tools.clock.now(),
            by=by,
            before=restored_from(decision),
        )
        incident = await change(tools, incident, lambda one, _: add_treatment(one, begun))
        try:
            restored = await self._brought_back(incident, decision, operation)
        except TabibError as error:
            log.error("restore.failed", project=self._project, why=str(error))
            return await self._failed(incident, error), False
        self._fenced = ()  # it runs again, on what was restored
        await identities.accept(tools, self._project, decision.datasets)
        incident = await change(tools, incident, lambda one, _: self._told(one, decision, restored))
        return incident, True

    async def _brought_back(
        self, incident: Incident, decision: Decision, operation: Operation
    ) -> Restored:
        """From the snapshot that was decided on; where that does not hold, from an older one.

        :raises TabibError: it could not be restored; nothing was exchanged.
        """
        snapshot, tried = decision.snapshot, [decision.snapshot]
        while True:
            try:
                return await bring_back(
                    self._tools,
                    self._project,
                    self._wanted,
                    operation,
                    reason=f"incident {incident.id}: {decision.reason}",
                    snapshot=snapshot,
                )
            except Damaged as error:
                await self._noted(incident, f"snapshot {snapshot} does not hold: {error.happened}")
                names = [one.name for one in self._wanted]
                before = incident.seen_at or incident.opened_at
                older = await best_copy(self._tools, self._project, names, before, but=tried)
                if older is None:
                    raise
                snapshot = older.snapshot
                tried.append(snapshot)

    # ── what is done first ─────────────────────────────────────────────────────────────────────

    async def _fence(self, incident: Incident, reason: str) -> None:
        """Stop whatever writes to the data, and see it stopped. Cut off here by a death of tabib's,
        it is started again by the next one."""
        tools, project = self._tools, self._project
        services = {name for one in self._wanted for name in (one.service, *one.services)}
        operation = Operation(tools.new_id(), "care", project)
        self._hold.enter_context(tools.actions.working_on(project))
        async with lease(tools, project, operation):
            if await self._places() != self._found:
                self.overtaken = True
                return
            observed = await tools.engine.observe(project, detail=False)
            writing = [
                one
                for one in observed.containers
                if one.service in services and one.status in RUNNING and not one.oneoff
            ]
            if not writing:
                return
            names = tuple(dict.fromkeys(one.service for one in writing))
            asked = {"verb": "start", "services": names, "options": {}}
            await self._hold.enter_async_context(
                journalled(tools, project, operation, asked, changes=True)
            )
            self._fenced = tuple(one.name for one in writing)
            why = f"its data is damaged: nothing shall write to it ({reason})"
            steps = tuple(on_container(Verb.STOP_CONTAINER, one, why) for one in writing)
            execution = await execute(tools, Plan(project=project, steps=steps), operation)
            execution.raise_first(
                Plan(project=project, steps=steps), "stop what writes to the data"
            )
        await self._noted(incident, f"stopped what writes to the data: {', '.join(names)}")

    async def _places(self) -> set[_Held]:
        names = {one.name for one in self._wanted}
        known = await self._tools.journal.identities(self._tools.info.id, self._project)
        return {
            (one.dataset, one.volume_id, one.generation, one.root)
            for one in known
            if one.dataset in names
        }

    async def _unfence(self, why: str) -> None:
        """Start what was stopped here."""
        tools, project, names = self._tools, self._project, self._fenced
        self._fenced = ()
        operation = Operation(tools.new_id(), "care", project)
        async with lease(tools, project, operation):
            observed = await tools.engine.observe(project, detail=False)
            steps = tuple(
                on_container(Verb.START_CONTAINER, one, f"it was stopped for its data; {why}")
                for one in observed.containers
                if one.name in names and one.status not in RUNNING
            )
            if steps:
                await execute(tools, Plan(project=project, steps=steps), operation)

    async def _keep(self, incident: Incident, reason: str) -> str:
        """The damage snapshot: of what is there now, whatever it is worth. Its failure stops
        nothing: a restore goes to a new place, and what was there stays where it is."""
        tools = self._tools
        if tools.backups is None:
            return ""
        taken = await self._taken_before(incident)
        if taken is None:
            operation = Operation(tools.new_id(), "backup", self._project)
            try:
                taken = await take(
                    tools,
                    self._project,
                    operation,
                    trigger="damage",
                    reason=f"incident {incident.id}: {reason}",
                    services=sorted({one.service for one in self._wanted}),
                )
            except TabibError as error:
                self._not_kept = error.happened
                log.warning("damage.no_snapshot", project=self._project, why=str(error))
                await self._noted(
                    incident, f"no snapshot of the damaged data could be taken: {error.happened}"
                )
                return ""
            await self._noted(incident, f"the damaged data is kept as snapshot {taken.id}")
        self._snapshot = taken.id
        return taken.id

    async def _taken_before(self, incident: Incident) -> Snapshot | None:
        since = incident.reopened_at or incident.opened_at
        names = {one.name for one in self._wanted}
        found = await self._tools.journal.snapshots(self._tools.info.id, self._project, 20)
        return next(
            (
                one
                for one in found
                if one.damaged and one.taken_at >= since and names <= set(one.volumes)
            ),
            None,
        )

    async def _examined(self, incident: Incident, damage: Damage, case: Case) -> Damage:
        """With what the checker says; the worst word counts where there are several."""
        words = []
        sound: bool | None = True
        for one in self._wanted:
            found = await examine(self._tools, one, case.image)
            words.append(found.text if len(self._wanted) == 1 else f"{one.name}: {found.text}")
            if found.sound is False:
                sound = False
            elif found.sound is None and sound is not False:
                sound = None
        text = "; ".join(words)
        told = {True: "finds it sound", False: "finds it damaged", None: "cannot tell"}[sound]
        await self._noted(incident, f"its own checker looked at a copy and {told}: {text}")
        return replace(damage, asked=True, examined=sound, examination=text)

    # ── what is told ───────────────────────────────────────────────────────────────────────────

    def _as_states(self, damage: Damage) -> list[DataState]:
        return [
            DataState(dataset=one, kind=damage.kind, verdict=str(damage.sort), text=damage.text)
            for one in damage.datasets
        ]

    async def _noted(self, incident: Incident, text: str) -> None:
        now = self._tools.clock.now()
        await change(self._tools, incident, lambda one, _: noted(one, now, "treatment", text))

    async def _failed(self, incident: Incident, error: TabibError) -> Incident:
        now = self._tools.clock.now()

        def told(one: Incident, _: list[Incident]) -> Incident:
            ended = end_treatment(one, now, "failed")
            return noted(ended, now, "treatment", f"it could not be restored: {error.happened}")

        return await change(self._tools, incident, told)

    def _told(self, incident: Incident, decision: Decision, restored: Restored) -> Incident:
        """The incident with what is back, what is lost, and where the old data is."""
        kept = restored.kept
        known = Restoration(
            snapshot=restored.snapshot,
            datasets=decision.datasets,
            lost=restored.lost,
            whole=restored.whole,
            kept=kept,
            damage_snapshot=self._snapshot,
        )
        last = incident.treatments[-1]
        before = {**last.before, "snapshot": restored.snapshot, "kept": "\n".join(kept)}
        treatments = (*incident.treatments[:-1], replace(last, before=before))
        told = replace(
            incident,
            treatments=treatments,
            restored=known,
            rpo_seconds=round(restored.rpo_seconds, 3),
        )
        text = f"restored from snapshot {restored.snapshot} in {restored.rto_seconds:.1f} s"
        return noted(told, self._tools.clock.now(), "treatment", text)


def restored_from(decision: Decision) -> dict[str, str]:
    """What an undo, or a person who asks for it, needs to know of a restore."""
    if not decision.datasets:
        return {}
    return {"datasets": ",".join(decision.datasets), "snapshot": decision.snapshot}


async def put_back(tools: Tools, incident: Incident, last: Treatment, operation: Operation) -> None:
    """Undo a restore: what was there before comes back, and what was restored is kept instead.

    :raises Refused: what was there is not kept any more, or something was restored since.
    """
    places = {one for one in last.before.get("kept", "").split("\n") if one}
    done = await given_up(tools, incident.project)
    back = next((one for one in done if places and set(one.kept.values()) == places), None)
    if back is None:
        raise Refused(
            "it was undone already"
            if places
            else "what was there before was not kept: its place was gone",
            attempted="undo the treatment of incident",
            target=incident.id,
            advice="`tabib restore --snapshot ID` goes back to another snapshot.",
        )
    await put_back_kept(tools, incident.project, back, operation)
    await identities.accept(tools, incident.project, back.datasets)
