"""Projects that somebody else brought up, taken into care as they are."""

from __future__ import annotations

from support import plans
from support.projects import HEALTHY, after, project, service
from support.site import Daemon, House
from support.story import story
from tabib.engines.memory import Program, by_hand
from tabib.model.incident import Incident

DB = service("db", check=True, volumes={"/data": "data"}, anonymous=["/anon"])
API = service("api", depends_on=after("db", condition=HEALTHY), check=True)
SHOP = project(DB, API, service("web", anonymous=["/cache"], ports=[8001]))
WORKERS = project(service("worker"))
CALM_S = 90.0


def status(house: House) -> dict[str, str]:
    return {name: house.world.container(name).status for name in sorted(plans.ids(house.world))}


def acted(incident: Incident) -> bool:
    return any(one.outcome not in ("offered", "refused") for one in incident.treatments)


RUNNING = {"tale-api-1": "running", "tale-db-1": "running", "tale-web-1": "running"}


async def compose_runs(house: House) -> None:
    """The project runs, brought up by somebody else."""
    async with house.daemon(state="other") as other:
        await other.up(SHOP)
        await other.passes(5)
        await other.tools.engine.unclaim()


@story
async def test_adopted_nothing_is_recreated_and_what_is_removed_comes_back_as_it_was(
    house: House,
) -> None:
    await compose_runs(house)
    before, mounts = plans.ids(house.world), plans.mounts(house.world)
    labels = dict(house.world.container("tale-db-1").labels)
    async with house.daemon() as daemon:
        await daemon.adopt("tale")
        await daemon.passes(10)
        assert plans.ids(house.world) == before
        await by_hand.docker_rm(house.world, "tale-db-1", force=True)
        await daemon.passes(CALM_S)
        assert [one.outcome for one in await daemon.incidents()] == ["recovered"]
        again = house.world.container("tale-db-1")
        assert again.labels == labels
        assert plans.mounts(house.world) == mounts
        assert status(house) == RUNNING
        by_hand.main_process_dies(house.world, "tale-web-1", 1)
        await daemon.passes(CALM_S)
    assert status(house) == RUNNING


@story
async def test_adopted_then_up_changes_nothing(house: House) -> None:
    await compose_runs(house)
    before = plans.ids(house.world)
    async with house.daemon() as daemon:
        await daemon.adopt("tale")
        answer = await daemon.up(SHOP)
        assert answer["changed"] is False
        assert not (await daemon.care("tale")).adopted
    assert plans.ids(house.world) == before


@story
async def test_adopted_to_be_observed_it_is_only_observed(house: House) -> None:
    await compose_runs(house)
    async with house.daemon() as daemon:
        await daemon.adopt("tale", mode="observe")
        by_hand.main_process_dies(house.world, "tale-web-1", 1)
        await daemon.passes(CALM_S)
        assert not any(acted(one) for one in await daemon.incidents())
        assert status(house)["tale-web-1"] == "exited"
        await daemon.adopt("tale", mode="act")
        await _restarted(daemon, house)


async def _restarted(daemon: Daemon, house: House) -> None:
    """Adopted anew to be acted upon: what is down then is taken to be so on purpose."""
    assert (await daemon.care("tale")).halted == {"tale-web-1": "stopped"}
    house.world.programs.set(Program(), service="web")
    await daemon.act("start", "tale", "web")
    by_hand.main_process_dies(house.world, "tale-web-1", 1)
    await daemon.passes(CALM_S)
    assert status(house) == RUNNING
