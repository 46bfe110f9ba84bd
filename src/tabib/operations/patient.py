"""Slots under treatment: one task for each; what happens to a slot meanwhile reaches it."""

from __future__ import annotations

import asyncio
from datetime import datetime

import structlog

from tabib.decide.verdict import Verdict
from tabib.model.errors import TabibError
from tabib.model.event import Event
from tabib.operations.closing import give_up
from tabib.operations.facts import Cared, Ward
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
        """Whether any slot is under treatment now."""
        return bool(self._beds)

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
