"""The course of one treatment: evidence, diagnosis, decision, action, verification.

Each treatment is in the journal before it is begun.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog

from tabib.decide.backups.witness import about_data_first
from tabib.decide.diagnose import diagnose
from tabib.decide.grouping import recovered
from tabib.decide.overrides import Raise, raisable
from tabib.decide.report import (
    Diagnosis,
    add_treatment,
    belongs_to,
    close,
    end_treatment,
    open_incident,
    reopen,
    update,
)
from tabib.decide.rollback import ReleaseFacts, Version, release_facts
from tabib.decide.treat import (
    DOES_NOTHING,
    NEW_RELEASE,
    Action,
    Decision,
    Explained,
    Patient,
    treat,
    verified_by,
)
from tabib.decide.verdict import Kind, SlotFacts, Verdict
from tabib.model.errors import TabibError
from tabib.model.event import Event
from tabib.model.incident import Case, Incident, Treatment
from tabib.model.plan import Plan, StepOutcome
from tabib.operations.causes import across_services
from tabib.operations.evidence import dependency_states, gather
from tabib.operations.execute import execute
from tabib.operations.facts import Cared, Ward
from tabib.operations.incidents import admit, change
from tabib.operations.leases import lease
from tabib.operations.operation import Operation
from tabib.operations.record import Record
from tabib.operations.refused import tell_refused
from tabib.operations.remedy import remedy
from tabib.operations.rerelease import Rerelease, back_to, overridden, version
from tabib.operations.tools import Tools
from tabib.operations.treatment_data import DataTreatment, restored_from
from tabib.operations.verify import verified

log = structlog.get_logger("tabib.care")

BAKES_AT_MOST = timedelta(days=1)
"""Trouble that begins later than this after a release is never taken for its doing."""
WAITED_S = 1.0
"""Longer than this for another operation's end: what was decided before is looked at anew."""
SETTLED_S = 5.0
"""Without a health check: what has run this long is well."""


@dataclass(slots=True)
class News:
    cared: Cared
    verdict: Verdict
    event: Event | None
    seen_at: datetime
    acts: bool


@dataclass(slots=True)
class Bed:
    """One slot under treatment and what has happened to it since the last decision."""

    news: list[News] = field(default_factory=list)
    waits: bool = False
    """Nothing is done to it now: something else is healed first."""


class Course:
    def __init__(self, tools: Tools, record: Record, ward: Ward, bed: Bed, news: News) -> None:
        self.tools = tools
        self.record = record
        self.ward = ward
        self.bed = bed
        self.news = news
        self.cared = news.cared
        self.verdict = news.verdict
        self.project = news.cared.record.project
        self._data = DataTreatment(self, news.verdict.service)
        self._former: dict[int, Version | None] = {}
        """Release → the last good one before it: looked up once."""

    async def run(self) -> None:
        """From the evidence to the end of the trouble, or until something new happens to it."""
        try:
            await self._run()
        except Exception:
            await self._data.done()
            raise
        # Cancelled, it is cut off as by a death: the next daemon starts what was stopped.
        await self._data.done()

    async def _run(self) -> None:
        tools, news = self.tools, self.news
        slot = await self._slot()
        if slot is None or (slot.halted and self.verdict.kind is not Kind.DATA):
            return  # what shall not run may end as it likes
        case = await gather(tools, self.record, self.cared, self.verdict, news.event)
        await tools.journal.put_case(case)
        findings, causes = diagnose(case)
        if self.verdict.kind is Kind.DATA:
            causes = about_data_first(causes)
            if not causes:
                return  # it was as it should be again when it was looked at
        findings, causes = await across_services(tools, self.cared, case, findings, causes)
        incident = await self._incident(case, Diagnosis(findings=findings, causes=causes))
        log.info(
            "incident.seen",
            id=incident.id,
            project=self.project,
            container=incident.container,
            cause=incident.cause.code,
        )
        causes = causes or (incident.cause,)
        damage = await self._data.weighed(incident, case, causes, slot, acts=news.acts)
        if self._data.overtaken:
            if await self._well(slot):
                await self._end(incident, "recovered", tools.clock.now())
            else:
                self.bed.news.append(news)
            return
        if self._data.fenced:
            self.bed.news.clear()  # what happened before it was stopped
        while not self.bed.news:
            slot = await self._slot()
            incident = await tools.journal.incident(incident.id) or incident
            if slot is None or incident.closed_at is not None:
                return  # let go, or closed by a person
            patient = Patient(
                verdict=self.verdict,
                slot=slot,
                history=await self._history(),
                explained=await self._explained(incident),
                release=await self._release(case),
                raisable=self._raisable(causes[0].code),
                damage=damage,
                data_in_use=self._data.in_use(),
            )
            decision = treat(case, causes, patient, tools.clock.now())
            if not news.acts and decision.action not in DOES_NOTHING:
                decision = Decision(
                    action=Action.OFFER,
                    reason="this daemon only observes",
                    proposed=decision.action,
                    needs_human=True,
                )
            if decision.action in (Action.NONE, Action.OFFER):
                await self._leave(incident, decision)
                return
            if decision.action is Action.WAIT_FOR_DEPENDENCY:
                self.bed.waits = True
                await self._until(decision.not_before)
                self.bed.waits = False
                if await self._well(slot):
                    await self._end(incident, "recovered", tools.clock.now())
                    return
                case = await self._with_dependencies(case)
                continue
            incident, over = await self._act(incident, decision, slot, more=patient.raisable)
            if over:
                return
            if damage is not None and decision.action is Action.RESTORE:
                damage = replace(damage, last_restore=tools.clock.now())

    async def _incident(self, case: Case, diagnosis: Diagnosis) -> Incident:
        tools = self.tools
        recent = await tools.journal.incidents(
            engine_id=tools.info.id,
            project=self.project,
            since=case.sealed_at - timedelta(hours=24),
        )
        known = belongs_to(case, diagnosis.causes, recent)
        if known is None:
            fresh = open_incident(case, diagnosis, tools.new_id(), seen_at=self.news.seen_at)
            return await admit(tools, self.cared, fresh, lambda one: one)
        since = _since(case, self.news)
        return await admit(
            tools, self.cared, known, lambda one: update(reopen(one, since), case, diagnosis)
        )

    async def _explained(self, incident: Incident) -> Explained | None:
        """The trouble of another service that explains this one; None where there is none."""
        if not incident.parent:
            return None
        parent = await self.tools.journal.incident(incident.parent)
        if parent is None or parent.service == incident.service:
            return None
        if incident.cause.code == "engine.restarted":
            return None
        over = parent.well_at or parent.closed_at
        return Explained(service=parent.service, well_at=over)

    async def _release(self, case: Case) -> ReleaseFacts | None:
        """The release in care as far as the trouble may be its doing; None for old ones."""
        cared = self.cared
        current = cared.release
        if current is None or cared.project is None:
            return None
        if case.sealed_at - current.created_at > BAKES_AT_MOST:
            return None
        if current.number not in self._former:
            self._former[current.number] = await version(self.tools, cared)
        former = self._former[current.number]
        incidents = await self.tools.journal.incidents(
            engine_id=self.tools.info.id,
            project=self.project,
            since=current.created_at - timedelta(days=7),
        )
        present = Version(release=current, project=cared.project)
        return release_facts(present, former, case, incidents)

    def _raisable(self, cause: str) -> Raise | None:
        project = self.cared.project
        service = project.services.get(self.verdict.service) if project else None
        return raisable(cause, service.spec, service.extension) if service else None

    async def _slot(self) -> SlotFacts | None:
        cared = await self.ward.get(self.project)
        if cared is None:
            return None
        self.cared = cared
        facts = cared.facts(await self.record.last_running(self.project))
        return facts.slots.get((self.verdict.service, self.verdict.slot))

    async def _history(self) -> Sequence[Treatment]:
        """Treatments of the service that spend its budget: those since a person last started it."""
        tools = self.tools
        since = tools.clock.now() - timedelta(hours=24)
        reset_at = self.cared.record.reset_at
        incidents = await tools.journal.incidents(
            engine_id=tools.info.id, project=self.project, since=since
        )
        return [
            treatment
            for one in incidents
            if one.service == self.verdict.service
            for treatment in one.treatments
            if reset_at is None or treatment.started_at > reset_at
        ]

    async def _leave(self, incident: Incident, decision: Decision) -> None:
        if not decision.needs_human:
            return
        now = self.tools.clock.now()
        action = decision.proposed or decision.action
        left = Treatment(
            action=action.value,
            reason=decision.reason,
            started_at=now,
            ended_at=now,
            outcome="offered" if decision.action is Action.OFFER else "refused",
            before=_other(decision) | restored_from(decision),
        )
        await change(
            self.tools,
            incident,
            lambda one, _: close(add_treatment(one, left), "needs_human", now),
        )

    async def carry_out(
        self,
        incident: Incident,
        decision: Decision,
        slot: SlotFacts,
        *,
        more: Raise | None,
        by: str,
        operation: Operation,
    ) -> None:
        """Do what a person asked for, and see whether it helped."""
        await self._act(incident, decision, slot, more=more, by=by, operation=operation)
        after = await self.tools.journal.incident(incident.id)
        if after is not None and after.outcome == "open" and after.well_at is None:
            await self._end(after, "needs_human", self.tools.clock.now())

    async def _act(
        self,
        incident: Incident,
        decision: Decision,
        slot: SlotFacts,
        *,
        more: Raise | None = None,
        by: str = "",
        operation: Operation | None = None,
    ) -> tuple[Incident, bool]:
        """Do it and see whether it helped; whether this is the end of the trouble. ``by``: who
        asked for it, where that is not tabib itself."""
        tools = self.tools
        await self._until(decision.not_before)
        fresh = await tools.journal.incident(incident.id)
        if fresh is not None and (fresh.parent != incident.parent or fresh.closed_at is not None):
            return fresh, False  # what was found meanwhile may explain it
        operation = operation or Operation(tools.new_id(), "care", self.project)
        if decision.action is Action.RESTORE:
            return await self._restore(incident, decision, slot, by, operation)
        asked = tools.clock.monotonic()
        async with lease(tools, self.project, operation):
            current = await self._slot()
            if current is None or current.halted or self.bed.news:
                return incident, current is None or bool(current.halted)
            waited = tools.clock.monotonic() - asked > WAITED_S
            if waited and not by and await self._well(current):
                # Whoever had the project in hand (a person's restore) has put it right.
                await self._end(incident, "recovered", tools.clock.now())
                return incident, True
            try:
                drawn = await self._drawn(incident, decision, more, by)
            except TabibError as error:
                if decision.action not in NEW_RELEASE:
                    raise
                return await self._not_possible(incident, decision, by, error), False
            plan = drawn.plan if drawn else await remedy(tools, self.cared, self.verdict, decision)
            if plan.empty and drawn is None and decision.action is not Action.QUARANTINE:
                # Somebody else was quicker: what is there now is looked at like a treatment.
                ended = tools.clock.now()
                well = await verified(tools, slot.container, decision)
                await self._end(incident, "recovered" if well else "needs_human", ended)
                return incident, True
            incident = await self._begun(
                incident, decision, by, drawn, [step.target for step in plan.steps]
            )
            execution = await (
                drawn.carry_out(tools, operation) if drawn else execute(tools, plan, operation)
            )
            failures = [f for f in execution.failures() if _matters(plan, f)]
            if drawn is not None and decision.action is Action.ROLLBACK and not failures:
                await drawn.condemn_former(tools)
        ended = tools.clock.now()
        if failures:
            reason = str((failures[0].error or {}).get("happened", "unknown"))
            log.warning("treatment.failed", container=slot.container, why=reason)
            incident = await self._ended(incident, ended, "failed")
            # What the engine said is news of the patient: another cause than that of its death.
            await tell_refused(tools, plan, execution)
            return incident, False
        return await self._verify(incident, decision, slot, ended)

    async def _restore(
        self,
        incident: Incident,
        decision: Decision,
        slot: SlotFacts,
        by: str,
        operation: Operation,
    ) -> tuple[Incident, bool]:
        """Bring its data back (under leases of its own), and see whether it is well with it."""
        incident, back = await self._data.restore(incident, decision, by=by, operation=operation)
        if not back:
            return incident, False
        ended = self.tools.clock.now()
        if slot.halted:
            incident = await self._ended(incident, ended, "done")
            await self._end(incident, "recovered", ended)
            return incident, True
        return await self._verify(incident, decision, slot, ended)

    async def _drawn(
        self, incident: Incident, decision: Decision, more: Raise | None, by: str
    ) -> Rerelease | None:
        """The release that the decision makes; None where it makes none.

        :raises TabibError: it cannot be made.
        """
        if decision.action not in NEW_RELEASE:
            return None
        tools, who = self.tools, by or "tabib"
        if decision.action is not Action.ROLLBACK:
            service = self.verdict.service
            return await overridden(tools, self.cared, service, decision, more, who)
        former = await version(tools, self.cared)
        number = former.release.number if former else 0
        reason = f"rollback to release {number} (incident {incident.id})"
        return await back_to(tools, self.cared, number, reason, who)

    async def _begun(
        self,
        incident: Incident,
        decision: Decision,
        by: str,
        drawn: Rerelease | None,
        networks: Sequence[str] = (),
    ) -> Incident:
        before = {"release": str(drawn.replaces.number)} if drawn else {}
        if decision.action is Action.RECONNECT:
            before["networks"] = ",".join(networks)
        if drawn:
            before["made"] = str(drawn.release.number)
        before |= _other(decision)
        begun = Treatment(
            action=decision.action.value,
            reason=decision.reason,
            started_at=self.tools.clock.now(),
            by=by,
            before=before,
        )
        return await change(self.tools, incident, lambda one, _: add_treatment(one, begun))

    async def _not_possible(
        self, incident: Incident, decision: Decision, by: str, error: TabibError
    ) -> Incident:
        now = self.tools.clock.now()
        left = Treatment(
            action=decision.action.value,
            reason=f"{decision.reason}; not possible: {error.happened}",
            started_at=now,
            ended_at=now,
            outcome="failed",
            by=by,
        )
        return await change(self.tools, incident, lambda one, _: add_treatment(one, left))

    async def _verify(
        self, incident: Incident, decision: Decision, slot: SlotFacts, ended: datetime
    ) -> tuple[Incident, bool]:
        tools = self.tools
        if decision.action in NEW_RELEASE:
            # Another release may check its health otherwise.
            slot = await self._slot() or slot
            decision = verified_by(decision, slot)
        well = await verified(tools, slot.container, decision)
        # Without a health check the time of recovery is the start, once it has proved to last.
        at = ended if decision.verify == "running" else tools.clock.now()
        if decision.action is Action.QUARANTINE:
            incident = await self._ended(incident, ended, "done")
            await self._end(incident, "needs_human", ended)
            return incident, True
        incident = await self._ended(incident, at, "verified" if well else "not_verified")
        if well:
            await self._end(incident, "recovered", at)
        return incident, well

    async def _ended(self, incident: Incident, at: datetime, outcome: str) -> Incident:
        return await change(self.tools, incident, lambda one, _: end_treatment(one, at, outcome))

    async def _end(self, incident: Incident, outcome: str, at: datetime) -> None:
        if outcome == "recovered":
            await change(self.tools, incident, lambda one, open_: recovered(one, open_, at))
        else:
            await change(self.tools, incident, lambda one, _: close(one, outcome, at))

    async def _until(self, at: datetime | None) -> None:
        if at is not None:
            wait_s = (at - self.tools.clock.now()).total_seconds()
            if wait_s > 0:
                await self.tools.clock.sleep(wait_s)

    async def _well(self, slot: SlotFacts) -> bool:
        try:
            state = await self.tools.engine.look(slot.container)
        except TabibError:
            return False
        if state.status != "running":
            return False
        if slot.has_healthcheck:
            return state.health == "healthy"
        # One that keeps dying runs for a moment, too.
        ran_s = (self.tools.clock.now() - (state.started_at or state.created_at)).total_seconds()
        return state.health in ("", "healthy") and ran_s >= SETTLED_S

    async def _with_dependencies(self, case: Case) -> Case:
        """The case for deciding anew: only what it depends on may have changed."""
        tools = self.tools
        try:
            observed = await tools.engine.observe(self.project, detail=False)
        except TabibError:
            return case
        seen = await tools.journal.last_seen(tools.info.id, self.project)
        mine = next((one for one in seen if one.name == case.container), None)
        return replace(
            case, dependencies=await dependency_states(tools, observed, self.verdict, mine)
        )


def _matters(plan: Plan, outcome: StepOutcome) -> bool:
    """Whether the failure of a step is the treatment's."""
    return not any(step.optional for step in plan.steps if step.id == outcome.step_id)


def _other(decision: Decision) -> dict[str, str]:
    return {"service": decision.service} if decision.service else {}


def _since(case: Case, news: News) -> datetime:
    """When this trouble began: the death by the engine's clock, else when it was seen."""
    return case.finished_at or news.seen_at
