"""The newest figures of every engine, sent to a receiver now and then."""

from __future__ import annotations

import asyncio

import structlog

from tabib.decide.write_request import write_request
from tabib.model.errors import TabibError
from tabib.operations.recorded.exposed import exposed
from tabib.operations.site import Site, Sites
from tabib.ports import Clock, Receiver

log = structlog.get_logger("tabib.sending")


class Sending:
    """Sends for ever. While the receiver does not take them, figures are let go: the store has
    them. That is logged once, and once more when it takes them again."""

    def __init__(self, sites: Sites, receiver: Receiver, clock: Clock, interval_s: float) -> None:
        self._sites = sites
        self._receiver = receiver
        self._clock = clock
        self._interval_s = interval_s
        self._failing = False

    async def run(self) -> None:
        while True:
            await self._clock.sleep(self._interval_s)
            for site in self._sites.known:
                if site.monitor is not None:
                    await self._send(site)

    async def _send(self, site: Site) -> None:
        try:
            families = await exposed(site)
            at_ms = int(self._clock.now().timestamp() * 1000)
            labels = {"job": "tabib", "instance": site.tools.info.hostname or site.tools.info.id}
            body = await asyncio.to_thread(write_request, families, at_ms, labels)
            await self._receiver.send(body)
        except TabibError as error:
            if not self._failing:
                log.warning("metrics.not_sent", why=str(error))
            self._failing = True
            return
        if self._failing:
            log.info("metrics.sent_again")
        self._failing = False
