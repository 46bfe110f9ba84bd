"""Where the engine's files are out of reach its stream is followed: once, bounded, and told."""

from __future__ import annotations

import asyncio

from support.projects import project, service
from support.site import House
from support.story import story
from tabib.decide.redact import Redactor
from tabib.engines.memory import Program
from tabib.operations.monitor.log_keeper import LogKeeper
from tabib.operations.monitor.log_stream import FLOOD_PAUSE_S, HELD_LINES
from tabib.stores.logs import SqliteLogs

TALE = project(service("web"))


@story
async def test_a_stream_that_floods_is_let_go_and_taken_up_again(house: House) -> None:
    count = 3 * HELD_LINES
    flood = [(3.0 + n / 100_000, f"line {n}") for n in range(count)]
    house.world.programs.set(Program(log=flood), service="web")
    async with house.daemon() as daemon, asyncio.TaskGroup() as group:
        await daemon.up(TALE)
        tools = daemon.tools
        store = await SqliteLogs.open(tools.state.path, tools.clock, floor_bytes=0)
        identity = (await tools.engine.look("tale-web-1")).id
        keeper = LogKeeper(
            tools.engine, store, tools.clock, group, "e", lambda _: Redactor.knowing()
        )
        keeper.watch(identity, "tale-web-1", "local")
        await keeper.collect()
        await daemon.passes(5)
        await keeper.collect()
        await daemon.passes(FLOOD_PAUSE_S + 2)
        await keeper.collect()
        lines = await store.tail("e", [identity])
        own = [int(line.text.split()[1]) for line in lines if line.stream != "tabib"]
        assert own == sorted(set(own))
        assert HELD_LINES <= len(own) < count
        assert own[-1] == count - 1
        assert [line.stream for line in lines].count("tabib") == 1
        assert keeper.bytes(identity) is None
        keeper.close()
        await store.close()
