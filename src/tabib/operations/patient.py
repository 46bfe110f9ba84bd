"""Slots under treatment: one task for each; what happens to a slot meanwhile reaches it."""

from __future__ import annotations

import asyncio
from datetime import datetime

import structlog

from tabib.decide.overrides import Raise
from tabib.decide.treat import Decision
from tabib.decide.verdict import SlotFacts, Verdict
from tabib.model.errors import Refused, TabibError
from tabib.model.event import Event
from tabib.model.incident import Incident
from tabib.operations.closing import give_up
from tabib.operations.facts import Cared, Ward
from tabib.operations.operation import Operation
from tabib.operations.record import Record
from tabib.operations.tasks import spawn
from tabib.operations.tools import Tools
from tabib.operations.treatment import Bed, Course, News

log = structlog.get_logger("tabib.care")

Key = tuple[str, str, int]


class Patients:
    """All slots under treatment on one engine."""

    def __init__(self, tools: Tools, record: Record, ward: Ward, group: asyncio.TaskGroup) -> None:
        self._tools = tools
        self._record = record
        self._ward = ward
        self._group = group
        self._beds: dict[Key, Bed] = {}

    def busy(self, project: str, service: str, slot: int) -> bool:
        """Whether the slot is under treatment now."""
        return (project, service, slot) in self._beds

    @property
    def treating(self) -> bool:
        """Whether any slot is under treatment now; one that waits for another is not."""
        return any(not bed.waits for bed in self._beds.values())

    def admit(
        self,
        cared: Cared,
        verdict: Verdict,
        event: Event | None,
        *,
        acts: bool,
        seen_at: datetime | None = None,
    ) -> None:
        """Take trouble in. ``acts`` False: it is reported, and nothing is done. ``seen_at``: when
        its event came in; now where there is none."""
        key = (cared.record.project, verdict.service, verdict.slot)
        news = News(cared, verdict, event, seen_at or self._tools.clock.now(), acts)
        bed = self._beds.get(key)
        if bed is not None:
            bed.news.append(news)
            return
        self._beds[key] = Bed([news])
        spawn(self._group, self._treat(key), f"care of {'/'.join(map(str, key))}")

    async def by_hand(
        self,
        cared: Cared,
        verdict: Verdict,
        incident: Incident,
        decision: Decision,
        slot: SlotFacts,
        *,
        more: Raise | None,
        by: str,
        operation: Operation,
    ) -> Incident:
        """Carry out what a person asked for; the incident afterwards. What happens to the slot
        meanwhile is taken in as usual.

        :raises Refused: the slot is under treatment now.
        """
        key = (cared.record.project, verdict.service, verdict.slot)
        if key in self._beds:
            raise Refused(
                "it is being treated now",
                attempted="treat incident",
                target=incident.id,
                advice=f"See how it goes: `tabib incident {incident.id}`.",
            )
        bed = self._beds[key] = Bed()
        try:
            now = self._tools.clock.now()
            news = News(cared, verdict, None, now, acts=True)
            course = Course(self._tools, self._record, self._ward, bed, news)
            await course.carry_out(incident, decision, slot, more=more, by=by, operation=operation)
        finally:
            if bed.news:
                spawn(self._group, self._treat(key), f"care of {'/'.join(map(str, key))}")
            else:
                del self._beds[key]
        return await self._tools.journal.incident(incident.id) or incident

    async def _treat(self, key: Key) -> None:
        bed = self._beds[key]
        try:
            while bed.news:
                news = bed.news[-1]
                bed.news.clear()
                course = Course(self._tools, self._record, self._ward, bed, news)
                await course.run()
                await self._discharge(course)
        except TabibError as error:
            log.error("care.treatment_failed", slot=key, why=str(error))
        except Exception:  # one patient must not end care
            log.exception("care.bug", slot=key)
        finally:
            del self._beds[key]

    async def _discharge(self, course: Course) -> None:
        """Close what is open about a slot that shall not run any more: a person stopped it, or took
        the project down, while it was treated."""
        cared = await self._ward.get(course.project)
        name = course.verdict.container
        if cared is None or cared.halted(name) in ("stopped", "removed", "finished"):
            await give_up(self._tools, course.project, {name})
