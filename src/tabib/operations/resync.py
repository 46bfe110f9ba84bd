"""After a start, a gap in the events or an engine restart: what is there is compared with what
the journal had running. Also now and then, in case an event was lost."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Container, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import structlog

from tabib.decide.known import in_light_of
from tabib.decide.resync import Gap, needs_detail, on_resync
from tabib.decide.verdict import Kind, Verdict
from tabib.host.boot import boot_id
from tabib.model.container import Observed
from tabib.model.event import Event
from tabib.model.incident import Incident
from tabib.operations.facts import Cared, Ward
from tabib.operations.record import Record
from tabib.operations.tools import Tools

log = structlog.get_logger("tabib.resync")

Judged = Callable[[Cared, Verdict, Event | None], Awaitable[None]]
Slot = tuple[str, str, int]
"""(project, service, slot number)"""
Busy = Callable[[str, str, int], bool]
QUIET = timedelta(seconds=30)
"""A slot with events this recent is judged by them, not by a look now and then."""
_SETTLE_ROUNDS = 10
_ENDS = frozenset(("die", "stop", "destroy"))
_BUSY = timedelta(seconds=1)
"""How long to leave a project that an operation has in hand, before the next look."""
SAME_RUN = timedelta(seconds=2)


class Resync:
    """Looks at the whole engine and hands each slot's verdict to ``judged``."""

    def __init__(self, tools: Tools, record: Record, ward: Ward, judged: Judged) -> None:
        self._tools = tools
        self._record = record
        self._ward = ward
        self._judged = judged
        self._lost_at: datetime | None = None
        self._kills: tuple[tuple[datetime, str], ...] = ()

    def lost(self) -> None:
        """The event stream has ended, or could not be had again: the first time counts."""
        if self._lost_at is None:
            self._lost_at = self._tools.clock.now()
            self._kills = tuple(self._tools.watch.kills)

    async def after_gap(self) -> None:
        """Find out whether the engine restarted, and judge every slot in care.

        :raises EngineUnavailable: the engine does not answer; the caller connects again.
        """
        tools = self._tools
        began = tools.clock.now()
        tools.info = replace(await tools.engine.info(), endpoint=tools.info.endpoint)
        gap = await self._gap()
        judged: set[Slot] = set()

        def left(*slot: *Slot) -> bool:
            # What ends while these rounds go on is seen to end: its events tell more than a look.
            return slot in judged or self._happened(_ENDS, began, *slot)

        for _ in range(_SETTLE_ROUNDS):
            again = await self._judge(gap, left, judged)
            if again is None:
                break
            await tools.clock.sleep(max(0.1, (again - tools.clock.now()).total_seconds()))
        await self._remember()
        self._lost_at = None

    async def look_again(self, busy: Busy) -> None:
        """A look at what no event told of; slots that are busy or had events lately are left."""
        await self._judge(Gap(engine_restarted=False), busy)
        await self._remember()

    async def _judge(
        self, gap: Gap, left: Busy, judged: set[Slot] | None = None
    ) -> datetime | None:
        """Judge what is not ``left`` alone; when to look again, where something has to settle.

        ``judged``: the look after a gap: gets the slots that were judged, and leaves none to
        later events.
        """
        tools = self._tools
        wards = await self._ward.all()
        if not wards:
            return None
        facts_of = {
            cared.record.project: cared.facts(await self._record.last_running(cared.record.project))
            for cared in wards
        }
        observed = None if judged is not None else await tools.glance.look()
        if observed is None or any(needs_detail(observed, one) for one in facts_of.values()):
            observed = await tools.engine.observe(detail=True)
        now = tools.clock.now()
        again: datetime | None = None
        for cared in wards:
            project = cared.record.project
            self._touch(observed, project)
            if tools.actions.busy(project):
                again = max(again or now, now + _BUSY)
                continue
            facts = facts_of[project]
            for verdict in on_resync(observed, facts, gap, now):
                slot = (project, verdict.service, verdict.slot)
                if verdict.kind is Kind.NEEDS_SETTLING and verdict.decide_at:
                    again = max(again or verdict.decide_at, verdict.decide_at)
                elif not left(*slot) and (judged is not None or not self._recent(*slot)):
                    await self._hand_over(cared, verdict)
                    if judged is not None:
                        judged.add(slot)
        return again

    async def _hand_over(self, cared: Cared, verdict: Verdict) -> None:
        seen: Verdict | None = verdict
        if verdict.actionable:
            seen = in_light_of(verdict, await self._open_incident(cared, verdict))
        if seen is not None:
            await self._judged(cared, seen, None)

    async def _open_incident(self, cared: Cared, verdict: Verdict) -> Incident | None:
        tools = self._tools
        found = await tools.journal.incidents(
            engine_id=tools.info.id, project=cared.record.project, open_only=True
        )
        return next((one for one in found if one.container == verdict.container), None)

    def _recent(self, project: str, service: str, slot: int) -> bool:
        return self._happened((), self._tools.clock.now() - QUIET, project, service, slot)

    def _happened(
        self, actions: Container[str], since: datetime, project: str, service: str, slot: int
    ) -> bool:
        """Whether an event of the slot was seen since then; ``actions`` empty: any event."""
        return any(
            event.at > since
            and (event.service, event.slot) == (service, slot)
            and (not actions or event.action in actions)
            for event in self._tools.watch.history(project)
        )

    def _touch(self, observed: Observed, project: str) -> None:
        for one in observed.containers:
            if one.project == project and one.status == "running" and not one.oneoff:
                self._record.watch_over(one.id)

    async def _gap(self) -> Gap:
        tools = self._tools
        text = await tools.journal.get_setting(self._key)
        before: dict[str, Any] = json.loads(text) if text else {}
        now = self._identity()
        restarted = bool(before) and not _same_run(before, now)
        if restarted:
            log.warning("engine.restarted", before=before, now=now)
        return Gap(
            engine_restarted=restarted,
            lost_at=self._lost_at,
            engine_started_at=tools.info.started_at,
            kills=self._kills,
        )

    async def _remember(self) -> None:
        text = json.dumps(self._identity(), sort_keys=True)
        known = await self._tools.journal.get_setting(self._key)
        if not known or not _same_run(json.loads(known), self._identity()):
            await self._tools.journal.put_setting(self._key, text)

    def _identity(self) -> dict[str, str]:
        """What changes with a restart of the engine or of the machine."""
        info = self._tools.info
        started = info.started_at.isoformat() if info.started_at else ""
        return {"started_at": started, "boot_id": boot_id() if info.local else ""}

    @property
    def _key(self) -> str:
        return f"engine:{self._tools.info.id}:identity"


def _same_run(before: Mapping[str, str], now: Mapping[str, str]) -> bool:
    """Whether both looks saw one run of the engine. Start times are computed from clock ticks and
    the wall clock, which is being adjusted: a moment's difference is no restart."""
    if before.get("boot_id") != now.get("boot_id"):
        return False
    then, later = before.get("started_at", ""), now.get("started_at", "")
    if not then or not later:
        return then == later
    apart = datetime.fromisoformat(later) - datetime.fromisoformat(then)
    return abs(apart) <= SAME_RUN
