"""Treatments that make a release: back to the last good one, a higher limit within the policy."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from support.memory_repositories import backup_tools
from support.patients import CALM_S, DB, look, only_incident, settled
from support.projects import edited, project, service
from support.site import Daemon, House
from support.story import story
from tabib.engines.memory import CrashPoint, Program, by_hand, resources
from tabib.model.errors import TabibError
from tabib.model.incident import Incident
from tabib.model.project import Project

GOOD = ["serve"]
BAD = ["serve", "--broken"]
WEB = service("web", command=GOOD, expose=["80"])
APP = project(WEB)
CRASHES = Program(exit_code=1, after_s=0.3)
NO_COMMAND = Program(exit_code=127, start_error='exec: "serve": executable file not found in $PATH')


async def tried(daemon: Daemon, wanted: Project) -> None:
    """``up``, whatever comes of it."""
    try:
        await daemon.up(wanted)
    except TabibError:
        pass


async def releases(daemon: Daemon) -> list[tuple[int, str, str]]:
    found = await daemon.journal.releases(daemon.tools.info.id, "tale")
    return [(one.number, one.verdict, one.by) for one in reversed(found)]


async def command(house: House, name: str = "tale-web-1") -> Any:
    record = house.world.container(name, "look")
    return list(record.command or ())


def actions(incident: Incident) -> list[tuple[str, str]]:
    return [(one.action, one.outcome) for one in incident.treatments]


@story
async def test_a_bad_release_is_taken_back_once_a_restart_did_not_help(house: House) -> None:
    house.world.programs.set(CRASHES, service="web", command=BAD)
    async with house.daemon() as daemon:
        await settled(daemon, APP)
        await tried(daemon, edited(APP, "web", command=BAD))
        await daemon.passes(CALM_S)
        incident = await only_incident(daemon, "recovered")
        assert actions(incident) == [("start", "not_verified"), ("rollback", "verified")]
        assert incident.treatments[1].before["release"] == "2"
        assert await command(house) == GOOD
        known = await releases(daemon)
        assert [one[0] for one in known] == [1, 2, 3]
        assert [one[1] for one in known] == ["good", "failed", "good"]
        assert known[2][2] == "tabib"
        assert (await daemon.up(APP))["changed"] is False


@story
async def test_what_no_restart_cures_is_taken_back_at_once(house: House) -> None:
    house.world.programs.set(NO_COMMAND, service="web", command=BAD)
    async with house.daemon() as daemon:
        await settled(daemon, APP)
        await tried(daemon, edited(APP, "web", command=BAD))
        await daemon.passes(CALM_S)
        incident = await only_incident(daemon, "recovered")
        assert actions(incident) == [("rollback", "verified")]
        assert await command(house) == GOOD


@story
async def test_long_after_the_release_it_is_not_its_doing(house: House) -> None:
    house.world.programs.set(Program(exit_code=1, after_s=700.0), service="web", command=BAD)
    async with house.daemon() as daemon:
        await settled(daemon, APP)
        await daemon.up(edited(APP, "web", command=BAD))
        await daemon.passes(5000)
        assert await command(house) == BAD
        done = [one for each in await daemon.incidents() for one in each.treatments]
        assert {one.action for one in done} == {"start", "quarantine"}


@story
async def test_a_service_that_the_release_did_not_change_is_not_taken_back(house: House) -> None:
    two = project(WEB, service("other", command=GOOD, expose=["80"]))
    async with house.daemon() as daemon:
        await settled(daemon, two)
        await daemon.up(edited(two, "other", command=BAD))
        house.world.programs.set(CRASHES, service="web")
        by_hand.main_process_dies(house.world, "tale-web-1", 1)
        await daemon.passes(CALM_S)
        found = await only_incident(daemon)
        assert {one.action for one in found.treatments} <= {"start", "quarantine"}
        assert await command(house, "tale-other-1") == BAD


@story
async def test_a_database_whose_image_changed_is_not_taken_back(house: House) -> None:
    """Its data may have been written in a newer format: that is for a person."""
    db = service("db", image="postgres:15", volumes={"/data": "data"}, expose=["5432"])
    shop = project(db)
    house.world.programs.set(CRASHES, image="postgres:16")
    for image in ("postgres:15", "postgres:16"):
        house.world.add_image(image)
    async with house.daemon() as daemon:
        await settled(daemon, shop)
        await tried(daemon, edited(shop, "db", image="postgres:16"))
        await daemon.passes(CALM_S)
        state = await look(daemon, "tale-db-1")
        assert state.image == "postgres:16"
        found = await only_incident(daemon, "needs_human")
        assert "rollback" not in {one.action for one in found.treatments}


@story
async def test_where_the_tag_has_moved_on_it_is_given_back(house: House) -> None:
    """The same reference, another image: as with `latest`."""
    app = project(service("web", image="app:latest", expose=["80"]))
    house.world.programs.set(Program(), CRASHES, CRASHES, Program(), service="web")
    old = house.world.add_image("app:latest").id
    async with house.daemon() as daemon:
        await settled(daemon, app)
        new = house.world.add_image("app:latest").id
        await tried(daemon, app)
        assert house.world.container("tale-web-1", "look").image_id == new
        await daemon.passes(CALM_S)
        incident = await only_incident(daemon, "recovered")
        assert actions(incident)[-1] == ("rollback", "verified")
        assert "changed its image" in incident.treatments[-1].reason
        assert house.world.container("tale-web-1", "look").image_id == old
        tagged = house.world.image("app:latest")
        assert tagged is not None
        assert tagged.id == old
        assert (await daemon.up(app))["changed"] is False


@story
async def test_a_limit_is_raised_within_the_policy_and_no_further(house: House) -> None:
    hungry = service(
        "web",
        mem_limit="100",
        expose=["80"],
        extension={"limits": {"memory": {"max": 200}}},
    )
    house.world.programs.set(Program(oom_after_s=30.0), service="web")
    async with house.daemon() as daemon:
        await settled(daemon, project(hungry))
        await daemon.passes(400)
        incident = await only_incident(daemon)
        done = [one[0] for one in actions(incident)]
        assert done[:3] == ["raise_limit", "raise_limit", "start"]
        record = house.world.container("tale-web-1", "look")
        assert record.host_config["Memory"] == 200
        assert incident.treatments[0].before["release"] == "1"


@story
async def test_cut_off_from_its_network_it_is_attached_again(house: House) -> None:
    async with house.daemon() as daemon:
        await settled(daemon, project(DB))
        resources.disconnect(house.world, "tale_default", {"container": "tale-db-1"})
        by_hand.make_healthy(house.world, "tale-db-1", False)
        await daemon.until(lambda: daemon.incidents())
        await daemon.passes(1)
        by_hand.make_healthy(house.world, "tale-db-1", None)
        await daemon.passes(CALM_S)
        incident = await only_incident(daemon, "recovered")
        assert actions(incident) == [("reconnect", "verified")]
        assert "tale_default" in (await look(daemon, "tale-db-1")).networks


@story
async def test_a_full_disk_is_freed_of_what_nobody_named(house: House) -> None:
    full = Program(exit_code=1, after_s=20.0, log=[(19.0, "write: No space left on device")])
    house.world.programs.set(full, Program(), service="web")
    async with house.daemon() as daemon:
        await settled(daemon, APP)
        await daemon.passes(CALM_S)
        incident = await only_incident(daemon, "recovered")
        assert actions(incident) == [("free_space", "verified")]
        done = {one.data["verb"] for one in await daemon.entries("intent")}
        assert {"prune_images", "prune_build_cache"} <= done
        assert not done & {"remove_volume", "untag_image"}


async def goes_wrong(house: House, crash: CrashPoint, at: int) -> None:
    house.world.programs.set(NO_COMMAND, service="web", command=BAD)
    async with house.daemon() as daemon:
        await settled(daemon, APP)
        await tried(daemon, edited(APP, "web", command=BAD))

    async def suffers(daemon: Daemon) -> None:
        crash.arm(at)
        await daemon.passes(CALM_S)

    await house.dies(crash, suffers)
    async with house.daemon() as daemon:
        await daemon.passes(CALM_S * 2)
        assert await command(house) == GOOD, (at, crash.trace)
        assert (await look(daemon, "tale-web-1")).status == "running"
        assert {one.outcome for one in await daemon.incidents()} == {"recovered"}
        newest = (await releases(daemon))[-1]
        assert newest[1] == "good", (at, crash.trace, await releases(daemon))
        assert (await daemon.up(APP))["changed"] is False


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
def test_a_rollback_goes_on_after_any_death(before: bool, folder: Path) -> None:
    house = House(folder / "whole")
    whole = CrashPoint()
    house.run(goes_wrong(house, whole, 0))
    assert "put_release" in whole.trace
    for number in range(1, whole.calls + 1):
        house = House(folder / f"{before}{number}")
        house.run(goes_wrong(house, CrashPoint(before=before), number))


@story
async def test_data_that_going_back_could_cost_is_copied_before(house: House) -> None:
    web = replace(
        service("web", image="app:1", volumes={"/data": "data"}, expose=["80"]), image="app:1"
    )
    site = project(web)
    house.world.programs.set(CRASHES, image="app:2")
    for image in ("app:1", "app:2"):
        house.world.add_image(image)
    async with house.daemon() as daemon:
        daemon.tools.backups = backup_tools(house.world)
        await settled(daemon, site)
        await tried(
            daemon, project(replace(web, image="app:2", spec={**web.spec, "image": "app:2"}))
        )
        await daemon.passes(CALM_S)
        assert (await look(daemon, "tale-web-1")).image == "app:1"
        taken = await daemon.journal.snapshots(daemon.tools.info.id, "tale")
        assert [one.trigger for one in taken] == ["before_change", "before_change"]
        assert "changes to app:1" in taken[0].reason
