"""One engine with everything that watches, cares for and records it."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable

from tabib.model.errors import UsageError
from tabib.model.settings import BackupSettings
from tabib.model.wire import EndpointAddress
from tabib.operations.actions import Actions
from tabib.operations.backups.drill import drill
from tabib.operations.backups.kinds.holding_still import let_go_left
from tabib.operations.backups.leftovers import Leftovers
from tabib.operations.backups.schedule import Schedule
from tabib.operations.care import Care
from tabib.operations.glance import Glance
from tabib.operations.guard import find_owner, keep_owning, let_go
from tabib.operations.record import Record
from tabib.operations.resume import Resume
from tabib.operations.secrets import Secrets
from tabib.operations.site import Site
from tabib.operations.tasks import keep_running, spawn
from tabib.operations.tools import Ownership, Tools
from tabib.operations.watch import Watch
from tabib.ports import Clock, Engine, Notifier
from tabib.wiring.backups import build_backups, build_litestream, build_wal
from tabib.wiring.recorder import build_recorder
from tabib.wiring.stores import Stores


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
    notifier: Notifier | None = None,
    backup: BackupSettings | None = None,
) -> Site:
    """Everything that watches and cares for a connected engine; its tasks live in ``group``.
    ``backup`` None: no data is copied.

    :raises EngineUnavailable: the engine does not answer.
    """
    watch = Watch(engine, clock)
    info = await engine.info()
    tools = Tools(
        engine=engine,
        info=info,
        address=address,
        journal=stores.journal,
        vault=stores.vault,
        clock=clock,
        state=stores.state,
        watch=watch,
        actions=Actions(),
        glance=Glance(engine, clock),
        new_id=new_id,
        secrets=Secrets(here=info.local and address.url.startswith("unix://")),
        ownership=Ownership(refused=refused),
        notifier=notifier,
        backups=build_backups(engine, info, stores, clock, backup) if backup else None,
    )
    await (keep_owning(tools) if acts else find_owner(tools))
    resume, leftovers = Resume(tools), Leftovers(tools)
    if acts:
        # A death between the end of the last project's care and this: nothing is owned for nothing.
        await let_go(tools)
        await leftovers.recall()
        await resume.recall()
        await let_go_left(tools)
    record = Record(tools, group)
    care = Care(tools, record, group, acts=acts)
    if stores.recording is not None:
        recorder = build_recorder(tools, stores.recording, care, group)
        tools.monitor = recorder
        recorder.start()
    watch.on_event = care.on_event
    watch.on_resync = care.after_gap
    watch.on_lost = care.resync.lost
    tools.on_refused = care.on_refused
    tools.on_unreadable = care.data.on_unreadable
    tools.on_copied = lambda project: care.data.soon(project, "")
    keep_running(group, watch.run, f"watch {address.url}", clock)
    if acts:
        keep_running(group, care.run, f"care {address.url}", clock)
        spawn(group, _look_back(leftovers, resume), f"resume {address.url}")
        if tools.backups is not None:
            schedule = Schedule(tools, drill=drill)
            keep_running(group, schedule.run, f"backups {address.url}", clock)
            keep_running(group, build_wal(tools).run, f"logs {address.url}", clock)
            keep_running(group, build_litestream(tools).run, f"replicas {address.url}", clock)
    return Site(tools=tools, record=record, care=care)


async def _look_back(leftovers: Leftovers, resume: Resume) -> None:
    """What was cut off is completed on data that is whole."""
    await leftovers.clear()
    await resume.run()
