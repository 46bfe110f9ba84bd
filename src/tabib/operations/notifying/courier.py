"""Sends what waits for a destination, and writes down how that went."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import structlog

from tabib.decide.notices import Limits, Plan, back_off, compose, plan
from tabib.decide.notices.words import with_explained
from tabib.model.errors import StateUnusable
from tabib.model.notice import Delivery, Destination, Message, Notice, Told
from tabib.model.release import JournalEntry
from tabib.operations.notifying.book import Book
from tabib.operations.notifying.tools import NotifyTools, Zones

log = structlog.get_logger("tabib.notify")

TIES = timedelta(hours=1)
"""What an incident explains may have been seen before it, but not longer."""


class Courier:
    """One for all destinations; at most one call at a time for each."""

    def __init__(self, tools: NotifyTools, book: Book, zones: Zones, limits: Limits) -> None:
        self._tools = tools
        self._book = book
        self._zones = zones
        self._limits = limits
        self._under_way: set[asyncio.Future[None]] = set()
        self._ending = False

    async def serve(self, wanted: str) -> datetime | None:
        """Send what one destination is to be sent now; when to look again."""
        tools = self._tools
        destination = next(one for one in await tools.outbox.destinations() if one.id == wanted)
        now = tools.clock.now()
        limits = self._limits
        pending = await tools.outbox.pending(wanted)
        told = await tools.outbox.told(wanted, now - limits.flap_window)
        for one in pending:
            self._zones[one.timezone]  # made known to the plan
        found = plan(pending, told, destination, now, self._zones, limits)
        if found.expired:
            destination = await self._give_up(destination, found.expired, now)
        if not found.send or self._ending:
            return found.wake_at
        attempt = asyncio.ensure_future(self._deliver(destination, found))
        self._under_way.add(attempt)
        attempt.add_done_callback(self._under_way.discard)
        await asyncio.shield(attempt)
        return tools.clock.now()  # at once: there may be a rest

    async def _give_up(
        self, destination: Destination, expired: Sequence[Notice], now: datetime
    ) -> Destination:
        log.error("notify.given_up", destination=destination.label, notices=len(expired))
        changed = replace(destination, given_up=destination.given_up + len(expired))
        await self._tools.outbox.settle(changed, (), expired)
        await self._note(destination, "given_up", now, [one.incident for one in expired])
        return changed

    async def _deliver(self, destination: Destination, found: Plan) -> None:
        tools = self._tools
        message_id = tools.new_id()
        names = [one.incident for one in found.send]
        begun = tools.clock.now()
        await self._note(destination, "intent", begun, names, message=message_id)
        delivery = await self._send(destination, await self._message(found))
        now = tools.clock.now()
        told: list[Told] = []
        if delivery.delivered:
            destination = replace(
                destination, failures=0, retry_at=None, delivered_at=now, error=""
            )
            told = _told(found, message_id, now)
        else:
            failures = destination.failures + 1
            destination = replace(
                destination,
                failures=failures,
                retry_at=now + back_off(failures),
                failed_at=now,
                error=delivery.why,
            )
        await tools.outbox.settle(destination, told)
        await self._note(
            destination,
            "outcome",
            now,
            names,
            message=message_id,
            delivered=delivery.delivered,
            why=delivery.why,
        )
        said = {"destination": destination.label, "id": destination.id, "notices": len(names)}
        if delivery.delivered:
            log.info("notify.delivered", **said)
        else:
            log.warning("notify.failed", **said, why=delivery.why, again_at=destination.retry_at)

    async def _message(self, found: Plan) -> Message:
        tools = self._tools
        message = compose(found.send, flapping=found.flapping, host=tools.hostname)
        if len(found.send) != 1:
            return message
        incident = await tools.journal.incident(found.send[0].incident)
        if incident is None:  # a summary is about none
            return message
        explained = await tools.journal.incidents(
            engine_id=incident.engine_id, project=incident.project, since=incident.opened_at - TIES
        )
        message = with_explained(message, [one for one in explained if one.parent == incident.id])
        if tools.report is None:
            return message
        try:
            return replace(message, report=self._book.text(await tools.report(incident)))
        except Exception:  # a report that cannot be made must not keep the message back
            log.exception("notify.no_report", incident=incident.id)
            return message

    async def _send(self, destination: Destination, message: Message) -> Delivery:
        if destination.url in self._book.wrong:
            return Delivery(delivered=False, why=self._book.wrong[destination.url])
        try:
            [url] = await self._tools.vault.open([destination.url])
        except StateUnusable as error:
            return Delivery(delivered=False, why=error.happened)
        return await self._tools.notifier.send(url, message)

    async def _note(
        self,
        destination: Destination,
        kind: str,
        at: datetime,
        incidents: Sequence[str],
        **data: Any,
    ) -> None:
        await self._tools.journal.append(
            JournalEntry(
                at=at,
                kind="notify",
                subject=destination.label,
                data={
                    "what": kind,
                    "destination": destination.id,
                    "incidents": list(incidents),
                    **data,
                },
            )
        )

    async def end(self, patience_s: float) -> None:
        """Begin nothing any more, and let what is being sent come to its end: else it would be sent
        once more by the next daemon."""
        self._ending = True
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=patience_s)


def _told(found: Plan, message: str, now: datetime) -> list[Told]:
    several = len(found.send) > 1
    told = [
        Told(
            notice=one,
            message=message,
            at=now,
            told_as="flapping"
            if one.incident in found.flapping
            else "digest"
            if several
            else "single",
        )
        for one in found.send
    ]
    return told + [
        Told(notice=one, message=message, at=now, told_as="covered") for one in found.covered
    ]
