"""Point in time: the log of a real PostgreSQL under writes, received, stored and rolled forward."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from support.backups import DataHouse
from support.real_engine import step
from tabib.decide.backups.restore import Source
from tabib.model.backup import BackupPolicy, Dataset, Part, Place, Snapshot
from tabib.model.errors import Conflict, CopyFailed
from tabib.model.incident import Incident
from tabib.model.plan import Verb
from tabib.model.release import CareRecord
from tabib.model.settings import BackupSettings
from tabib.operations.backups.kinds import KINDS, Copying, Filling
from tabib.operations.backups.scratch import booted
from tabib.operations.backups.tools import BackupTools
from tabib.operations.backups.verifying import Looked
from tabib.operations.backups.wal import Keeper, Reached, fill_to, keeper, spool, store
from tabib.operations.backups.wal.receiver import left
from tabib.operations.backups.wal.rehearsal import rehearse
from tabib.ports import Repository
from tabib.stores.repository import ResticRepositories
from tabib.stores.vault import open_vault

pytestmark = [pytest.mark.engine, pytest.mark.slow]

KIND = KINDS["postgres"]
IMAGE = "postgres:15"
DATA = "/var/lib/postgresql/data"
INSERT = 'psql -qU postgres -c "insert into ledger values ($i)"'
POLICY = BackupPolicy(point_in_time=True)
WITHIN = timedelta(seconds=1)


class Kept:
    """A database whose log is kept, with the base backups that were asked for."""

    def __init__(self, house: DataHouse, dataset: Dataset, repository: Repository) -> None:
        self.house = house
        self.dataset = dataset
        self.repository = repository
        self.parts: list[Part] = []
        self.whys: list[str] = []
        self.keeper = Keeper(house.tools, self._wanted, self._base, save_every_s=1.0)

    async def _wanted(self, project: str) -> tuple[BackupPolicy, list[Dataset]]:
        return POLICY, [self.dataset]

    async def _base(self, project: str, dataset: Dataset, why: str) -> None:
        self.whys.append(why)
        await self.base()

    async def base(self) -> Part:
        tools = self.house.tools
        work = replace(await self.house.copying(), repository=self.repository)
        assert isinstance(work, Copying)
        part = await KIND.save(work, self.dataset)
        snapshot = Snapshot(
            id=tools.new_id(),
            project=self.house.prefix,
            engine_id=tools.info.id,
            cluster="default",
            taken_at=part.taken_at,
            ended_at=part.ended_at,
            trigger="schedule",
            parts=(part,),
        )
        await tools.journal.put_snapshot(snapshot)
        self.parts.append(part)
        return part

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[asyncio.Task[None]]:
        task = asyncio.create_task(self.keeper.run())
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def receiving(self, bases: int = 1) -> None:
        """Until log comes in and there are that many base backups."""
        deadline = asyncio.get_running_loop().time() + 120
        while True:
            status = self.keeper.status()
            if status and status[0].receiving and len(self.parts) >= bases:
                return
            assert asyncio.get_running_loop().time() < deadline, (status, self.whys)
            await asyncio.sleep(0.05)

    @property
    def newest(self) -> spool.Stream:
        return spool.streams(self.house.tools, self.house.prefix, self.dataset.name)[0]

    async def rolled(
        self, part: Part, to: datetime | None = None
    ) -> tuple[Reached, list[int], str]:
        """How far a restore came, the numbers in the ledger, and the timeline."""
        work = Filling(
            tools=self.house.tools, repository=self.repository, spec=self.house.specs["db"]
        )
        place = self.house.place("rolled")
        reached = await fill_to(work, part, place, to=to)
        spec = self.house.specs["db"]
        async with booted(
            self.house.tools, spec, {DATA: place}, purpose="drill", ready=KIND.ready
        ) as container:
            query = "select n from ledger order by n"
            rows = await self.house.ask(container, f"psql -AtqU postgres -c '{query}'")
            more = "select timeline_id from pg_control_checkpoint()"
            line = await self.house.ask(container, f"psql -AtqU postgres -c '{more}'")
            odd = await self.house.ask(container, f"ls {DATA} | grep -c tabib || true")
        assert odd == "0", "something of ours was left in the data"
        return reached, [int(one) for one in rows.split()], line

    async def rehearsed(self) -> Looked:
        """What a drill finds of the log after the first base backup."""
        house = self.house
        work = Filling(tools=house.tools, repository=self.repository, spec=house.specs["db"])
        (snapshot, *_) = await house.tools.journal.snapshots(house.tools.info.id, house.prefix)
        source = Source(dataset=self.dataset, part=self.parts[0], snapshot=snapshot)
        return await rehearse(work, source, house.place("rehearsed"), house.specs["db"], None)


@pytest.fixture
async def kept(data_house: DataHouse) -> AsyncIterator[Kept]:
    house = data_house
    tools = house.tools
    tools.vault = vault = await open_vault(tools.state.path)
    repositories = ResticRepositories(
        tools.engine,
        tools.info,
        state=tools.state.path,
        installation=tools.installation,
        journal=tools.journal,
        vault=tools.vault,
        clock=tools.clock,
        image=BackupSettings().image,
        is_root=True,
    )
    tools.backups = BackupTools(repositories=repositories, settings=BackupSettings())
    dataset = await house.start(
        "postgres",
        IMAGE,
        DATA,
        environment={"POSTGRES_PASSWORD": "a secret"},
        command=["postgres", "-c", "max_wal_size=48MB", "-c", "min_wal_size=32MB"],
    )
    await house.sh("psql -qU postgres -c 'create table ledger(n int)'")
    await tools.journal.put_care(
        CareRecord(engine_id=tools.info.id, project=house.prefix, endpoint={})
    )
    yield Kept(house, dataset, await repositories.get(POLICY.repositories[0]))
    for one in await left(tools):
        if house.prefix in one.labels.get("tabib.wal.dataset", ""):
            await tools.engine.apply(
                step(Verb.REMOVE_CONTAINER, one.id, options={"force": True, "volumes": True})
            )
    await vault.close()


async def _incidents(house: DataHouse, *, open_only: bool, none: bool) -> list[Incident]:
    """Those of the project, once there are some, or none."""
    deadline = asyncio.get_running_loop().time() + 120
    while True:
        found = await house.tools.journal.incidents(project=house.prefix, open_only=open_only)
        if none is not bool(found):
            return found
        assert asyncio.get_running_loop().time() < deadline, found
        await asyncio.sleep(0.2)


def _root(place: Place) -> Path:
    return Path(place.source)


async def test_what_was_acknowledged_outlives_the_volume(kept: Kept) -> None:
    house = kept.house
    async with kept.kept():
        await kept.receiving()
        async with house.acknowledged(INSERT) as acks:
            await asyncio.sleep(3)
            lost_at = house.tools.clock.now()
            shutil.rmtree(_root(kept.dataset.place), ignore_errors=True)
            await asyncio.sleep(1)
        with suppress(Conflict):  # it may have noticed itself
            await house.act(Verb.KILL_CONTAINER)
        await asyncio.sleep(0.5)
        reached, rows, timeline = await kept.rolled(kept.parts[0])
    wanted = {one.number for one in acks if one.at < lost_at - WITHIN}
    assert len(wanted) > 2
    assert wanted <= set(rows), sorted(wanted - set(rows))
    written = max(one.at for one in acks)
    kept_until = max(one.at for one in acks if one.number in rows)
    print(
        f"RPO: {len(acks)} acknowledged, {len(acks) - len(set(rows))} lost; "
        f"the last row kept is {(written - kept_until).total_seconds():.3f} s before the last "
        f"written; stated {(lost_at - reached.until).total_seconds():.3f} s"
    )
    assert reached.rolled
    assert timeline == "2"
    assert abs(reached.until - lost_at) < timedelta(seconds=3)
    # It was received until the server ended: then nothing at all is lost, and that is said.
    assert "received until the database ended" in reached.whole, reached
    assert {one.number for one in acks} <= set(rows)
    assert not reached.cut


async def test_what_was_not_seen_to_the_end_is_not_said_to_be_whole(kept: Kept) -> None:
    house = kept.house
    async with kept.kept():
        await kept.receiving()
        await house.sh("psql -qU postgres -c 'insert into ledger values (1)'")
        await asyncio.sleep(1.5)
    # Nobody receives any more, and the database goes on.
    await house.sh("psql -qU postgres -c 'insert into ledger values (2)'")
    await house.act(Verb.KILL_CONTAINER)
    reached, rows, _ = await kept.rolled(kept.parts[0])
    assert rows == [1]
    assert not reached.whole
    assert "was not received" in reached.cut


async def test_a_database_that_ran_again_unheard_may_have_taken_more(kept: Kept) -> None:
    house = kept.house
    async with kept.kept():
        await kept.receiving()
        await house.sh("psql -qU postgres -c 'insert into ledger values (1)'")
        await asyncio.sleep(1.5)
        await house.act(Verb.STOP_CONTAINER)
        await asyncio.sleep(0.5)
        assert (await kept.rolled(kept.parts[0]))[0].whole
    await house.act(Verb.START_CONTAINER)
    await house.ready(KIND, (await house.container()).id)
    await house.act(Verb.KILL_CONTAINER)
    reached, rows, _ = await kept.rolled(kept.parts[0])
    assert rows == [1]
    assert not reached.whole
    assert "ran again" in reached.cut


async def test_a_time_is_reached_exactly(kept: Kept) -> None:
    house = kept.house
    async with kept.kept():
        await kept.receiving()
        await house.sh("psql -qU postgres -c 'insert into ledger values (1), (2)'")
        said = await house.sh(
            "psql -AtqU postgres -c 'insert into ledger values (3)'"
            " -c 'select pg_sleep(0.3)' -c 'select clock_timestamp()' -c 'select pg_sleep(0.3)'"
            " -c 'insert into ledger values (4)'"
        )
        at = datetime.fromisoformat(said.split("\n")[-1].strip().replace("+00", "+00:00"))
        await house.sh("psql -qU postgres -c 'delete from ledger where n < 3'")
        await asyncio.sleep(0.5)
        part = kept.parts[0]
        reached, rows, timeline = await kept.rolled(part, at)
        assert (rows, timeline) == ([1, 2, 3], "2")
        assert reached.until == at
        # What is in the repository alone leads there as well.
        await kept.keeper.store_now(house.prefix, kept.dataset.name)
    shutil.rmtree(house.tools.state.path / "wal")
    assert (await kept.rolled(part, at))[1] == [1, 2, 3]
    assert (await kept.rolled(part))[1] == [3, 4]
    with pytest.raises(CopyFailed, match="what is kept ends at"):
        await kept.rolled(part, datetime.now(UTC) + timedelta(hours=1))
    with pytest.raises(CopyFailed, match="which is later"):
        await kept.rolled(part, part.taken_at - timedelta(seconds=5))


async def test_a_time_after_the_last_transaction_is_reached(kept: Kept) -> None:
    async with kept.kept():
        await kept.receiving()
        await kept.house.sh("psql -qU postgres -c 'insert into ledger values (1)'")
        await asyncio.sleep(1.5)
        at = kept.house.tools.clock.now() - timedelta(seconds=0.5)
        assert (await kept.rolled(kept.parts[0], at))[1] == [1]


async def test_log_that_was_let_go_is_a_gap_and_a_new_base_is_taken(kept: Kept) -> None:
    house = kept.house
    async with kept.kept():
        await kept.receiving()
        await house.sh("psql -qU postgres -c 'insert into ledger values (1)'")
        await asyncio.sleep(0.3)
    first = kept.newest.id
    await house.sh(
        "for i in 1 2 3 4 5 6 7 8; do psql -qU postgres -c 'insert into ledger values (2)'"
        " -c 'select pg_switch_wal()' -c checkpoint >/dev/null; done"
    )
    async with kept.kept():
        await kept.receiving(2)
        await house.sh("psql -qU postgres -c 'insert into ledger values (3)'")
        await asyncio.sleep(0.5)
        status = kept.keeper.status()[0]
        assert status.gaps == ("the database let go of a part of its log before it was received",)
        assert kept.newest.id != first
        assert kept.whys[1] == "its write-ahead log begins anew"
        _, rows, _ = await kept.rolled(kept.parts[1])
        assert rows == [1, *[2] * 8, 3]
        reached, rows, _ = await kept.rolled(kept.parts[0])
        assert rows[0] == 1
        assert 3 not in rows
        assert reached.missing, "the hole was not seen"
    # Told while there was no base backup after it, and over with that.
    told = await _incidents(house, open_only=False, none=False)
    assert [one.cause.code for one in told] == ["backup.log-gap"]
    await _incidents(house, open_only=True, none=True)
    notes = await house.tools.journal.entries(project=house.prefix, kinds=("note",))
    assert [one.data["code"] for one in notes] == ["backup.wal-gap"]


async def test_a_drill_replays_what_is_in_the_repository_alone(kept: Kept) -> None:
    house = kept.house
    async with kept.kept():
        await kept.receiving()
        await house.sh("psql -qU postgres -c 'insert into ledger values (1)'")
        await asyncio.sleep(1.5)
        await kept.keeper.store_now(house.prefix, kept.dataset.name)
        looked = await kept.rehearsed()
        assert looked.ok, looked.lines()
        assert any("rolled forward to" in line for line in looked.lines())
        assert any("opens" in line or "starts" in line for line in looked.lines())
        # A file of it is lost before it is stored.
        stream = kept.newest
        await house.sh("psql -qU postgres -Atc 'select pg_switch_wal()'")
        await asyncio.sleep(0.3)
        for _ in range(2):
            await house.sh("psql -qU postgres -c 'insert into ledger values (2)'")
            await house.sh("psql -qU postgres -Atc 'select pg_switch_wal()'")
            await asyncio.sleep(0.5)
        whole = sorted(one for one in stream.files() if not one.endswith("partial"))
        (stream.path / whole[-1]).unlink()
        await kept.keeper.store_now(house.prefix, kept.dataset.name)
        looked = await kept.rehearsed()
        wrong = [line for line in looked.lines() if "NOT OK" in line]
        assert len(wrong) == 1, looked.lines()
        assert "has a hole" in wrong[0]
    # The database goes on, and nobody receives.
    looked = await kept.rehearsed()
    assert any("NOT OK: it is not received" in line for line in looked.lines())


async def test_a_log_that_does_not_come_is_an_incident(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "TOLD_AFTER_S", 1.0)
    house = kept.house
    await house.sh("psql -qU postgres -c 'alter system set max_wal_senders = 0'")
    await house.act(Verb.STOP_CONTAINER)
    await house.act(Verb.START_CONTAINER)
    await house.ready(KIND, house.specs["db"].name)
    async with kept.kept():
        found = await _incidents(house, open_only=False, none=False)
        assert found[0].cause.code == "backup.log"
        assert "max_wal_senders" in found[0].cause.summary
        await house.sh("psql -qU postgres -c 'alter system reset max_wal_senders'")
        await house.act(Verb.STOP_CONTAINER)
        await house.act(Verb.START_CONTAINER)
        await kept.receiving()
        await _incidents(house, open_only=True, none=True)


async def test_a_helper_that_dies_is_replaced_and_nothing_is_lost(kept: Kept) -> None:
    house = kept.house
    async with kept.kept():
        await kept.receiving()
        async with house.acknowledged(INSERT) as acks:
            await asyncio.sleep(1)
            (helper,) = await left(house.tools)
            await house.tools.engine.apply(
                step(Verb.REMOVE_CONTAINER, helper.id, options={"force": True, "volumes": True})
            )
            await asyncio.sleep(4)
        await kept.receiving()
        assert [one.id for one in await left(house.tools)] != [helper.id]
        await asyncio.sleep(0.5)
        _, rows, _ = await kept.rolled(kept.parts[0])
    assert {one.number for one in acks} == set(rows)
    assert len(kept.parts) == 1, "no base backup was needed"


async def test_a_database_put_back_begins_a_new_stream(kept: Kept) -> None:
    house = kept.house
    async with kept.kept():
        await kept.receiving()
        await house.sh("psql -qU postgres -c 'insert into ledger values (1)'")
        await asyncio.sleep(1.2)
        between = house.tools.clock.now() - timedelta(seconds=0.5)
        await house.sh("psql -qU postgres -c 'insert into ledger values (2)'")
        await asyncio.sleep(0.3)
        first = kept.newest.id
        await house.act(Verb.STOP_CONTAINER)
        place = house.place("back")
        work = Filling(tools=house.tools, repository=kept.repository, spec=house.specs["db"])
        await fill_to(work, kept.parts[0], place, to=between)
        shutil.rmtree(_root(kept.dataset.place))
        _root(place).rename(_root(kept.dataset.place))
        await house.act(Verb.START_CONTAINER)
        await kept.receiving(2)
        assert kept.newest.id != first
        await house.sh("psql -qU postgres -c 'insert into ledger values (5)'")
        await asyncio.sleep(0.5)
        # The end is the end of the life that it has now; a time before is of the life before.
        assert (await kept.rolled(kept.parts[0]))[1] == [1, 5]
        assert (await kept.rolled(kept.parts[1]))[1] == [1, 5]
        assert (await kept.rolled(kept.parts[0], between))[1] == [1]
        # What has ended is let go here once it is stored; it leads there all the same.
        await kept.keeper.store_now(house.prefix, kept.dataset.name)
        here = spool.streams(house.tools, house.prefix, kept.dataset.name)
        assert [one.id for one in here] == [kept.newest.id]
        assert (await kept.rolled(kept.parts[0], between))[1] == [1]


async def test_old_chapters_are_let_go_and_what_a_base_needs_stays(kept: Kept) -> None:
    house = kept.house
    async with kept.kept():
        await kept.receiving()
        await house.sh("psql -qU postgres -c 'insert into ledger values (1)'")
        await house.sh("psql -qU postgres -Atc 'select pg_switch_wal()'")
        await asyncio.sleep(0.5)
        await kept.base()
        await house.sh("psql -qU postgres -c 'insert into ledger values (2)'")
        await asyncio.sleep(0.5)
        await kept.keeper.store_now(house.prefix, kept.dataset.name)
        before = set(kept.newest.files())
        parts = await store.bases(house.tools, house.prefix, kept.dataset.name)
        needless = store.needless_before(parts, parts[0].identity)
        assert store.trim(kept.newest, needless)
        assert before - set(kept.newest.files())
        await kept.keeper.store_now(house.prefix, kept.dataset.name)
        assert (await kept.rolled(kept.parts[1]))[1] == [1, 2]
    # Nobody stores another copy meanwhile: while it is kept, one may come at any moment.
    marks = store.tags(house.prefix, kept.dataset.name)
    await store.let_go(kept.repository, house.prefix, kept.dataset.name, None)
    assert len(await kept.repository.stored(marks)) == 2, "not the last copy of each chapter"
    assert (await kept.rolled(kept.parts[0]))[1] == [1, 2]
    far = house.tools.clock.now() + timedelta(days=3)
    await store.let_go(kept.repository, house.prefix, kept.dataset.name, far)
    assert await kept.repository.stored(marks) == []
