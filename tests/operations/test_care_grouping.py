"""One incident for each cause: symptoms go under it, wait for it, and end with it."""

from __future__ import annotations

from support.patients import CALM_S, DB, DIES, SHOP, acted, look, only_incident, settled
from support.projects import HEALTHY, after, project, service
from support.site import Daemon, House
from support.story import story
from tabib.engines.memory import Program, by_hand
from tabib.model.event import Event
from tabib.model.incident import Incident


async def by_service(daemon: Daemon) -> dict[str, Incident]:
    return {one.service: one for one in await daemon.incidents()}


def cured_by_restart(house: House, daemon: Daemon, *, with_it: tuple[str, ...] = ()) -> None:
    """A restart of db makes it healthy, and with it those that need it."""

    def cured(event: Event) -> None:
        if event.action == "start" and event.name == "tale-db-1":
            for name in ("tale-db-1", *with_it):
                by_hand.make_healthy(house.world, name, None)

    daemon.listen(cured)


@story
async def test_a_symptom_goes_under_its_cause_and_is_closed_with_it(house: House) -> None:
    async with house.daemon() as daemon:
        await settled(daemon, SHOP)
        cured_by_restart(house, daemon, with_it=("tale-api-1",))
        by_hand.make_healthy(house.world, "tale-db-1", False)
        by_hand.make_healthy(house.world, "tale-api-1", False)
        await daemon.passes(CALM_S)
        found = await by_service(daemon)
        db, api = found["db"], found["api"]
        assert (api.parent, api.cause.service, db.parent) == (db.id, "db", "")
        assert (db.outcome, api.outcome) == ("recovered", "recovered")
        assert not acted(api)
        assert db.closed_at is not None
        assert api.closed_at is not None
        assert db.closed_at >= api.closed_at


@story
async def test_a_symptom_found_first_goes_under_the_cause_found_later(house: House) -> None:
    chain = project(
        DB,
        service("api", depends_on=after("db", condition=HEALTHY), check=True),
        service("front", depends_on=after("api", condition=HEALTHY), check=True),
    )
    async with house.daemon() as daemon:
        await settled(daemon, chain)
        cured_by_restart(house, daemon, with_it=("tale-api-1", "tale-front-1"))
        by_hand.make_healthy(house.world, "tale-front-1", False)
        await daemon.until(lambda: daemon.incidents())
        by_hand.make_healthy(house.world, "tale-db-1", False)
        by_hand.make_healthy(house.world, "tale-api-1", False)
        await daemon.passes(CALM_S)
        found = await by_service(daemon)
        assert {one.outcome for one in found.values()} == {"recovered"}
        assert found["front"].parent == found["api"].parent == found["db"].id
        assert [one.kind for one in found["front"].timeline].count("grouped") >= 1
        assert not acted(found["api"])


@story
async def test_a_dependency_whose_check_begins_to_fail_is_waited_for(house: House) -> None:
    """Its own check takes longer to call it unhealthy than that of what needs it."""
    slow = {"test": ["CMD", "true"], "interval": "1s", "timeout": "1s", "retries": 8}
    shop = project(
        service("db", healthcheck=slow),
        service("api", depends_on=after("db", condition=HEALTHY), check=True),
    )
    async with house.daemon() as daemon:
        await settled(daemon, shop)
        cured_by_restart(house, daemon, with_it=("tale-api-1",))
        by_hand.make_healthy(house.world, "tale-db-1", False)
        by_hand.make_healthy(house.world, "tale-api-1", False)
        await daemon.passes(CALM_S)
        found = await by_service(daemon)
        assert found["api"].parent == found["db"].id
        assert found["api"].treatments == ()
        assert {one.outcome for one in found.values()} == {"recovered"}


@story
async def test_what_died_of_its_dependency_is_started_once_that_is_well(house: House) -> None:
    """And not before: it would only die again."""
    refused = Program(
        exit_code=1, after_s=20.0, log=[(19.9, "connect to db:5432: Connection refused")]
    )
    house.world.programs.set(refused, Program(), service="api")
    shop = project(DB, service("api", depends_on=after("db", condition=HEALTHY)))
    async with house.daemon() as daemon:
        await settled(daemon, shop)
        by_hand.make_healthy(house.world, "tale-db-1", False)
        await daemon.until(lambda: daemon.incidents())
        await daemon.passes(40)
        assert not acted((await by_service(daemon))["api"])
        by_hand.make_healthy(house.world, "tale-db-1", None)
        await daemon.passes(CALM_S * 2)
        found = await by_service(daemon)
        db, api = found["db"], found["api"]
        assert api.parent == db.id
        assert [one.outcome for one in api.treatments] == ["verified"]
        well = next(one for one in db.timeline if one.kind == "health")
        assert api.treatments[0].started_at >= well.at
        assert {one.outcome for one in found.values()} == {"recovered"}


@story
async def test_slots_that_die_of_the_same_are_one_incident_and_each_is_treated(
    house: House,
) -> None:
    many = project(service("w", expose=["80"]))
    house.world.programs.set(DIES, Program(), service="w")
    async with house.daemon() as daemon:
        await daemon.up(many, scale={"w": 3})
        await daemon.passes(CALM_S)
        found = await daemon.incidents()
        assert len(found) == 3
        assert {one.outcome for one in found} == {"recovered"}
        assert len({one.parent or one.id for one in found}) == 1
        for name in ("tale-w-1", "tale-w-2", "tale-w-3"):
            assert (await look(daemon, name)).status == "running"


@story
async def test_its_own_fault_is_no_symptom(house: House) -> None:
    """Killed from outside while what it needs is in trouble: started at once."""
    shop = project(DB, service("api", depends_on=after("db"), expose=["80"]))
    async with house.daemon() as daemon:
        await settled(daemon, shop)
        by_hand.make_healthy(house.world, "tale-db-1", False)
        await daemon.until(lambda: daemon.incidents())
        by_hand.main_process_dies(house.world, "tale-api-1", 137)
        await daemon.passes(20)
        api = (await by_service(daemon))["api"]
        assert (api.parent, api.outcome) == ("", "recovered")


@story
async def test_coming_back_it_is_reopened_and_from_three_times_on_flapping(house: House) -> None:
    house.world.programs.set(Program(exit_code=1, after_s=400.0), service="web")
    async with house.daemon() as daemon:
        await settled(daemon)
        await daemon.passes(500)
        once = await only_incident(daemon)
        assert (once.reopened, once.severity) == (0, "error")
        await daemon.passes(1300)
        often = await only_incident(daemon)
        assert often.reopened >= 3
        assert often.severity == "critical"
        assert "keeps coming back" in often.advice
        kinds = [one.kind for one in often.timeline if one.kind != "note"]
        assert kinds[:4] == ["trouble", "sealed", "diagnosed", "treatment"]
        assert kinds.count("reopened") == often.reopened
        assert sorted(often.timeline, key=lambda one: one.at) == list(often.timeline)


@story
async def test_a_restart_of_the_engine_is_one_incident_over_all_projects(house: House) -> None:
    other = project(service("lone", expose=["80"]), name="other")
    async with house.daemon() as daemon:
        await settled(daemon, SHOP)
        await daemon.up(other)
        await daemon.passes(5)
        await by_hand.restart_engine(house.world, down_s=5.0, killed=True)
        await daemon.passes(CALM_S)
        found = await daemon.incidents()
        assert {one.cause.code for one in found} == {"engine.restarted"}
        assert {one.project for one in found} == {"tale", "other"}
        assert {one.outcome for one in found} == {"recovered"}
        assert len({one.parent or one.id for one in found}) == 1
        assert all(one.treatments[-1].outcome == "verified" for one in found)
