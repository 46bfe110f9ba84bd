"""Data that is not what it was: seen, told once, its retention frozen; and what is no damage."""

from __future__ import annotations

import shutil

from support.data_stories import (
    BORN,
    DB,
    LOOKS_S,
    empty,
    folder_of,
    initialise,
    known,
    restarted,
    runs,
)
from support.patients import only_incident
from support.site import House
from support.story import story
from tabib.decide.verdict import Verdict
from tabib.engines.memory import by_hand
from tabib.model.kept_log import LogPattern
from tabib.operations.backups import identities
from tabib.operations.by_person import close


@story
async def test_what_it_is_while_it_is_well_is_recorded(house: House) -> None:
    async with house.daemon() as daemon:
        folder = await runs(house, daemon)
        identity = await known(daemon)
        assert identity.database == str((BORN << 32) | 12345)
        assert identity.marks == ("PG_VERSION", "global/pg_control")
        assert identity.root.split(":")[1] == str(folder.stat().st_ino)
        await restarted(house, daemon)
        measured = await known(daemon)
        assert (measured.files or 0) == 3
        assert (measured.size_bytes or 0) > 200_000
        assert await daemon.incidents() == []
        assert await identities.frozen(daemon.tools, "tale") == ""


@story
async def test_what_ran_before_tabib_cared_for_it_is_recorded_too(house: House) -> None:
    async with house.daemon() as daemon:
        await runs(house, daemon)
        await daemon.journal.forget_identities(daemon.tools.info.id, "tale")
    async with house.daemon() as daemon:
        await daemon.passes(LOOKS_S)
        assert (await known(daemon)).database == str((BORN << 32) | 12345)


@story
async def test_a_volume_that_came_back_empty_and_healthy_is_not_well(house: House) -> None:
    async with house.daemon() as daemon:
        folder = await runs(house, daemon)
        await restarted(house, daemon)
        empty(folder)
        initialise(folder, born=BORN + 999, rows=10)
        await restarted(house, daemon)
        incident = await only_incident(daemon, "needs_human")
        assert incident.cause.code == "database.replaced"
        assert "another database" in await identities.frozen(daemon.tools, "tale")
        # It is as healthy as can be, and stays an incident; and is told once.
        await daemon.passes(200)
        incident = await only_incident(daemon, "needs_human")
        assert len(incident.case_ids) == 1
        assert (await known(daemon)).database == str((BORN << 32) | 12345)


@story
async def test_deleted_files_are_seen_while_it_runs_on(house: House) -> None:
    async with house.daemon() as daemon:
        folder = await runs(house, daemon)
        empty(folder)
        await daemon.passes(LOOKS_S)
        incident = await only_incident(daemon, "needs_human")
        assert incident.cause.code == "storage.volume-emptied"
        assert "no snapshot to restore" in incident.treatments[-1].reason


@story
async def test_a_folder_that_is_gone_is_a_lost_volume(house: House) -> None:
    async with house.daemon() as daemon:
        folder = await runs(house, daemon)
        shutil.rmtree(folder)
        await daemon.passes(LOOKS_S)
        incident = await only_incident(daemon, "needs_human")
        assert incident.cause.code == "storage.volume-lost"


@story
async def test_what_comes_back_as_it_was_ends_it(house: House) -> None:
    async with house.daemon() as daemon:
        folder = await runs(house, daemon)
        aside = folder.with_name("aside")
        folder.rename(aside)
        await daemon.passes(LOOKS_S)
        assert await identities.frozen(daemon.tools, "tale")
        aside.rename(folder)
        await daemon.passes(LOOKS_S)
        await only_incident(daemon, "recovered")
        assert await identities.frozen(daemon.tools, "tale") == ""


@story
async def test_a_person_who_closes_it_wants_it_so(house: House) -> None:
    async with house.daemon() as daemon:
        folder = await runs(house, daemon)
        empty(folder)
        initialise(folder, born=BORN + 999)
        await daemon.passes(LOOKS_S)
        incident = await only_incident(daemon, "needs_human")
        await close(daemon.tools, incident.id, "it was to be new", "test")
        assert await identities.frozen(daemon.tools, "tale") == ""
        assert (await known(daemon)).database == str(((BORN + 999) << 32) | 12345)
        await daemon.passes(LOOKS_S)
        await only_incident(daemon, "mitigated")


@story
async def test_a_lost_volume_that_a_person_gives_up_is_missed_no_more(house: House) -> None:
    async with house.daemon() as daemon:
        folder = await runs(house, daemon)
        shutil.rmtree(folder)
        await daemon.passes(LOOKS_S)
        incident = await only_incident(daemon, "needs_human")
        await close(daemon.tools, incident.id, "", "test")
    async with house.daemon() as daemon:
        await daemon.passes(LOOKS_S * 2)
        await only_incident(daemon, "mitigated")


@story
async def test_what_a_database_writes_and_removes_again_is_no_loss(house: House) -> None:
    async with house.daemon() as daemon:
        folder = await runs(house, daemon)
        (folder / "pg_wal").mkdir()
        (folder / "pg_wal" / "000000010000000000000001").write_bytes(bytes(3_000_000))
        await restarted(house, daemon)
        (folder / "pg_wal" / "000000010000000000000001").unlink()
        await restarted(house, daemon)
        assert await daemon.incidents() == []


@story
async def test_a_shrunk_volume_freezes_retention_and_restores_nothing(house: House) -> None:
    async with house.daemon() as daemon:
        folder = await runs(house, daemon)
        await restarted(house, daemon)
        (folder / "rows").write_bytes(b"")
        await restarted(house, daemon)
        incident = await only_incident(daemon, "needs_human")
        assert incident.cause.code == "storage.volume-shrunk"
        assert incident.severity == "warning"
        assert "held" in await identities.frozen(daemon.tools, "tale")


@story
async def test_a_name_that_went_while_its_data_is_there_is_no_loss(house: House) -> None:
    """Decision 0010: it is attached again at the next `up`."""
    async with house.daemon() as daemon:
        await runs(house, daemon)
        await by_hand.compose_down(house.world, "tale", volumes=True)
        await daemon.passes(LOOKS_S)
        assert await daemon.incidents() == []


@story
async def test_what_tabib_itself_let_go_is_no_loss(house: House) -> None:
    async with house.daemon() as daemon:
        await runs(house, daemon)
        await daemon.down("tale", volumes=True, yes=True)
        await daemon.passes(LOOKS_S)
        assert [one for one in await daemon.incidents() if one.outcome == "needs_human"] == []
        await daemon.up(DB)
        initialise(folder_of(house), born=BORN + 5)
        await daemon.passes(LOOKS_S)
        assert [one for one in await daemon.incidents() if one.outcome == "needs_human"] == []


@story
async def test_a_damaged_control_file_is_no_other_database(house: House) -> None:
    async with house.daemon() as daemon:
        folder = await runs(house, daemon)
        (folder / "global" / "pg_control").write_bytes(bytes(512))
        await daemon.passes(LOOKS_S)
        assert await daemon.incidents() == []


@story
async def test_where_care_observes_it_is_told_and_nothing_is_touched(house: House) -> None:
    async with house.daemon() as daemon:
        house.world.add_image("postgres:15")
        await daemon.up(DB, care="observe")
        await daemon.passes(5)
        folder = folder_of(house)
        initialise(folder)
        await daemon.passes(LOOKS_S)
        empty(folder)
        before = len(await daemon.entries("intent"))
        await daemon.passes(LOOKS_S)
        await only_incident(daemon, "needs_human")
        assert len(await daemon.entries("intent")) == before


@story
async def test_after_a_death_of_tabib_it_is_seen_at_once(house: House) -> None:
    async with house.daemon() as daemon:
        folder = await runs(house, daemon)
    empty(folder)
    async with house.daemon() as daemon:
        await daemon.passes(5)
        incident = await only_incident(daemon, "needs_human")
        assert incident.cause.code == "storage.volume-emptied"
    async with house.daemon() as daemon:
        await daemon.passes(60)
        again = await only_incident(daemon, "needs_human")
        assert again.case_ids == incident.case_ids


class Read:
    """What a recorder has read of every log so far."""

    def __init__(self) -> None:
        self.read: list[LogPattern] = []

    async def patterns(self, container_id: str) -> list[LogPattern]:
        return self.read


@story
async def test_a_line_that_is_read_after_the_look_that_it_preceded_is_heard(house: House) -> None:
    """Logs are collected every few seconds at best."""
    async with house.daemon() as daemon:
        await runs(house, daemon)
        watch = daemon.tools.on_unreadable.__self__  # type: ignore[union-attr]
        observed = await daemon.tools.engine.observe(detail=False)
        written_at, heard = daemon.clock.now(), Read()
        told: list[Verdict] = []

        async def judged(_cared: object, verdict: Verdict, _event: object) -> None:
            told.append(verdict)

        watch._judged = judged
        line = "ERROR:  invalid page in block 3 of relation base/5/16384"
        daemon.tools.monitor = heard  # type: ignore[assignment]
        await house.clock.sleep(20)
        await watch.now_and_then(observed)
        heard.read.append(
            LogPattern(
                engine_id=daemon.tools.info.id, container_id="c", template=line, level="error",
                example=line, count=1, first_at=written_at, last_at=written_at,
            )
        )  # fmt: skip
        await house.clock.sleep(30)
        for _ in range(2):
            await watch.now_and_then(observed)
        daemon.tools.monitor = None
        assert [one.data[0].text for one in told] == [line]
