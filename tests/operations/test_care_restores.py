"""The course of a restore: fenced, kept, restored, verified, told; or offered, for a reason.

All of it is tabib's own, on a memory engine and virtual time, with a repository of folders."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from support.data_stories import (
    BORN,
    DB,
    LOOKS_S,
    empty,
    folder_of,
    initialise,
    known,
    restarted,
)
from support.house_repository import HouseRepository, copies_into
from support.patients import only_incident, settled
from support.projects import edited, project, service
from support.site import Daemon, House
from support.story import story
from tabib.engines.memory import by_hand
from tabib.model.backup import Part, Snapshot
from tabib.model.errors import RepositoryUnreachable
from tabib.model.incident import Incident
from tabib.operations.backups import identities
from tabib.operations.backups.datasets import datasets
from tabib.operations.by_person import treat_offered
from tabib.operations.leases import lease

pytestmark = pytest.mark.skipif("os.geteuid() != 0", reason="data in generations is for root's")


@pytest.fixture
def copies(house: House, folder: Path) -> HouseRepository:
    return HouseRepository(folder / "copies", house)


async def backed_up(house: House, daemon: Daemon, copies: HouseRepository, shop: Any = DB) -> Path:
    """It is up, with data, on record, and with one good snapshot that a drill has verified."""
    daemon.tools.backups = copies_into(copies)
    house.world.add_image("postgres:15")
    await settled(daemon, shop)
    folder = folder_of(house)
    initialise(folder)
    await daemon.passes(LOOKS_S)
    await daemon.journal.put_snapshot(await good_copy(daemon, copies))
    copies.asked.clear()
    copies.ran.clear()
    return folder


async def good_copy(daemon: Daemon, copies: HouseRepository) -> Snapshot:
    """As of a database that stood still: the memory engine has none to ask for a dump."""
    tools, now = daemon.tools, daemon.clock.now()
    (dataset,) = await datasets(tools, "tale")
    saved = await copies.save_files(dataset.place, tags=("tabib",))
    part = Part(
        dataset=dataset,
        stored=saved.id,
        form="files",
        path="/data",
        consistency="stopped",
        taken_at=now,
        ended_at=now,
        size_bytes=saved.size_bytes,
        identity=(await known(daemon)).database,
    )
    return Snapshot(
        id="good",
        project="tale",
        engine_id=tools.info.id,
        cluster="default",
        taken_at=now,
        ended_at=now,
        trigger="schedule",
        parts=(part,),
        volumes=(dataset.name,),
        repository=copies.name,
        verified_at=now,
    )


def done(incident: Incident) -> list[tuple[str, str]]:
    return [(one.action, one.outcome) for one in incident.treatments]


def database(folder: Path) -> int:
    return int.from_bytes((folder / "global" / "pg_control").read_bytes()[:8], "little") >> 32


@story
async def test_an_emptied_database_is_fenced_kept_restored_and_told(
    house: House, copies: HouseRepository
) -> None:
    async with house.daemon() as daemon:
        folder = await backed_up(house, daemon, copies)
        empty(folder)
        await daemon.passes(LOOKS_S * 2)
        incident = await only_incident(daemon, "recovered")
        assert done(incident) == [("restore", "verified")]
        assert copies.asked == ["save", "restore"], "the damage snapshot comes first"
        assert copies.ran == ["", ""], "nothing writes meanwhile"
        assert folder_of(house) != folder, "nothing is restored over what is there"
        assert database(folder_of(house)) == BORN
        assert (incident.rpo_seconds or 0) > 0
        assert incident.rto_seconds is not None
        assert incident.restored is not None
        assert incident.restored.lost
        assert incident.restored.kept == (str(folder),)
        damaged = await daemon.journal.snapshot(incident.restored.damage_snapshot)
        assert damaged is not None
        assert damaged.damaged
        assert str(folder) in incident.advice
        assert "--undo" in incident.advice
        assert await identities.frozen(daemon.tools, "tale") == ""
        await daemon.passes(LOOKS_S * 3)
        await only_incident(daemon, "recovered")


@story
async def test_a_fresh_database_in_its_place_is_replaced_by_the_copy(
    house: House, copies: HouseRepository
) -> None:
    async with house.daemon() as daemon:
        folder = await backed_up(house, daemon, copies)
        empty(folder)
        initialise(folder, born=int(daemon.clock.now().timestamp()), rows=10)
        await restarted(house, daemon)
        incident = await only_incident(daemon, "recovered")
        assert incident.cause.code == "database.replaced"
        assert database(folder_of(house)) == BORN


@story
async def test_one_that_was_in_use_is_left_and_offered(
    house: House, copies: HouseRepository
) -> None:
    async with house.daemon() as daemon:
        folder = await backed_up(house, daemon, copies)
        await daemon.passes(3600)
    empty(folder)
    initialise(folder, born=int(house.clock.now().timestamp()) + 60, rows=10)
    await house.clock.sleep(4000)
    async with house.daemon() as daemon:
        daemon.tools.backups = copies_into(copies)
        await daemon.passes(LOOKS_S)
        incident = await only_incident(daemon, "needs_human")
        assert done(incident) == [("restore", "offered")]
        assert "written to for" in incident.treatments[-1].reason
        assert copies.asked == ["save"]
        assert copies.ran == ["db"], "what works goes on"


@story
async def test_it_is_restored_once_a_day(house: House, copies: HouseRepository) -> None:
    async with house.daemon() as daemon:
        empty(await backed_up(house, daemon, copies))
        await daemon.passes(LOOKS_S * 2)
        await only_incident(daemon, "recovered")
        empty(folder_of(house))
        await daemon.passes(LOOKS_S * 2)
        newest = (await daemon.incidents())[-1]
        assert newest.outcome == "needs_human"
        assert done(newest)[-1] == ("restore", "offered")
        assert "find out why" in newest.treatments[-1].reason


@story
async def test_what_befell_data_that_a_person_ended_does_not_count(
    house: House, copies: HouseRepository
) -> None:
    async with house.daemon() as daemon:
        empty(await backed_up(house, daemon, copies))
        await daemon.passes(LOOKS_S * 2)
        await only_incident(daemon, "recovered")
        await daemon.down("tale", volumes=True, yes=True, no_backup=True)
        empty(await backed_up(house, daemon, copies))
        await daemon.passes(LOOKS_S * 2)
        newest = (await daemon.incidents())[-1]
        assert [one for one in done(newest) if one[1] != "verified"] == [], done(newest)
        assert newest.outcome == "recovered"
        empty(folder_of(house))
        await daemon.passes(LOOKS_S * 2)
        assert (await daemon.incidents())[-1].outcome == "needs_human", "of this data, once a day"


@story
async def test_with_advise_it_waits_for_one_command(house: House, copies: HouseRepository) -> None:
    wary = project(
        service(
            "db",
            image="postgres:15",
            check=True,
            volumes={"/var/lib/postgresql/data": "data"},
            extension={"care": "advise"},
        )
    )
    async with house.daemon() as daemon:
        folder = await backed_up(house, daemon, copies, wary)
        empty(folder)
        await daemon.passes(LOOKS_S)
        incident = await only_incident(daemon, "needs_human")
        assert done(incident) == [("restore", "offered")]
        assert incident.treatments[0].before["datasets"] == "data"
        assert copies.asked == ["save"]
        operation = daemon.operation("treat", "tale")
        await treat_offered(daemon.site, incident.id, "somebody", operation)
        healed = await only_incident(daemon, "recovered")
        assert done(healed)[-1] == ("restore", "verified")
        assert healed.treatments[-1].by == "somebody"
        assert database(folder_of(house)) == BORN


@story
async def test_after_a_stop_by_hand_it_is_offered_and_a_command_restores_it(
    house: House, copies: HouseRepository
) -> None:
    async with house.daemon() as daemon:
        folder = await backed_up(house, daemon, copies)
        await daemon.act("stop", "tale")
        await daemon.passes(5)
        empty(folder)
        await daemon.passes(LOOKS_S)
        incident = await only_incident(daemon, "needs_human")
        assert done(incident) == [("restore", "offered")]
        assert "by a person" in incident.treatments[0].reason
        await treat_offered(daemon.site, incident.id, "", daemon.operation("treat", "tale"))
        await only_incident(daemon, "recovered")
        assert database(folder_of(house)) == BORN


@story
async def test_what_was_emptied_between_a_stop_and_a_start_by_hand_is_offered(
    house: House, copies: HouseRepository
) -> None:
    async with house.daemon() as daemon:
        folder = await backed_up(house, daemon, copies)
        await by_hand.docker_stop(house.world, "tale-db-1")
        await daemon.passes(10)
        empty(folder)
        initialise(folder, born=int(daemon.clock.now().timestamp()))
        await by_hand.docker_start(house.world, "tale-db-1")
        await daemon.passes(LOOKS_S)
        incident = await only_incident(daemon, "needs_human")
        assert done(incident) == [("restore", "offered")]


@story
async def test_a_hold_on_the_service_leaves_it_to_a_person(
    house: House, copies: HouseRepository
) -> None:
    held = edited(DB, "db", labels={"tabib.hold": "true"})
    async with house.daemon() as daemon:
        folder = await backed_up(house, daemon, copies, held)
        empty(folder)
        await daemon.passes(LOOKS_S)
        incident = await only_incident(daemon, "needs_human")
        assert "tabib.hold" in incident.treatments[-1].reason


@story
async def test_where_it_cannot_be_restored_what_was_stopped_runs_again(
    house: House, copies: HouseRepository
) -> None:
    async with house.daemon() as daemon:
        folder = await backed_up(house, daemon, copies)
        copies.refuses = RepositoryUnreachable("its server does not answer", attempted="restore")
        (folder / "rows").unlink()
        empty(folder)
        await daemon.passes(LOOKS_S * 2)
        incident = await only_incident(daemon, "needs_human")
        assert done(incident)[0] == ("restore", "failed")
        assert done(incident)[-1][1] == "offered"
        assert (await daemon.tools.engine.look("tale-db-1")).status == "running"
        said = " ".join(one.text for one in incident.timeline)
        assert "does not answer" in said


@story
async def test_a_death_while_it_is_fenced_leaves_it_started_and_restored(
    house: House, copies: HouseRepository
) -> None:
    """Whenever tabib dies, the next one starts what was stopped, and takes it up again."""
    async with house.daemon() as daemon:
        folder = await backed_up(house, daemon, copies)
        empty(folder)
        await daemon.until(lambda: copies.asked)
    async with house.daemon() as daemon:
        daemon.tools.backups = copies_into(copies)
        await daemon.passes(LOOKS_S * 4)
        assert {one.outcome for one in await daemon.incidents()} == {"recovered"}
        assert database(folder_of(house)) == BORN
        assert (await daemon.tools.engine.look("tale-db-1")).status == "running"


@story
async def test_a_treatment_that_waited_for_a_person_looks_again(
    house: House, copies: HouseRepository
) -> None:
    """It was to be restarted; a person had the project in hand and put it right."""
    async with house.daemon() as daemon:
        await backed_up(house, daemon, copies)
        starts = len([one for one in house.world.events.log if one.action == "start"])
        async with lease(daemon.tools, "tale", daemon.operation("restore", "tale")):
            by_hand.make_healthy(house.world, "tale-db-1", False)
            await daemon.passes(120)
            by_hand.make_healthy(house.world, "tale-db-1", True)
            await daemon.passes(10)
        await daemon.passes(10)
        incident = await only_incident(daemon, "recovered")
        assert done(incident) == []
        assert len([one for one in house.world.events.log if one.action == "start"]) == starts


@story
async def test_a_restore_that_waited_for_a_persons_leaves_what_that_one_brought(
    house: House, copies: HouseRepository
) -> None:
    async with house.daemon() as daemon:
        folder = await backed_up(house, daemon, copies)
        empty(folder)
        tools, care = daemon.tools, daemon.site.care
        async with lease(tools, "tale", daemon.operation("restore", "tale")):
            # As a look that had begun before the lease was taken.
            states = await identities.look(tools, "tale")
            cared = await care.ward.get("tale")
            assert cared is not None
            await care.data._found(cared, states)
            await daemon.passes(5)
            brought = folder.with_name("brought")
            initialise(brought)
            shutil.rmtree(folder)
            brought.rename(folder)
            await identities.accept(tools, "tale")
        await daemon.passes(LOOKS_S)
        assert copies.asked == []
        assert not any(done(one) for one in await daemon.incidents())


@story
async def test_what_is_slow_while_it_is_copied_is_restarted_only_after_that(
    house: House, copies: HouseRepository
) -> None:
    async with house.daemon() as daemon:
        await backed_up(house, daemon, copies)
        record = house.world.container("tale-db-1")
        with daemon.tools.actions.working_on("backup:tale"):
            record.program = replace(record.program, hangs=True)
            await daemon.passes(600)
            waiting = await only_incident(daemon, "open")
            assert waiting.cause.code == "health.timeout"
            assert done(waiting) == []
        await daemon.passes(60)
        assert done(await only_incident(daemon))[0][0] == "restart"
