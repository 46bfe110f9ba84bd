"""The inventory: what cannot wait is inspected at once, whatever waits beside it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from support.projects import project, service
from support.site import Daemon, House
from support.story import story
from tabib.model.container import LABEL_ONEOFF, LABEL_PROJECT
from tabib.model.event import Event
from tabib.operations.monitor.inventory import PATIENCE_S, Inventory
from tabib.stores.series.store import SqliteSeries

SHOP = project(service("a"), service("b"), service("c"), service("d"))
NAMES = [f"tale-{one}-1" for one in "abcd"]


def started(daemon: Daemon, house: House, name: str, **labels: str) -> Event:
    now = daemon.clock.now()
    found = house.world.container(name)
    stamp = int(now.timestamp() * 1e9)
    return Event(
        at=now, time_ns=stamp, kind="container", action="start", id=found.id, name=name,
        attributes=labels,
    )  # fmt: skip


async def inventory(daemon: Daemon, folder: Path, group: asyncio.TaskGroup) -> Inventory:
    series = await SqliteSeries.open(folder, floor_bytes=0, reserve_bytes=0)
    made = Inventory(daemon.tools, daemon.clock.holding(series))
    group.create_task(made.run())
    group.create_task(made.run_patient())
    return made


class _Over(Exception):
    pass


async def watched(daemon: Daemon, house: House, folder: Path) -> None:
    project = {LABEL_PROJECT: "tale"}
    try:
        async with asyncio.TaskGroup() as group:
            made = await inventory(daemon, folder, group)
            daemon.tools.ownership.acting += 1
            with daemon.tools.actions.at_work():
                made.on_event(started(daemon, house, NAMES[0], **project))
                made.on_event(started(daemon, house, NAMES[1], **project))
                made.on_event(started(daemon, house, NAMES[2]))
                once = {**project, LABEL_ONEOFF: "True"}
                made.on_event(started(daemon, house, NAMES[3], **once))
                await daemon.passes(PATIENCE_S / 4)
                ids = [house.world.container(name).id for name in NAMES]
                # A stranger's, and one that runs once, may be gone in a moment.
                assert [made.inspected(id) for id in ids] == [False, False, True, True]
                await daemon.passes(PATIENCE_S)
                assert all(made.inspected(id) for id in ids)
            raise _Over
    except* _Over:
        pass


@story
async def test_nobody_waits_behind_what_can_wait(house: House) -> None:
    async with house.daemon() as daemon:
        await daemon.up(SHOP)
        await watched(daemon, house, house.folder)
