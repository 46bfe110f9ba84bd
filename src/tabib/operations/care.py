"""Care: every event of a project in care is judged; trouble becomes an incident and is treated.

Trip 2 of the architecture. One worker judges events in order, so that triage sees a consistent
history; each troubled slot gets a treatment task of its own (``patient.py``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

import structlog

from tabib.decide.halts import EVERYTHING, halt, let_run
from tabib.decide.timeline import Timeline, is_ours
from tabib.decide.triage import DEFAULT_LIMITS, classify
from tabib.decide.verdict import Kind, Verdict
from tabib.model.errors import TabibError
from tabib.model.event import Event
from tabib.model.release import CareRecord, JournalEntry
from tabib.operations.backups.datawatch import DataWatch
from tabib.operations.care_record import change
from tabib.operations.closing import close_for, give_up
from tabib.operations.detached import detached
from tabib.operations.facts import Cared, Ward
from tabib.operations.guard import OWNER_VOLUME, find_owner, keep_owning
from tabib.operations.patient import Patients
from tabib.operations.record import Record
from tabib.operations.resync import Resync
from tabib.operations.tasks import keep_running, spawn
from tabib.operations.tools import Tools

log = structlog.get_logger("tabib.care")

_QUEUE = 10_000
_SEEN = 5_000
_JOURNALLED = frozenset(
    ("start", "die", "kill", "stop", "oom", "destroy", "pause", "unpause", "health_status")
)
_JUDGED = frozenset(("start", "die", "stop", "oom", "destroy", "health_status"))
_FLUSH_S = 0.2
_OWNER_SETTLES_S = 1.0
"""Whoever takes an engine over removes the old claim, then makes its own."""


class Care:
    """Cares for the projects of one engine. ``run`` lives in the daemon's task group."""

    def __init__(
        self, tools: Tools, record: Record, group: asyncio.TaskGroup, *, acts: bool = True
    ) -> None:
        self.tools = tools
        self.record = record
        self.ward = Ward(tools)
        self._group = group
        self._acts = acts
        self._queue: asyncio.Queue[tuple[Event, bool]] = asyncio.Queue(_QUEUE)
        self._seen: dict[tuple[str, int], datetime] = {}
        """Event → when it came in: what settles first was seen all the same."""
        self._unwritten: list[JournalEntry] = []
        self._something = asyncio.Event()
        """There is something to write: at rest nobody is woken."""
        self.patients = Patients(tools, record, self.ward, group)
        self.data = DataWatch(tools, record, self.ward, group, self._judged, self.patients.busy)
        self.resync = Resync(tools, record, self.ward, self._judged)
        self.dropped = 0

    @property
    def mode(self) -> str:
        """``act``, or ``observe``: another owner, a private daemon, or no room for the journal."""
        owner = self.tools.ownership.owner
        if not self._acts or (owner and owner != self.tools.installation):
            return "observe"
        return self.tools.state.mode()

    async def after_gap(self) -> None:
        """The event stream is there (again): who owns the engine, and how is everything in care?

        :raises EngineUnavailable: the engine does not answer; the caller connects again.
        """
        await (keep_owning(self.tools) if self._acts else find_owner(self.tools))
        await self.resync.after_gap()
        await self.data.now_and_then()

    async def on_refused(self, project: str, container: str, words: str) -> None:
        """The engine would not make or start ``container`` and said ``words``: that is trouble."""
        cared = await self.ward.get(project)
        if cared is None:
            return
        facts = cared.facts(await self.record.last_running(project))
        slot = next((one for one in facts.slots.values() if one.container == container), None)
        if slot is None:
            return
        verdict = Verdict(
            kind=Kind.FAILED,
            reason="the engine could not start it",
            container_id=await self._id_of(container),
            container=container,
            service=slot.service,
            slot=slot.slot,
            trigger="start_failed",
            engine_error=words,
        )
        await self._judged(cared, verdict, None)

    async def _id_of(self, container: str) -> str:
        try:
            found = await self.tools.engine.inspect(container)
        except TabibError:
            return ""  # it could not even be created
        return str((found or {}).get("Id", ""))

    async def _owner_changed(self) -> None:
        await self.tools.clock.sleep(_OWNER_SETTLES_S)
        try:
            await (keep_owning(self.tools) if self._acts else find_owner(self.tools))
        except TabibError as error:
            log.warning("care.owner", why=str(error))

    def on_event(self, event: Event) -> None:
        """Take an event in; never blocks. What does not fit is counted; observation finds it."""
        try:
            self._queue.put_nowait((event, False))
            if len(self._seen) >= _SEEN:
                self._seen.clear()
            self._seen[event.id, event.time_ns] = self.tools.clock.now()
        except asyncio.QueueFull:
            self.dropped += 1

    async def run(self) -> None:
        """Judge events for ever."""
        keep_running(self._group, self._flush, "journal events", self.tools.clock)
        keep_running(self._group, self._observe_now_and_then, "observe", self.tools.clock)
        while True:
            event, again = await self._queue.get()
            try:
                await self._handle(event, again)
            except TabibError as error:
                log.error("care.event_not_handled", event=event.action, why=str(error))
            except Exception:  # one event must not end care
                log.exception("care.bug", event=event.action, container=event.name)

    async def _handle(self, event: Event, again: bool) -> None:
        if event.kind == "network":
            if event.action == "disconnect":
                spawn(self._group, self._detached(event), "look at what was detached")
            if event.action != "destroy":
                return
            for each in await self.ward.all():
                await self._classify(each, event)
            return
        if event.kind == "volume" and event.name == OWNER_VOLUME:
            if event.action in ("create", "destroy"):
                self._group.create_task(self._owner_changed())
            return
        if event.kind == "volume":
            self.data.on_event(event)
            return
        if event.kind != "container" or not event.project:
            return
        cared = await self.ward.get(event.project)
        if cared is None:
            self.record.forget(event.project)
            return
        if not again:
            self._remember(event)
            self.data.on_event(event)
            if event.action == "start" and not event.oneoff:
                await self.record.started(event.project, event.name)
        if event.action in _JUDGED:
            await self._classify(cared, event)

    async def _detached(self, event: Event) -> None:
        try:
            found = await detached(self.tools, self.ward, event)
        except TabibError as error:
            log.warning("care.detached_not_judged", why=str(error))
            return
        if found is not None:
            await self._judged(*found, None)

    def _remember(self, event: Event) -> None:
        if event.action in ("start", "unpause", "health_status") and not event.oneoff:
            self.record.touch(event.id)
        elif event.action == "destroy":
            self.record.gone(event.id)
        if event.action in _JOURNALLED:
            self._something.set()
            self._unwritten.append(
                JournalEntry(
                    at=event.at,
                    kind="event",
                    engine_id=self.tools.info.id,
                    project=event.project,
                    subject=event.name,
                    data={
                        "action": event.action,
                        "id": event.id,
                        "service": event.service,
                        **{
                            key: event.attributes[key]
                            for key in ("exitCode", "signal", "health")
                            if key in event.attributes
                        },
                    },
                )
            )

    async def _classify(self, cared: Cared, event: Event) -> None:
        tools = self.tools
        project = cared.record.project
        now = tools.clock.now()
        if self._ours(event, now):
            return
        facts = cared.facts(await self.record.last_running(project))
        verdict = classify(
            event,
            tools.watch.history(project),
            tools.actions.recent,
            facts,
            now,
        )
        await self._judged(cared, verdict, event)
        if verdict.decide_at is not None:
            spawn(self._group, self._later(event, verdict.decide_at), "settle")

    def _ours(self, event: Event, now: datetime) -> bool:
        """Whether our own action explains the event: cheap, for an ``up`` causes hundreds."""
        own = self.tools.actions.about(event.id, event.name)
        if not own:
            return False
        line = Timeline.of(self.tools.watch.history(event.project, event.id))
        return is_ours(event, line, own, now, DEFAULT_LIMITS)

    async def _later(self, event: Event, at: datetime) -> None:
        watched = self.tools.watch.losses
        wait_s = (at - self.tools.clock.now()).total_seconds()
        await self.tools.clock.sleep(max(0.0, wait_s) + 0.01)
        # After a gap in the events, what there is then is judged instead.
        if watched == self.tools.watch.losses:
            await self._queue.put((event, True))

    async def _judged(self, cared: Cared, verdict: Verdict, event: Event | None) -> None:
        """Act on one verdict: note what shall not run, open trouble, close what is over."""
        if verdict.halt is not None and verdict.kind is not Kind.PROJECT_TAKEN_DOWN:
            await self._halt(cared, verdict)
        if verdict.kind is Kind.PROJECT_TAKEN_DOWN:
            await self._taken_down(cared, verdict)
        elif verdict.kind is Kind.RECOVERED:
            await self._recovered(cared, verdict)
        if verdict.actionable:
            mode = self.mode
            seen = self._seen.get((event.id, event.time_ns)) if event else None
            self.patients.admit(cared, verdict, event, acts=mode == "act", seen_at=seen)

    async def _halt(self, cared: Cared, verdict: Verdict) -> None:
        name, why = verdict.container, verdict.halt
        if why:
            since = verdict.asked_at or self.tools.clock.now()
            changed = await self._change(cared, lambda record: halt(record, [name], why, since))
        else:
            # Whoever starts one container of a project that was taken down wants that one to run.
            names = cared.containers()
            changed = await self._change(cared, lambda record: let_run(record, [name], names))
        if changed:
            await self._note(cared, name, verdict.reason, halt=why or "")
        if why:
            await give_up(self.tools, cared.record.project, {name})

    async def _taken_down(self, cared: Cared, verdict: Verdict) -> None:
        now = self.tools.clock.now()

        def taken_down(record: CareRecord) -> CareRecord:
            known = record.halted.get(EVERYTHING) == "removed"
            return record if known else halt(record, [EVERYTHING], "removed", now)

        if await self._change(cared, taken_down):
            await self._note(cared, cared.record.project, verdict.reason, halt="removed")

    async def _change(self, cared: Cared, how: Callable[[CareRecord], CareRecord]) -> bool:
        return await change(self.tools, cared.record.project, how)

    async def _recovered(self, cared: Cared, verdict: Verdict) -> None:
        """What got well without a treatment under way closes its incident."""
        if self.patients.busy(cared.record.project, verdict.service, verdict.slot):
            return
        await close_for(self.tools, cared.record.project, {verdict.container})

    async def _note(self, cared: Cared, subject: str, text: str, **data: str) -> None:
        await self.tools.journal.append(
            JournalEntry(
                at=self.tools.clock.now(),
                kind="care",
                engine_id=self.tools.info.id,
                project=cared.record.project,
                subject=subject,
                data={"what": text, **data},
            )
        )

    async def _flush(self) -> None:
        """Write events in batches: they must be kept, but nobody waits for them."""
        while True:
            await self._something.wait()
            self._something.clear()
            await self.tools.clock.sleep(_FLUSH_S)
            batch, self._unwritten = self._unwritten, []
            if not batch:
                continue
            try:
                await self.tools.journal.append(*batch)
            except TabibError as error:
                log.error("care.events_not_journalled", count=len(batch), why=str(error))

    async def _observe_now_and_then(self) -> None:
        while True:
            await self.tools.clock.sleep(self.tools.glance.due_in())
            if not self.tools.watch.connected.is_set():
                continue
            try:
                await self.resync.look_again(self.patients.busy)
                await self.data.now_and_then(await self.tools.glance.look())
            except TabibError as error:
                log.warning("care.observation_failed", why=str(error))
