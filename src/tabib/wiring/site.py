"""One engine with everything that watches, cares for and records it."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable

from tabib.model.errors import UsageError
from tabib.model.wire import EndpointAddress
from tabib.operations.actions import Actions
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
) -> Site:
    """Everything that watches and cares for a connected engine; its tasks live in ``group``.

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
    )
    await (keep_owning(tools) if acts else find_owner(tools))
    resume = Resume(tools)
    if acts:
        # A death between the end of the last project's care and this: nothing is owned for nothing.
        await let_go(tools)
        await resume.recall()
    record = Record(tools, group)
    care = Care(tools, record, group, acts=acts)
    if stores.recording is not None:
        recorder = build_recorder(tools, stores.recording, care, group)
        tools.monitor = recorder
        recorder.start()
    watch.on_event = care.on_event
    watch.on_resync = care.after_gap
    watch.on_lost = care.resync.lost
    keep_running(group, watch.run, f"watch {address.url}", clock)
    if acts:
        keep_running(group, care.run, f"care {address.url}", clock)
        spawn(group, resume.run(), f"resume {address.url}")
    return Site(tools=tools, record=record, care=care)
