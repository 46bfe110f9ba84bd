"""The engines of one daemon."""

from __future__ import annotations

import asyncio
import json
import resource
from pathlib import Path
from typing import Any

import structlog

from tabib.model.errors import EngineUnavailable, TabibError
from tabib.model.settings import BackupSettings
from tabib.model.wire import EndpointAddress
from tabib.operations.site import Site
from tabib.operations.tasks import spawn
from tabib.ports import Clock, Notifier
from tabib.wiring.site import build_site, connect
from tabib.wiring.stores import Stores

log = structlog.get_logger("tabib.wiring")

_RECORDED = "recorded-engines"
"""The setting in the journal that lists the endpoints of engines that are recorded."""


class EngineSites:
    """The sites of one daemon: an engine is connected on first use and cared for from then on."""

    def __init__(
        self,
        stores: Stores,
        clock: Clock,
        group: asyncio.TaskGroup,
        *,
        acts: bool,
        refused: str,
        notifier: Notifier | None = None,
        backup: BackupSettings | None = None,
    ) -> None:
        self._stores = stores
        self._clock = clock
        self._group = group
        self._acts = acts
        self._refused = refused
        self._notifier = notifier
        self._backup = backup
        self._sites: dict[str, Site] = {}
        self._opening = asyncio.Lock()

    @property
    def known(self) -> list[Site]:
        return list(self._sites.values())

    async def get(self, address: EndpointAddress) -> Site:
        """The site of an endpoint.

        :raises EngineUnavailable: the engine does not answer.
        """
        async with self._opening:
            site = self._sites.get(address.url)
            if site is None:
                site = await self._open(address)
                self._sites[address.url] = site
        if not site.tools.watch.connected.is_set():
            # The stream is being connected again; the engine may be down: let it say so.
            await site.tools.engine.info()
        return site

    async def restore(self) -> None:
        """Connect to every engine that has projects in care or was recorded; those that are down
        are retried."""
        records = await self._stores.journal.all_care()
        addresses = {
            record.endpoint["url"]: EndpointAddress(**record.endpoint) for record in records
        }
        for url in await self._recorded():
            addresses.setdefault(url, EndpointAddress(url=url))
        for address in addresses.values():
            spawn(self._group, self._restore(address), "connect")

    async def _recorded(self) -> list[str]:
        """Engines of this machine that were recorded before, and whose socket is still there."""
        if self._stores.recording is None:
            return []
        kept = await self._stores.journal.get_setting(_RECORDED) or "[]"
        return [url for url in json.loads(kept) if Path(url.removeprefix("unix://")).exists()]

    async def _remember(self, address: EndpointAddress) -> None:
        """Record the engine from the next start on, whether anything is in care there or not."""
        known = await self._recorded()
        if not address.url.startswith("unix://") or address.url in known:
            return
        if self._stores.recording is not None:
            await self._stores.journal.put_setting(_RECORDED, json.dumps([*known, address.url]))

    async def _restore(self, address: EndpointAddress) -> None:
        pause_s = 0.5
        while True:
            try:
                await self.get(address)
                return
            except EngineUnavailable as error:
                log.warning("engine.unavailable", endpoint=address.url, why=error.happened)
            except TabibError as error:
                log.error("engine.not_cared_for", endpoint=address.url, why=str(error))
            await self._clock.sleep(pause_s)
            pause_s = min(10.0, pause_s * 2)

    async def _open(self, address: EndpointAddress) -> Site:
        engine = await connect(address)
        try:
            site = await build_site(
                engine,
                address,
                self._stores,
                self._clock,
                self._group,
                acts=self._acts,
                refused=self._refused,
                notifier=self._notifier,
                backup=self._backup,
            )
        except BaseException:
            await engine.close()
            raise
        await site.tools.watch.connected.wait()
        await self._remember(address)
        return site

    def status(self) -> dict[str, Any]:
        """Facts of the state folder and this process."""
        state = self._stores.state
        figures = state.status()
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return {
            "state": {
                "dir": str(state.path),
                "installation": state.installation,
                "journal_bytes": self._stores.journal.size_bytes(),
                "reserve_bytes": figures.reserve_bytes,
                "free_bytes": figures.free_bytes,
                "mode": figures.mode,
            },
            "memory_bytes": _memory_bytes(),
            "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 2),
        }

    async def flush(self) -> None:
        """Write what the recorders still have in memory."""
        for site in self.known:
            if site.tools.monitor is not None:
                await site.tools.monitor.flush()

    async def close(self) -> None:
        for site in self.known:
            if site.tools.monitor is not None:
                site.tools.monitor.close()
            await site.tools.engine.close()


def _memory_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * resource.getpagesize()
