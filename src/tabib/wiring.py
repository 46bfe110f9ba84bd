"""The only place that names adapters: builds the Tools that operations work with."""

from __future__ import annotations

import asyncio
import resource
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog

from tabib.host.clock import SystemClock
from tabib.model.errors import EngineUnavailable, TabibError, UsageError
from tabib.model.wire import EndpointAddress
from tabib.operations.actions import Actions
from tabib.operations.care import Care
from tabib.operations.guard import find_owner, keep_owning, let_go
from tabib.operations.record import Record
from tabib.operations.resume import Resume
from tabib.operations.site import Site
from tabib.operations.tasks import keep_running, spawn
from tabib.operations.tools import Ownership, Tools
from tabib.operations.watch import Watch
from tabib.ports import Clock, Engine
from tabib.stores.journal import SqliteJournal
from tabib.stores.state import StateDir
from tabib.stores.vault import SqliteVault, open_vault

log = structlog.get_logger("tabib.wiring")


class Stores:
    """The open state folder with its journal and vault."""

    def __init__(self, state: StateDir, journal: SqliteJournal, vault: SqliteVault) -> None:
        self.state = state
        self.journal = journal
        self.vault = vault

    @classmethod
    async def open(cls, state: StateDir, clock: Clock) -> Stores:
        """Open (and where needed migrate) everything in the state folder.

        :raises StateUnusable: full, read-only, damaged, or of a newer version.
        """
        journal = await SqliteJournal.open(state.path, clock, on_full=state.give_up_reserve)
        vault = await open_vault(state.path, on_full=state.give_up_reserve)
        return cls(state, journal, vault)

    async def close(self) -> None:
        await self.journal.close()
        await self.vault.close()


async def connect(address: EndpointAddress) -> Engine:
    """The adapter for an endpoint, connected.

    :raises EngineUnavailable: it does not answer.
    :raises UsageError: no adapter knows such an endpoint.
    """
    scheme = address.url.partition("://")[0]
    if scheme in ("unix", "tcp", "http", "https", "ssh"):
        from tabib.engines.docker import connect as connect_docker

        return await connect_docker(address)
    raise UsageError(
        f"tabib has no engine for {scheme}://",
        attempted="connect to",
        target=address.url,
        advice="Use unix://, tcp:// or ssh://, or a docker context.",
    )


class EngineSites:
    """The sites of one daemon: an engine is connected on first use and cared for from then on."""

    def __init__(
        self, stores: Stores, clock: Clock, group: asyncio.TaskGroup, *, acts: bool, refused: str
    ) -> None:
        self._stores = stores
        self._clock = clock
        self._group = group
        self._acts = acts
        self._refused = refused
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
        """Connect to every engine that has projects in care; those that are down are retried."""
        records = await self._stores.journal.all_care()
        addresses = {record.endpoint["url"]: record.endpoint for record in records}
        for endpoint in addresses.values():
            spawn(self._group, self._restore(EndpointAddress(**endpoint)), "connect")

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
            )
        except BaseException:
            await engine.close()
            raise
        await site.tools.watch.connected.wait()
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

    async def close(self) -> None:
        for site in self.known:
            await site.tools.engine.close()


async def build_site(
    engine: Engine,
    address: EndpointAddress,
    stores: Stores,
    clock: Clock,
    group: asyncio.TaskGroup,
    *,
    acts: bool = True,
    refused: str = "",
    new_id: Callable[[], str] = lambda: secrets.token_hex(6),
) -> Site:
    """Everything that watches and cares for a connected engine; its tasks live in ``group``.

    :raises EngineUnavailable: the engine does not answer.
    """
    watch = Watch(engine, clock)
    tools = Tools(
        engine=engine,
        info=await engine.info(),
        address=address,
        journal=stores.journal,
        vault=stores.vault,
        clock=clock,
        state=stores.state,
        watch=watch,
        actions=Actions(),
        new_id=new_id,
        ownership=Ownership(refused=refused),
    )
    await (keep_owning(tools) if acts else find_owner(tools))
    resume = Resume(tools)
    if acts:
        # A death between the end of the last project's care and this: nothing is owned for nothing.
        await let_go(tools)
        await resume.recall()
    record = Record(tools, group)
    care = Care(tools, record, group, acts=acts)
    watch.on_event = care.on_event
    watch.on_resync = care.after_gap
    watch.on_lost = care.resync.lost
    keep_running(group, watch.run, f"watch {address.url}", clock)
    if acts:
        keep_running(group, care.run, f"care {address.url}", clock)
        spawn(group, resume.run(), f"resume {address.url}")
    return Site(tools=tools, record=record, care=care)


def _memory_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * resource.getpagesize()


def system_clock() -> Clock:
    return SystemClock()
