"""The last lines of every container in care: bounded work, redacted, kept after its removal."""

from __future__ import annotations

from support.projects import project, service
from support.site import House
from support.story import story
from tabib.engines.memory import Program, by_hand
from tabib.operations.tails import FLOOD_LINES, FLOOD_PAUSE_S, TAIL_LINES

TALE = project(service("web"))


@story
async def test_a_flood_is_read_now_and_then_and_its_newest_lines_are_kept(house: House) -> None:
    flood = [(3.0 + n / 100_000, f"line {n}") for n in range(10 * FLOOD_LINES)]
    house.world.programs.set(Program(log=flood), service="web")
    async with house.daemon() as daemon:
        await daemon.up(TALE)
        identity = (await daemon.tools.engine.look("tale-web-1")).id
        await daemon.passes(5)
        tail = daemon.site.record.tail(identity)
        # Let go in the middle of it: what followed has not been read yet.
        assert len(tail) == TAIL_LINES
        assert int(tail[-1].split()[1]) < 3 * FLOOD_LINES
        await daemon.passes(FLOOD_PAUSE_S + 2)
        assert daemon.site.record.tail(identity)[-1] == f"line {len(flood) - 1}"


@story
async def test_lines_are_redacted_and_outlive_their_container(house: House) -> None:
    house.world.programs.set(Program(log=["ready", "password=hunter2"]), service="web")
    async with house.daemon() as daemon:
        await daemon.up(TALE)
        identity = (await daemon.tools.engine.look("tale-web-1")).id
        await daemon.passes(5)
        await by_hand.docker_rm(house.world, "tale-web-1", force=True)
        tail = daemon.site.record.tail(identity)
        assert tail[0] == "ready"
        assert "hunter2" not in tail[1]
