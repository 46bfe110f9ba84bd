"""One look at the engine serves all who take one now and then."""

from __future__ import annotations

from support.projects import project, service
from support.site import House
from support.story import story

TALE = project(service("web"), service("db"))


@story
async def test_a_look_is_shared_for_a_moment(house: House) -> None:
    async with house.daemon() as daemon:
        await daemon.up(TALE)
        glance = daemon.tools.glance
        first = await glance.look()
        assert await glance.look() is first
        assert await glance.look(anew=True) is not first
        newest = await glance.look()
        await daemon.passes(3)
        assert await glance.look() is not newest


@story
async def test_all_wake_at_the_same_time(house: House) -> None:
    async with house.daemon() as daemon:
        glance, clock = daemon.tools.glance, daemon.clock
        before = clock.monotonic() + glance.due_in()
        await daemon.passes(7.5)
        assert round(clock.monotonic() + glance.due_in(), 6) == round(before, 6)
        assert 0 < glance.due_in() <= 30
