"""The course of one treatment: evidence, diagnosis, decision, action, verification.

Each treatment is in the journal before it is begun.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog

from tabib.decide.diagnose import diagnose
from tabib.decide.report import (
    Diagnosis,
    add_treatment,
    belongs_to,
    close,
    end_treatment,
    open_incident,
    reopen,
    summary,
    update,
)
from tabib.decide.treat import Action, Decision, Patient, treat
from tabib.decide.verdict import SlotFacts, Verdict
from tabib.model.errors import TabibError
from tabib.model.event import Event
from tabib.model.incident import Case, Incident, Treatment
from tabib.operations.causes import across_services
from tabib.operations.evidence import dependency_states, gather
from tabib.operations.execute import execute
from tabib.operations.facts import Cared, Ward
from tabib.operations.leases import lease
from tabib.operations.operation import Operation
from tabib.operations.record import Record
from tabib.operations.remedy import remedy
from tabib.operations.tools import Tools
from tabib.operations.verify import verified

log = structlog.get_logger("tabib.care")


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

    async def run(self) -> None:
        """From the evidence to the end of the trouble, or until something new happens to it."""
        tools, news = self.tools, self.news
        slot = await self._slot()
        if slot is None or slot.halted:
            return  # what shall not run may end as it likes
        case = await gather(tools, self.record, self.cared, self.verdict, news.event)
        await tools.journal.put_case(case)
        findings, causes = diagnose(case)
        findings, causes = await across_services(tools, self.cared, case, findings, causes)
        incident = await self._incident(case, Diagnosis(findings=findings, causes=causes))
        log.info(
            "incident.seen",
            id=incident.id,
            project=self.project,
            container=incident.container,
            cause=incident.cause.code,
        )
        while not self.bed.news:
            slot = await self._slot()
            if slot is None:
                return
            patient = Patient(verdict=self.verdict, slot=slot, history=await self._history())
            causes = causes or (incident.cause,)
            decision = treat(case, causes, patient, tools.clock.now())
            if not news.acts and decision.action not in (Action.NONE, Action.OFFER):
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
                await self._until(decision.not_before)
                if await self._well(slot):
                    await self._end(incident, "recovered", tools.clock.now())
                    return
                case = await self._with_dependencies(case)
                continue
            incident, over = await self._act(incident, decision, slot)
            if over:
                return

    async def _incident(self, case: Case, diagnosis: Diagnosis) -> Incident:
        tools = self.tools
        recent = await tools.journal.incidents(
            engine_id=tools.info.id,
            project=self.project,
            since=case.sealed_at - timedelta(hours=24),
        )
        known = belongs_to(case, diagnosis.causes, recent)
        if known is None:
            incident = open_incident(case, diagnosis, tools.new_id(), seen_at=self.news.seen_at)
        else:
            incident = update(reopen(known, _since(case, self.news)), case, diagnosis)
        await tools.journal.put_incident(incident)
        return incident

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
        incident = add_treatment(
            incident,
            Treatment(
                action=action.value,
                reason=decision.reason,
                started_at=now,
                ended_at=now,
                outcome="offered" if decision.action is Action.OFFER else "refused",
            ),
        )
        await self._end(incident, "needs_human", now)

    async def _act(
        self, incident: Incident, decision: Decision, slot: SlotFacts
    ) -> tuple[Incident, bool]:
        """Do it and see whether it helped; whether this is the end of the trouble."""
        tools = self.tools
        await self._until(decision.not_before)
        operation = Operation(tools.new_id(), "care", self.project)
        async with lease(tools, self.project, operation):
            current = await self._slot()
            if current is None or current.halted or self.bed.news:
                return incident, current is None or bool(current.halted)
            plan = await remedy(tools, self.cared, self.verdict, decision)
            if plan.empty and decision.action is not Action.QUARANTINE:
                # Somebody else was quicker: what is there now is looked at like a treatment.
                ended = tools.clock.now()
                well = await verified(tools, slot.container, decision)
                await self._end(incident, "recovered" if well else "needs_human", ended)
                return incident, True
            started = tools.clock.now()
            incident = add_treatment(
                incident,
                Treatment(action=decision.action.value, reason=decision.reason, started_at=started),
            )
            await tools.journal.put_incident(incident)
            execution = await execute(tools, plan, operation)
        ended = tools.clock.now()
        failures = [f for f in execution.failures() if not f.step_id.startswith("keep:")]
        if failures:
            reason = str((failures[0].error or {}).get("happened", "unknown"))
            log.warning("treatment.failed", container=slot.container, why=reason)
            incident = end_treatment(incident, ended, "failed")
            await tools.journal.put_incident(incident)
            return incident, False
        return await self._verify(incident, decision, slot, ended)

    async def _verify(
        self, incident: Incident, decision: Decision, slot: SlotFacts, ended: datetime
    ) -> tuple[Incident, bool]:
        tools = self.tools
        well = await verified(tools, slot.container, decision)
        # Without a health check the time of recovery is the start, once it has proved to last.
        at = ended if decision.verify == "running" else tools.clock.now()
        if decision.action is Action.QUARANTINE:
            incident = end_treatment(incident, ended, "done")
            await self._end(incident, "needs_human", ended)
            return incident, True
        incident = end_treatment(incident, at, "verified" if well else "not_verified")
        await tools.journal.put_incident(incident)
        if well:
            await self._end(incident, "recovered", at)
        return incident, well

    async def _end(self, incident: Incident, outcome: str, at: datetime) -> None:
        ended = close(incident, outcome, at)
        await self.tools.journal.put_incident(ended)
        log.info("incident.ended", id=ended.id, outcome=outcome, summary=summary(ended))

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
        wanted = ("healthy",) if slot.has_healthcheck else ("", "healthy")
        return state.status == "running" and state.health in wanted

    async def _with_dependencies(self, case: Case) -> Case:
        """The case for deciding anew: only what it depends on may have changed."""
        tools = self.tools
        try:
            observed = await tools.engine.observe(self.project, detail=False)
        except TabibError:
            return case
        seen = await tools.journal.last_seen(tools.info.id, self.project)
        mine = next((one for one in seen if one.name == case.container), None)
        return replace(case, dependencies=dependency_states(observed, self.verdict, mine))


def _since(case: Case, news: News) -> datetime:
    """When this trouble began: the death by the engine's clock, else when it was seen."""
    return case.finished_at or news.seen_at
