"""One for all engines of a daemon: its tasks, and what people ask of it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import structlog

from tabib.decide.notices.urls import label
from tabib.model.errors import TabibError, UsageError
from tabib.model.incident import Incident
from tabib.model.notice import Delivery, Destination, Message
from tabib.operations.notifying.book import Book
from tabib.operations.notifying.courier import Courier
from tabib.operations.notifying.intake import Intake
from tabib.operations.notifying.tools import HostRules, NotifyTools, Report, Zones
from tabib.ports import Notifier

log = structlog.get_logger("tabib.notify")

IDLE_S = 300.0
"""At most so long nothing is looked at, whatever was planned."""
AGAIN_S = 5.0
"""After trouble with the state folder."""
KEPT = timedelta(days=30)
PRUNED_EVERY_S = 3600.0
_TEST = "This is a test: tabib can reach you here."


class Notifying:
    """``changed`` takes incidents in; ``run`` lives in the daemon's task group."""

    def __init__(self, tools: NotifyTools, host: HostRules) -> None:
        self._tools = tools
        zones = Zones(tools.zone)
        self._book = Book(tools, host)
        self._intake = Intake(tools, self._book, zones)
        self._courier = Courier(tools, self._book, zones, host.limits)
        self._changed: dict[str, Incident] = {}
        self._something = asyncio.Event()
        self._bells: dict[str, asyncio.Event] = {}

    @property
    def notifier(self) -> Notifier:
        return self._tools.notifier

    def report_with(self, report: Report) -> None:
        """From now on messages about one incident take its ``report`` along, and name the command
        that shows it."""
        self._tools.report = report

    def changed(self, incident: Incident) -> None:
        """An incident was written; never blocks."""
        self._changed[incident.id] = incident
        self._something.set()

    async def run(self) -> None:
        """Tell for ever."""
        self._bells.clear()
        await self._book.prepare()
        await self._intake.look_back()
        pruned_at = self._tools.clock.monotonic()
        async with asyncio.TaskGroup() as group:
            while True:
                self._something.clear()
                try:
                    await self._take_in()
                    await self._intake.sum_up()
                    if self._tools.clock.monotonic() - pruned_at > PRUNED_EVERY_S:
                        pruned_at = self._tools.clock.monotonic()
                        await self._tools.outbox.prune(self._tools.clock.now() - KEPT)
                    for one in {
                        notice.destination for notice in await self._tools.outbox.pending()
                    }:
                        self._ring(one, group)
                    pause_s = IDLE_S
                except TabibError as error:
                    log.error("notify.not_taken_in", why=str(error))
                    pause_s = AGAIN_S
                await self._wait(self._something, pause_s)

    def _ring(self, destination: str, group: asyncio.TaskGroup) -> None:
        """Something waits for it: each destination has a worker of its own, for a slow one must
        not hold up the others."""
        bell = self._bells.get(destination)
        if bell is None:
            bell = self._bells[destination] = asyncio.Event()
            group.create_task(self._work(destination, bell), name=f"notify {destination}")
        bell.set()

    async def _work(self, destination: str, bell: asyncio.Event) -> None:
        while True:
            bell.clear()
            try:
                wake_at = await self._courier.serve(destination)
            except TabibError as error:
                log.error("notify.not_told", destination=destination, why=str(error))
                wake_at = self._tools.clock.now() + timedelta(seconds=AGAIN_S)
            except Exception:  # one destination must not end the others
                log.exception("notify.bug", destination=destination)
                wake_at = self._tools.clock.now() + timedelta(seconds=IDLE_S)
            pause_s = IDLE_S
            if wake_at is not None:
                pause_s = min(IDLE_S, (wake_at - self._tools.clock.now()).total_seconds())
            await self._wait(bell, pause_s)

    async def _wait(self, bell: asyncio.Event, pause_s: float) -> None:
        """Until something happens, or so many seconds."""
        if pause_s <= 0 or bell.is_set():
            return
        sleeping = asyncio.ensure_future(self._tools.clock.sleep(pause_s))
        waiting = asyncio.ensure_future(bell.wait())
        try:
            await asyncio.wait((sleeping, waiting), return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            waiting.cancel()

    async def end(self, patience_s: float) -> None:
        """Begin no message any more; wait for those that are being sent, at most so long."""
        await self._courier.end(patience_s)

    async def _take_in(self) -> None:
        changed, self._changed = self._changed, {}
        left = dict(changed)
        try:
            for incident in changed.values():
                await self._intake.take(incident)
                del left[incident.id]
        except BaseException:
            self._changed = {**left, **self._changed}
            raise

    # ── what people ask ────────────────────────────────────────────────────────────────────────

    async def rows(self, project: str = "") -> list[dict[str, Any]]:
        """Every destination that is told about ``project`` (all: ``""``), with how it fares."""
        await self._book.prepare()
        waiting: dict[str, int] = {}
        for notice in await self._tools.outbox.pending():
            waiting[notice.destination] = waiting.get(notice.destination, 0) + 1
        rows = []
        for scope, rule in await self._book.all():
            if project and scope not in ("", project):
                continue
            one = await self._book.meet(rule)
            rows.append(
                {
                    "id": one.id,
                    "destination": rule.label,
                    "project": scope or None,
                    "on": list(rule.on),
                    "min_severity": rule.min_severity,
                    "quiet_hours": rule.quiet_hours or None,
                    "timezone": rule.timezone or None,
                    "state": self._state(one),
                    "error": self._book.wrong.get(one.url) or one.error or None,
                    "failures": one.failures,
                    "retry_at": one.retry_at,
                    "delivered_at": one.delivered_at,
                    "failed_at": one.failed_at,
                    "waiting": waiting.get(one.id, 0),
                    "given_up": one.given_up,
                }
            )
        return rows

    def _state(self, one: Destination) -> str:
        if one.url in self._book.wrong:
            return "wrong"
        if one.failures:
            return "failing"
        return "works" if one.delivered_at else "unused"

    async def test(self, project: str = "", url: str = "") -> list[dict[str, Any]]:
        """Send a marked message to each destination (or to ``url`` alone); how that went.

        :raises UsageError: there is none.
        """
        await self._book.prepare()
        tools = self._tools
        if url:
            wanted = [("", label(url), url)]
        else:
            rules = [
                (scope, rule)
                for scope, rule in await self._book.all()
                if not project or scope in ("", project)
            ]
            urls = await tools.vault.open([rule.url for _, rule in rules])
            wanted = [
                (scope, rule.label, one) for (scope, rule), one in zip(rules, urls, strict=True)
            ]
        if not wanted:
            raise UsageError(
                f"nobody is told about {project}" if project else "nobody is told of anything",
                attempted="test notifications",
                advice="Write x-tabib.notify and `tabib up`, or [notify] in tabib.toml.",
            )
        ends = await asyncio.gather(*(self._try(one) for _, _, one in wanted))
        return [
            {
                "destination": masked,
                "project": scope or None,
                "delivered": end.delivered,
                "why": end.why or None,
                "seconds": end.seconds,
            }
            for (scope, masked, _), end in zip(wanted, ends, strict=True)
        ]

    async def _try(self, url: str) -> Delivery:
        tools = self._tools
        at = f" on {tools.hostname}" if tools.hostname else ""
        now = tools.clock.now().strftime("%Y-%m-%d %H:%M:%S UTC")
        message = Message(title=f"[tabib] test{at}", body=f"TEST: {_TEST}\nSent {now}.")
        why = await tools.notifier.check(url)
        return (
            Delivery(delivered=False, why=why) if why else await tools.notifier.send(url, message)
        )
