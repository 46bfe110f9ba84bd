"""``down`` where the engine does not play along."""

from __future__ import annotations

from support.projects import project, service
from support.site import House
from support.story import story
from tabib.model.errors import Conflict
from tabib.model.plan import Verb

TALE = project(service("web"))


@story
async def test_a_network_that_the_engine_keeps_fails_nothing(house: House) -> None:
    """Engines lose count of a network's endpoints (seen on 20.10): the project is down all the
    same, and comes up again on the network that is left."""
    async with house.daemon() as daemon:
        await daemon.up(TALE)
        house.world.faults.fail(
            Conflict("the network has active endpoints"), verb=Verb.REMOVE_NETWORK, times=1
        )
        result = await daemon.down(TALE.name, project=TALE)
        assert result["removed"] == ["tale-web-1"]
        observed = await daemon.tools.engine.observe()
        assert not observed.containers
        assert await daemon.tools.journal.care(daemon.tools.info.id, TALE.name) is None
        again = await daemon.up(TALE)
        assert again["containers"]["running"] == 1
