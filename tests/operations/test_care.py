"""Care as stories: something happens to a container, and this is what tabib makes of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from support import plans
from support.projects import HEALTHY, after, project, service
from support.site import Daemon, House
from support.story import story
from tabib.engines.memory import Program, by_hand
from tabib.model.container import ContainerState
from tabib.model.errors import EngineError, NotHealthy
from tabib.model.event import Event
from tabib.model.incident import Incident
from tabib.model.project import FileObject, Project

WEB = service("web", anonymous=["/cache"], ports=[8001])
ALONE = project(WEB)
DB = service("db", check=True, volumes={"/data": "data"}, anonymous=["/anon"])
SHOP = project(DB, service("api", depends_on=after("db", condition=HEALTHY), check=True), WEB)
DIES = Program(exit_code=1, after_s=20.0)
ONCE = (DIES, Program())
CALM_S = 90.0


async def only_incident(daemon: Daemon, outcome: str = "") -> Incident:
    found = await daemon.incidents()
    assert len(found) == 1, [(one.container, one.cause.code, one.outcome) for one in found]
    assert not outcome or found[0].outcome == outcome, found[0]
    return found[0]


async def look(daemon: Daemon, name: str) -> ContainerState:
    return await daemon.tools.engine.look(name)


async def settled(daemon: Daemon, project: Project = ALONE) -> None:
    """It is up, and has been for long enough to be on record."""
    await daemon.up(project)
    await daemon.passes(5)


# ── what is shown ──────────────────────────────────────────────────────────────────────────────


@story
async def test_a_failing_up_shows_no_secret(house: House) -> None:
    house.world.programs.set(
        Program(exit_code=3, after_s=1.0, log=["cannot log in with hunter2hunter2"]), service="web"
    )
    secretive = service("web", environment={"DB_PASSWORD": "hunter2hunter2"}, restart="no")
    async with house.daemon() as daemon:
        with pytest.raises(NotHealthy, match="cannot log in with") as failed:
            await daemon.up(
                project(secretive, service("api", depends_on=after("web", condition=HEALTHY)))
            )
    assert "hunter2" not in str(failed.value.to_wire())


@story
async def test_a_failing_up_shows_no_secret_of_a_file(house: House, folder: Path) -> None:
    (folder / "token").write_text("swordfish-7\n", encoding="utf-8")
    house.world.programs.set(
        Program(exit_code=3, after_s=1.0, log=["no entry for swordfish-7 here"]), service="web"
    )
    secret = FileObject(key="token", name="tale_token", file=str(folder / "token"))
    waiting = service("api", depends_on=after("web", condition=HEALTHY))
    async with house.daemon() as daemon:
        with pytest.raises(NotHealthy, match="no entry for") as failed:
            await daemon.up(
                project(service("web", restart="no"), waiting, secrets={"token": secret})
            )
    assert "swordfish" not in str(failed.value.to_wire())


@story
async def test_a_key_printed_line_by_line_is_in_no_case(house: House) -> None:
    """The container is gone: what is known is what was followed while it ran."""
    key = ["-----BEGIN PRIVATE KEY-----", "MIIEvQIBADANBgkqhkiG9w", "-----END PRIVATE KEY-----"]
    house.world.programs.set(Program(log=["before", *key, "x" * 100_000]), service="web")
    async with house.daemon() as daemon:
        await settled(daemon)
        await by_hand.docker_rm(house.world, "tale-web-1", force=True)
        await daemon.passes(CALM_S)
        case = await daemon.case(await only_incident(daemon))
    assert case.log_tail is not None
    assert case.log_tail[0] == "before"
    assert not any("MIIEvQ" in line for line in case.log_tail)
    assert max(len(line) for line in case.log_tail) < 5_000


# ── failure ────────────────────────────────────────────────────────────────────────────────────


@story
async def test_a_crash_is_healed_and_its_case_sealed_before_the_first_action(house: House) -> None:
    house.world.programs.set(*ONCE, service="web")
    async with house.daemon() as daemon:
        await settled(daemon)
        before = (await look(daemon, "tale-web-1")).id
        await daemon.passes(60)
        incident = await only_incident(daemon, "recovered")
        state = await look(daemon, "tale-web-1")
        assert (state.status, state.id) == ("running", before)
        case = await daemon.case(incident)
        assert (case.trigger, case.exit_code) == ("died", 1)
        treatment = incident.treatments[0]
        assert (treatment.action, treatment.outcome) == ("start", "verified")
        own = [one for one in await daemon.entries("intent") if one.at >= case.sealed_at]
        assert [one.data["verb"] for one in own] == ["start_container"]
        assert case.sealed_at <= own[0].at
        assert incident.rto_seconds is not None
        assert incident.rto_seconds < 5


@story
async def test_removed_by_force_it_is_recreated_with_its_anonymous_volumes(house: House) -> None:
    async with house.daemon() as daemon:
        await settled(daemon, SHOP)
        kept, before = plans.mounts(house.world), plans.ids(house.world)
        await by_hand.docker_rm(house.world, "tale-db-1", force=True)
        await daemon.passes(CALM_S)
        await only_incident(daemon, "recovered")
        assert plans.mounts(house.world) == kept
        after_ = plans.ids(house.world)
        changed = {name for name in before if before[name] != after_[name]}
        assert changed == {"tale-db-1"}
        assert (await daemon.up(SHOP))["changed"] is False


@story
async def test_unhealthy_it_is_restarted(house: House) -> None:
    async with house.daemon() as daemon:
        await settled(daemon, SHOP)
        by_hand.make_healthy(house.world, "tale-api-1", False)

        def cured(event: Event) -> None:
            if event.action == "start" and event.name == "tale-api-1":
                by_hand.make_healthy(house.world, "tale-api-1", None)

        daemon.listen(cured)
        await daemon.passes(CALM_S)
        incident = await only_incident(daemon, "recovered")
        assert [one.action for one in incident.treatments] == ["restart"]


@story
async def test_unhealthy_because_of_its_dependency_it_waits_for_that(house: House) -> None:
    async with house.daemon() as daemon:
        await settled(daemon, SHOP)
        by_hand.make_healthy(house.world, "tale-db-1", False)
        by_hand.make_healthy(house.world, "tale-api-1", False)

        def cured(event: Event) -> None:
            if event.action == "start" and event.name == "tale-db-1":
                by_hand.make_healthy(house.world, "tale-db-1", None)
                by_hand.make_healthy(house.world, "tale-api-1", None)

        daemon.listen(cured)
        await daemon.passes(CALM_S)
        found = {one.service: one for one in await daemon.incidents()}
        assert {one.outcome for one in found.values()} == {"recovered"}
        assert [one.action for one in found["db"].treatments] == ["restart"]
        assert found["api"].treatments == ()


@story
async def test_no_restart_storm_when_a_shared_dependency_is_down(house: House) -> None:
    """Three depend on db; db is stopped by hand, and all three turn unhealthy."""
    needs = after("db", condition=HEALTHY)
    many = project(DB, *(service(n, depends_on=needs, check=True) for n in ("a", "b", "c")))
    async with house.daemon() as daemon:
        await settled(daemon, many)
        await by_hand.docker_stop(house.world, "tale-db-1")
        for name in ("a", "b", "c"):
            by_hand.make_healthy(house.world, f"tale-{name}-1", False)
        before = len(await daemon.entries("intent"))
        await daemon.passes(600)
        assert len(await daemon.entries("intent")) == before
        assert {one.service for one in await daemon.incidents()} == {"a", "b", "c"}
        assert all(not _acted(one) for one in await daemon.incidents())


def _acted(incident: Incident) -> bool:
    return any(one.outcome not in ("offered", "refused") for one in incident.treatments)


@story
async def test_with_the_budget_spent_it_is_quarantined_until_a_person_starts_it(
    house: House,
) -> None:
    house.world.programs.set(Program(exit_code=1, after_s=20.0), service="web")
    async with house.daemon() as daemon:
        await settled(daemon)
        await daemon.until(lambda: _halted(daemon, "tale-web-1"), 3000)
        incident = await only_incident(daemon, "needs_human")
        assert [one.action for one in incident.treatments] == ["start"] * 5 + ["quarantine"]
        assert (await look(daemon, "tale-web-1")).status == "exited"
        await daemon.passes(4000)
        assert len((await only_incident(daemon)).treatments) == 6
        house.world.programs.set(Program(), service="web")
        await daemon.act("start", "tale", "web")
        await daemon.passes(60)
        await only_incident(daemon, "recovered")
        assert (await daemon.care("tale")).halted == {}


async def _halted(daemon: Daemon, name: str) -> str:
    return (await daemon.care("tale")).halted.get(name, "")


@story
async def test_a_restart_policy_is_the_engines_turn(house: House) -> None:
    house.world.programs.set(*ONCE, service="web")
    async with house.daemon() as daemon:
        await settled(daemon, project(service("web", restart="unless-stopped")))
        await daemon.passes(CALM_S)
        incident = await only_incident(daemon, "recovered")
        assert not _acted(incident)
        assert (await daemon.case(incident)).exit_code == 1


@story
async def test_a_restart_loop_is_quarantined(house: House) -> None:
    house.world.programs.set(Program(), Program(exit_code=3, after_s=0.2), service="web")
    looping = project(service("web", restart="always"))
    async with house.daemon() as daemon:
        await settled(daemon, looping)
        by_hand.main_process_dies(house.world, "tale-web-1", 3)
        await daemon.until(lambda: _halted(daemon, "tale-web-1"))
        await daemon.passes(CALM_S)
        incident = await only_incident(daemon, "needs_human")
        assert [one.action for one in incident.treatments] == ["quarantine"]
        assert (await look(daemon, "tale-web-1")).status == "exited"


@story
async def test_with_its_network_gone_it_is_recreated_on_a_new_one(house: House) -> None:
    """A network can be pruned from under containers that crashed; they are attached by id."""
    house.world.programs.set(Program(exit_code=1, after_s=20.0), Program(), service="web")
    async with house.daemon() as daemon:
        await settled(daemon)
        kept = plans.anonymous(house.world)
        network = house.world.network("tale_default")
        assert network is not None
        by_hand.main_process_dies(house.world, "tale-web-1", 1)
        house.world.networks.pop(network.id)
        await daemon.passes(CALM_S)
        assert (await look(daemon, "tale-web-1")).status == "running"
        assert plans.anonymous(house.world) == kept
        assert {one.outcome for one in await daemon.incidents()} == {"recovered"}
        assert (await daemon.up(ALONE))["changed"] is False


@story
async def test_slots_are_those_that_exist(house: House) -> None:
    """After a scale-up, the first removed on purpose and one scaled away, the others are cared
    for; and a scaled-down slot is not."""
    many = project(service("w", ports=[], expose=["80"], anonymous=["/cache"]))
    async with house.daemon() as daemon:
        await daemon.up(many, scale={"w": 3})
        await daemon.passes(5)
        await daemon.act("scale", "tale", replicas={"w": 2})
        await daemon.passes(5)
        by_hand.main_process_dies(house.world, "tale-w-2", 1)
        await daemon.passes(CALM_S)
        assert sorted(plans.ids(house.world)) == ["tale-w-1", "tale-w-2"]
        assert (await look(daemon, "tale-w-2")).status == "running"
        await daemon.act("rm", "tale", "w", stop=True)
        await daemon.passes(CALM_S)
        assert plans.ids(house.world) == {}


@story
async def test_what_was_never_brought_up_is_not_missed(house: House) -> None:
    """``up`` of one service says nothing of the others."""
    two = project(WEB, service("other", ports=[8002]))
    async with house.daemon() as daemon:
        await daemon.up(two, "web")
        await daemon.passes(CALM_S * 2)
        assert await daemon.incidents() == []
        await daemon.up(two)
        await daemon.passes(CALM_S)
        by_hand.main_process_dies(house.world, "tale-other-1", 1)
        await daemon.passes(CALM_S)
        await only_incident(daemon, "recovered")


@story
async def test_what_was_only_created_is_not_missed_either(house: House) -> None:
    async with house.daemon() as daemon:
        await daemon.up(ALONE, no_start=True)
        await daemon.passes(CALM_S * 2)
        assert await daemon.incidents() == []
        await daemon.act("start", "tale")
        await daemon.passes(5)
        by_hand.main_process_dies(house.world, "tale-web-1", 1)
        await daemon.passes(CALM_S)
        await only_incident(daemon, "recovered")


@story
async def test_up_of_one_service_lets_only_that_run_again(house: House) -> None:
    """Names that begin alike are told apart, and fixed names are known."""
    many = project(
        service("web", ports=[8001]),
        service("web-admin", ports=[8002]),
        service("db", check=True, container_name="own"),
    )
    async with house.daemon() as daemon:
        await settled(daemon, many)
        await daemon.act("stop", "tale")
        await daemon.up(many, "web")
        assert set((await daemon.care("tale")).halted) == {"tale-web-admin-1", "own"}
        await daemon.up(many, "db")
        assert set((await daemon.care("tale")).halted) == {"tale-web-admin-1"}
        await by_hand.compose_down(house.world, "tale")
        await daemon.passes(CALM_S)
        await daemon.up(many, "web")
        assert set((await daemon.care("tale")).halted) == {"tale-web-admin-1", "own"}
        await daemon.passes(CALM_S)
        assert await daemon.incidents() == []


@story
async def test_a_dependency_that_up_starts_is_cared_for_again(house: House) -> None:
    async with house.daemon() as daemon:
        await settled(daemon, SHOP)
        await daemon.act("stop", "tale")
        await daemon.up(SHOP, "api")
        assert set((await daemon.care("tale")).halted) == {"tale-web-1"}
        await daemon.passes(5)
        by_hand.main_process_dies(house.world, "tale-db-1", 1)
        await daemon.passes(CALM_S)
        assert (await look(daemon, "tale-db-1")).status == "running"


@story
async def test_a_treatment_that_fails_is_tried_again(house: House) -> None:
    house.world.programs.set(*ONCE, service="web")
    async with house.daemon() as daemon:
        await settled(daemon)
        house.world.faults.fail(EngineError("no"), verb="start_container")
        await daemon.passes(CALM_S)
        incident = await only_incident(daemon, "recovered")
        assert [one.outcome for one in incident.treatments] == ["failed", "verified"]


@story
async def test_an_engine_that_stops_answering_during_a_treatment_delays_it(house: House) -> None:
    house.world.programs.set(*ONCE, service="web")
    async with house.daemon() as daemon:
        await settled(daemon)
        house.world.faults.fail(verb="observe", times=3)
        house.world.faults.fail(verb="inspect", times=3)
        await daemon.passes(CALM_S * 2)
        await only_incident(daemon, "recovered")
        assert (await look(daemon, "tale-web-1")).status == "running"


@story
async def test_of_replicas_those_that_exist_are_cared_for(house: House) -> None:
    """A single replica may have any number: the first was removed while there were two."""
    single = project(service("w", expose=["80"]))
    async with house.daemon() as daemon:
        await daemon.up(single, scale={"w": 2})
        await daemon.passes(5)
        await by_hand.docker_stop(house.world, "tale-w-1")
        await daemon.passes(5)
        await by_hand.docker_rm(house.world, "tale-w-1")
        await daemon.passes(5)
        await daemon.up(single, scale={"w": 1})
        await daemon.passes(CALM_S)
        assert list(plans.ids(house.world)) == ["tale-w-2"]
        assert await daemon.incidents() == []
        by_hand.main_process_dies(house.world, "tale-w-2", 1)
        await daemon.passes(CALM_S)
        await only_incident(daemon, "recovered")


# ── people ─────────────────────────────────────────────────────────────────────────────────────


@story
async def test_stopped_by_hand_it_stays_stopped(house: House) -> None:
    async with house.daemon() as daemon:
        await settled(daemon, SHOP)
        await by_hand.docker_stop(house.world, "tale-web-1")
        await daemon.passes(CALM_S)
        assert (await look(daemon, "tale-web-1")).status == "exited"
        assert await daemon.incidents() == []
        assert await _halted(daemon, "tale-web-1") == "stopped"
        await by_hand.docker_start(house.world, "tale-web-1")
        await daemon.passes(20)
        assert await _halted(daemon, "tale-web-1") == ""


@story
async def test_killed_by_hand_it_stays_stopped(house: House) -> None:
    async with house.daemon() as daemon:
        await settled(daemon, SHOP)
        await by_hand.docker_kill(house.world, "tale-web-1")
        await daemon.passes(CALM_S)
        assert (await look(daemon, "tale-web-1")).status == "exited"
        assert await daemon.incidents() == []


@story
async def test_restarted_by_hand_nothing_is_said(house: House) -> None:
    async with house.daemon() as daemon:
        await settled(daemon, SHOP)
        await by_hand.docker_restart(house.world, "tale-web-1")
        await daemon.passes(CALM_S)
        assert await daemon.incidents() == []
        assert (await daemon.care("tale")).halted == {}


@story
async def test_taken_down_by_hand_it_stays_down(house: House) -> None:
    async with house.daemon() as daemon:
        await settled(daemon, SHOP)
        await by_hand.compose_down(house.world, "tale")
        await daemon.passes(CALM_S)
        assert plans.ids(house.world) == {}
        assert await daemon.incidents() == []
        assert (await daemon.care("tale")).halted["*"] == "removed"


@story
async def test_recreated_by_others_nothing_is_done(house: House) -> None:
    async with house.daemon() as daemon:
        await settled(daemon, SHOP)
        before = len(await daemon.entries("intent"))
        await by_hand.compose_force_recreate(house.world, "tale")
        ids = plans.ids(house.world)
        await daemon.passes(CALM_S)
        assert plans.ids(house.world) == ids
        assert len(await daemon.entries("intent")) == before
        assert await daemon.incidents() == []


@story
async def test_after_a_stop_a_removal_is_intent(house: House) -> None:
    async with house.daemon() as daemon:
        await settled(daemon, SHOP)
        await by_hand.docker_stop(house.world, "tale-web-1")
        await daemon.passes(5)
        await by_hand.docker_rm(house.world, "tale-web-1")
        await daemon.passes(CALM_S)
        assert "tale-web-1" not in plans.ids(house.world)
        assert await daemon.incidents() == []


@story
async def test_brought_up_again_by_others_after_a_down_it_is_cared_for_again(house: House) -> None:
    """Only what they start is: the others stay down."""
    async with house.daemon() as daemon:
        await settled(daemon, SHOP)
        copy = house.world.container("tale-db-1")
        await by_hand.compose_down(house.world, "tale")
        await daemon.passes(20)
        await by_hand.create_again(house.world, copy)
        await daemon.passes(20)
        halted = (await daemon.care("tale")).halted
        assert halted == {"tale-api-1": "removed", "tale-web-1": "removed"}
        by_hand.main_process_dies(house.world, "tale-db-1", 1)
        await daemon.passes(CALM_S)
        await only_incident(daemon, "recovered")


@story
async def test_our_own_stop_start_restart_kill_and_rm_open_nothing(house: House) -> None:
    async with house.daemon() as daemon:
        await settled(daemon, SHOP)
        for verb in ("restart", "stop", "start", "kill", "start"):
            await daemon.act(verb, "tale", "web")
            await daemon.passes(15)
        await daemon.act("rm", "tale", "web", stop=True)
        await daemon.passes(CALM_S)
        assert await daemon.incidents() == []
        assert (await daemon.care("tale")).halted == {"tale-web-1": "removed"}


@story
async def test_rm_leaves_what_runs_in_care(house: House) -> None:
    async with house.daemon() as daemon:
        await settled(daemon, SHOP)
        await daemon.act("stop", "tale", "web")
        await daemon.act("rm", "tale")
        assert (await daemon.care("tale")).halted == {"tale-web-1": "removed"}
        by_hand.main_process_dies(house.world, "tale-api-1", 1)
        await daemon.passes(CALM_S)
        await only_incident(daemon, "recovered")


@story
async def test_stopped_while_it_is_treated_it_stays_stopped(house: House) -> None:
    house.world.programs.set(Program(exit_code=1, after_s=20.0), service="web")
    async with house.daemon() as daemon:
        await settled(daemon)
        await daemon.until(lambda: _dead(house, "tale-web-1", restarts=3), 600)
        await daemon.act("stop", "tale", "web")
        treated = len((await only_incident(daemon)).treatments)
        await daemon.passes(600)
        incident = await only_incident(daemon)
        assert len(incident.treatments) == treated
        assert incident.outcome != "open"
        assert (await look(daemon, "tale-web-1")).status == "exited"


def _dead(house: House, name: str, restarts: int) -> bool:
    deaths = [e for e in house.world.events.log if e.name == name and e.action == "die"]
    return len(deaths) >= restarts


# ── how far care goes ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("mode", ["observe", "advise"])
def test_care_that_must_not_act_does_not(house: House, mode: str) -> None:
    async def told() -> None:
        house.world.programs.set(Program(exit_code=1, after_s=20.0), service="web")
        limited = project(WEB, extensions={"x-tabib": {"care": mode}})
        async with house.daemon() as daemon:
            await settled(daemon, limited)
            before = len(await daemon.entries("intent"))
            await daemon.passes(1000)
            assert len(await daemon.entries("intent")) == before
            incident = await only_incident(daemon, "needs_human")
            assert not _acted(incident)
            assert len(incident.case_ids) == 1, "the same trouble is a case once"

    house.run(told())


@story
async def test_an_engine_that_others_own_is_only_observed(house: House) -> None:
    house.world.programs.set(Program(exit_code=1, after_s=60.0), service="web")
    async with house.daemon() as daemon:
        await settled(daemon)
        labels = {"tabib.installation": "somebody else", "tabib.hostname": "elsewhere"}
        await daemon.tools.engine.unclaim()
        await daemon.tools.engine.claim(labels)
        before = len(await daemon.entries("intent"))
        await daemon.passes(200)
        assert len(await daemon.entries("intent")) == before
        assert not _acted(await only_incident(daemon, "needs_human"))
