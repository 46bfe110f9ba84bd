"""Watches over the data of what is in care: at starts, at removals of volumes, now and then.

What is not what it was freezes retention and becomes trouble of the service that it belongs to;
what is again what it was ends that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

import structlog

from tabib.decide.backups.identity import Sameness
from tabib.decide.backups.signs import damage_in
from tabib.decide.verdict import TROUBLE, Kind, SlotFacts, Verdict
from tabib.model.container import Observed
from tabib.model.errors import TabibError
from tabib.model.event import Event
from tabib.model.incident import DataState, Incident
from tabib.operations.backups import identities
from tabib.operations.closing import close_as_same
from tabib.operations.facts import Cared, Ward
from tabib.operations.record import Record
from tabib.operations.tasks import spawn
from tabib.operations.tools import Tools

log = structlog.get_logger("tabib.data")

Busy = Callable[[str, str, int], bool]
Judged = Callable[[Cared, Verdict, Event | None], Awaitable[None]]
SETTLES_S = 0.5
"""After a health check passed."""
STARTS_S = 10.0
"""After a start: what has no health check has made its files by then."""
REMOVED_S = 2.0
"""After a volume was removed: whoever swaps it makes it anew."""
BUSY_S = 1.0
_OK = (Sameness.SAME, Sameness.UNKNOWN)
_BY_LOOKS = frozenset({Sameness.LOST, Sameness.EMPTIED, Sameness.REPLACED, Sameness.SHRUNK})


class DataWatch:
    """Of one engine. Its looks are tasks in ``group``; ``judged`` gets the trouble found; ``busy``
    says whether a slot is under treatment."""

    def __init__(
        self,
        tools: Tools,
        record: Record,
        ward: Ward,
        group: asyncio.TaskGroup,
        judged: Judged,
        busy: Busy,
    ) -> None:
        self._tools = tools
        self._record = record
        self._ward = ward
        self._group = group
        self._judged = judged
        self._busy = busy
        self._due: set[tuple[str, str]] = set()
        """(project, service): a look at it is to come."""
        self._told: dict[tuple[str, str], str] = {}
        """(project, data set) → the trouble that was told."""
        self._heard: dict[str, dict[tuple[str, str], datetime]] = {}
        """Project → (container, pattern of its log) → when the last line was written that was
        heard. What was written before the last look may be read after it."""
        self._met: set[str] = set()
        """Projects that were looked at since this daemon began."""

    # ── occasions ──────────────────────────────────────────────────────────────────────────────

    def on_event(self, event: Event) -> None:
        """A container's event of a project in care, our own actions' too, or a volume's."""
        if event.kind == "volume":
            if event.action == "destroy":
                spawn(self._group, self._volume_gone(event.name), "look for a volume's data")
            return
        if event.oneoff:
            return
        healthy = event.action == "health_status" and event.attributes.get("health") == "healthy"
        if healthy:
            self.soon(event.project, event.service, SETTLES_S)
        elif event.action == "start":
            self.soon(event.project, event.service, STARTS_S)

    def soon(self, project: str, service: str, after_s: float = SETTLES_S) -> None:
        """Look at the data of ``service`` (empty: of all) in a moment. Idempotent."""
        if (project, service) not in self._due:
            self._due.add((project, service))
            spawn(self._group, self._later(project, service, after_s), "look at data")

    async def _later(self, project: str, service: str, after_s: float) -> None:
        try:
            await self._tools.clock.sleep(after_s)
            await self._idle(project)
        finally:
            self._due.discard((project, service))
        cared = await self._ward.get(project)
        if cared is None:
            return
        try:
            services = (service,) if service else ()
            self._forget(project)  # a person who brings it up again is told again
            states = await identities.learn(self._tools, project, services=services)
        except TabibError as error:
            log.warning("data.not_looked_at", project=project, why=str(error))
            return
        if states:
            await self._found(cared, states)
        else:
            await self._well_again(cared, _BY_LOOKS)

    async def _idle(self, project: str) -> None:
        """Wait until no operation has the project in hand: what is between is nothing final."""
        while self._tools.actions.busy(project):
            await self._tools.clock.sleep(BUSY_S)

    async def _volume_gone(self, name: str) -> None:
        await self._tools.clock.sleep(REMOVED_S)
        try:
            for cared in await self._ward.all():
                project = cared.record.project
                known = await self._tools.journal.identities(self._tools.info.id, project)
                if any(one.place.source == name and one.place.type == "volume" for one in known):
                    await self._idle(project)
                    await self._look(cared, None)
        except TabibError as error:
            # An engine that goes away says of its volumes that they are removed, too.
            log.warning("data.not_looked_at", volume=name, why=str(error))

    async def now_and_then(self, observed: Observed | None = None) -> None:
        """A look at all that is known: a few stats each."""
        try:
            for cared in await self._ward.all():
                if not self._tools.actions.busy(cared.record.project):
                    await self._meet(cared.record.project)
                    await self._look(cared, observed)
                    if observed is not None:
                        await self._listen(cared, observed)
        except TabibError as error:
            log.warning("data.not_looked_at", why=str(error))

    async def _meet(self, project: str) -> None:
        """What ran before tabib cared for it had no start that was seen: recorded as it is."""
        if project not in self._met:
            self._met.add(project)
            if not await self._tools.journal.identities(self._tools.info.id, project):
                self.soon(project, "")

    async def _look(self, cared: Cared, observed: Observed | None) -> None:
        states = await identities.look(self._tools, cared.record.project, observed)
        troubled = [one for one in states if one.verdict not in _OK]
        if troubled:
            await self._found(cared, troubled)
        elif states and not any(one.verdict == Sameness.UNKNOWN for one in states):
            await self._well_again(cared, _BY_LOOKS - {Sameness.SHRUNK})

    async def _listen(self, cared: Cared, observed: Observed) -> None:
        """What running databases wrote of damage since the last look; from memory."""
        tools, project = self._tools, cared.record.project
        if tools.monitor is None:
            return
        there = {one.id for one in observed.containers}
        before = self._heard.get(project, {})
        heard = {key: at for key, at in before.items() if key[0] in there}
        self._heard[project] = heard
        known = await tools.journal.identities(tools.info.id, project)
        of = {one.service: one for one in known if one.kind != "files"}
        for container in observed.containers:
            data = of.get(container.service)
            if container.project != project or container.oneoff or data is None:
                continue
            for pattern in await tools.monitor.patterns(container.id):
                key = container.id, pattern.template
                if heard.get(key) == pattern.last_at:
                    continue
                words = damage_in(pattern, data.kind)
                if words and tools.actions.busy(project):
                    continue  # it is heard at the next look
                heard[key] = pattern.last_at
                if words:
                    await self.on_unreadable(project, data.dataset, data.service, words)

    # ── what follows ───────────────────────────────────────────────────────────────────────────

    async def _found(self, cared: Cared, states: Sequence[DataState]) -> None:
        tools, project = self._tools, cared.record.project
        fresh = []
        for one in states:
            key, sign = (project, one.dataset), f"{one.verdict} {one.text}"
            if one.verdict not in _OK and self._told.get(key) != sign:
                self._told[key] = sign
                fresh.append(one)
        if not fresh:
            return
        log.warning("data.changed", project=project, what=[one.text for one in fresh])
        await identities.freeze(tools, project, fresh)
        known = {
            one.dataset: one.service
            for one in await tools.journal.identities(tools.info.id, project)
        }
        open_ = await self._open(project)
        slots = cared.facts(await self._record.last_running(project)).slots
        for service in dict.fromkeys(known.get(one.dataset, "") for one in fresh):
            mine = [one for one in fresh if known.get(one.dataset) == service]
            slot = next((one for one in slots.values() if one.service == service), None)
            if slot is not None and not _being_told(open_, slot, mine):
                await self._judged(cared, _trouble(slot, mine), None)

    async def on_unreadable(self, project: str, dataset: str, service: str, words: str) -> None:
        """A copy of a data set failed, and ``words`` mean that it is damaged: the best detector
        there is, for a database with damaged pages answers its health check all the same."""
        cared = await self._ward.get(project)
        key, sign = (project, dataset), f"unreadable {words}"
        if cared is None or self._told.get(key) == sign or self._tools.actions.busy(project):
            return
        self._told[key] = sign
        slots = cared.facts(await self._record.last_running(project)).slots
        slot = next((one for one in slots.values() if one.service == service), None)
        if slot is None:
            return
        state = DataState(
            dataset=dataset,
            kind="",
            verdict="unreadable",
            text=words,
            since=self._tools.clock.now(),
        )
        await self._judged(cared, _trouble(slot, [state]), None)

    async def _well_again(self, cared: Cared, over: frozenset[Sameness]) -> None:
        """All that is known is what it was: retention goes on, and what was open about it ends, as
        far as it was held up by what a look like this one would show."""
        project = cared.record.project
        held = await identities.held_up(self._tools, project)
        looks = [name for name, verdict in held.items() if verdict in over]
        slots = cared.facts(await self._record.last_running(project)).slots
        if not looks or any(self._busy(project, *key) for key in slots):
            return  # what is under treatment ends by that
        self._forget(project)
        await identities.thaw(self._tools, project, looks)
        await close_as_same(self._tools, project)

    def _forget(self, project: str) -> None:
        for key in [key for key in self._told if key[0] == project]:
            del self._told[key]

    async def _open(self, project: str) -> list[Incident]:
        tools = self._tools
        return await tools.journal.incidents(
            engine_id=tools.info.id, project=project, open_only=True
        )


def _being_told(
    incidents: Sequence[Incident], slot: SlotFacts, states: Sequence[DataState]
) -> bool:
    """Whether a person knows of it already: an incident that waits for them says the same, or that
    what has shrunk is damaged."""
    damaged = [one for one in incidents if one.service == slot.service]
    if any(one.cause.code == "database.corrupt" for one in damaged):
        states = [one for one in states if one.verdict != Sameness.SHRUNK]
    said = {
        evidence.text
        for one in incidents
        if one.service == slot.service and one.outcome == "needs_human"
        for finding in one.findings
        for evidence in finding.evidence
    }
    return all(any(one.text.startswith(text[:200]) for text in said) for one in states)


def _trouble(slot: SlotFacts, states: Sequence[DataState]) -> Verdict:
    return Verdict(
        kind=Kind.DATA,
        reason="; ".join(one.text for one in states),
        container=slot.container,
        service=slot.service,
        slot=slot.slot,
        trigger=TROUBLE[Kind.DATA],
        data=tuple(states),
    )
