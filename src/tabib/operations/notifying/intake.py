"""From changes of incidents to notices in the outbox."""

from __future__ import annotations

from datetime import datetime, timedelta

from tabib.decide.notices import notices_of
from tabib.decide.notices.summary import WEEK, summary_due, summary_notice
from tabib.model.incident import Incident
from tabib.model.notice import Notice
from tabib.operations.notifying.book import Book
from tabib.operations.notifying.tools import NotifyTools, Zones

LOOKS_BACK = timedelta(hours=24)
"""After a start, what happened since then is told if it was not."""
SUMMED_UP = 1000
"""Incidents, at most."""


class Intake:
    """Puts into the outbox what is to be told. Each notice has an id of its own, and is taken in
    once, however often it is put."""

    def __init__(self, tools: NotifyTools, book: Book, zones: Zones) -> None:
        self._tools = tools
        self._book = book
        self._zones = zones
        self._summed_up: set[tuple[str, str, datetime]] = set()

    async def look_back(self) -> None:
        """What happened shortly before and was not taken in: the daemon may have died between."""
        tools = self._tools
        now = tools.clock.now()
        known = {one.id: one.known_since for one in await tools.outbox.destinations()}
        since = now - LOOKS_BACK
        lately = await tools.journal.incidents(since=since)
        still_open = await tools.journal.incidents(open_only=True)
        for incident in {one.id: one for one in (*lately, *still_open)}.values():
            notices = await self._notices(incident)
            await tools.outbox.put(
                [one for one in notices if one.at >= max(since, known.get(one.destination, now))]
            )

    async def take(self, incident: Incident) -> None:
        """Take in the present state of an incident."""
        if incident.parent:
            # What explains it is told instead, also of what waits still.
            await self._tools.outbox.drop(incident.id)
            return
        notices = await self._notices(incident)
        if notices:
            await self._tools.outbox.put(notices)

    async def sum_up(self) -> None:
        """The week in a message, for those who want it."""
        tools = self._tools
        now = tools.clock.now()
        for scope, rule in await self._book.all():
            if "summary" not in rule.on:
                continue
            destination = await self._book.meet(rule)
            at = summary_due(now, destination.known_since, self._zones[rule.timezone])
            if at is None or (destination.id, scope, at) in self._summed_up:
                continue
            week = await tools.journal.incidents(
                project=scope or None, since=at - WEEK, limit=SUMMED_UP
            )
            notice = summary_notice(rule, scope, at, week, tools.hostname)
            await tools.outbox.put([self._book.hidden(notice)])
            self._summed_up.add((destination.id, scope, at))

    async def _notices(self, incident: Incident) -> list[Notice]:
        rules = await self._book.of(incident.engine_id, incident.project, incident.service)
        for rule in rules:
            await self._book.meet(rule)
        found = notices_of(
            incident,
            rules,
            host=self._tools.hostname,
            reports=self._tools.report is not None,
        )
        return [self._book.hidden(one) for one in found]
