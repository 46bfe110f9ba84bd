"""SQLite: files copied under the heaviest write load, and what that does to them."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from support.backups import Ack, DataHouse, copy_tree, must_have
from tabib.model.backup import LOCKED, PAUSED, STOPPED, Dataset, Place
from tabib.model.errors import Damaged
from tabib.model.plan import Verb
from tabib.operations.backups.kinds import KINDS

pytestmark = [pytest.mark.engine, pytest.mark.slow]

KIND = KINDS["sqlite"]
IMAGE = "python:3.11-slim"
DATA = "/app"
COPIES = 12
WRITER = """
import os, sqlite3, sys, time
mode, uid = sys.argv[1], int(sys.argv[2])
os.setgid(uid); os.setuid(uid)
db = sqlite3.connect("/app/deep/shop.db", timeout=60, isolation_level=None)
db.execute(f"pragma journal_mode={mode}")
db.execute("pragma synchronous=normal")
db.execute("pragma wal_autocheckpoint=200")
db.execute("create table if not exists ledger(id integer primary key, t text)")
db.execute("create table if not exists still as select 1 as a, 'x' as b")
db.execute("create table if not exists pages(id integer primary key, t text)")
if not db.execute("select count(*) from pages").fetchone()[0]:
    db.execute("begin")
    db.executemany("insert into pages values (?, ?)", ((i, "x" * 900) for i in range(20000)))
    db.execute("commit")
i = db.execute("select coalesce(max(id), 0) from ledger").fetchone()[0]
acks = open("/tmp/acks", "a", buffering=1)
while not os.path.exists("/tmp/stop"):
    i += 1
    db.execute("begin immediate")
    db.execute("insert into ledger values (?, ?)", (i, "y" * 300))
    db.execute("update pages set t = ? where id = ?", ("z%d" % i * 100, (i * 7919) % 20000))
    db.execute("commit")
    acks.write(f"{i} {time.time()}\\n")
"""


async def shop(house: DataHouse, mode: str, place: Place | None = None) -> Dataset:
    place = place or house.place("db")
    deep = Path(place.source) / "deep"
    deep.mkdir()
    os.chown(deep, 1000, 1000)
    (Path(place.source) / "writer.py").write_text(WRITER)
    dataset = await house.start(
        "sqlite",
        IMAGE,
        DATA,
        place=place,
        command=["sleep", "1000"],
        files=("deep/shop.db",),
    )
    script = f"touch /tmp/acks; chmod 666 /tmp/acks; nohup python3 /app/writer.py {mode} 1000"
    await house.sh(f"({script} >/tmp/said 2>&1 &) </dev/null >/dev/null 2>&1", user="0:0")
    await house.sh("while [ $(wc -l </tmp/acks) -lt 50 ]; do sleep 0.1; done")
    return dataset


async def acks_of(house: DataHouse) -> list[Ack]:
    lines = (await house.sh("cat /tmp/acks")).splitlines()
    return [Ack.of(line) for line in lines]


def look(tree: Path) -> tuple[set[int], str]:
    """The numbers in the ledger of a copy, and what its integrity check says."""
    database = sqlite3.connect(tree / "deep" / "shop.db")
    rows = {row[0] for row in database.execute("select id from ledger")}
    check = database.execute("pragma integrity_check").fetchone()[0]
    database.close()
    return rows, check


def owners_in(folder: Path) -> list[tuple[str, int]]:
    found = []
    for one in folder.iterdir():
        with suppress(FileNotFoundError):  # a journal goes with its commit
            found.append((one.name, one.stat().st_uid))
    return found


@pytest.mark.parametrize("mode", ["wal", "delete"])
async def test_copies_under_load_have_all_that_was_acknowledged(
    data_house: DataHouse, mode: str
) -> None:
    dataset = await shop(data_house, mode)
    owners: list[tuple[str, int]] = []
    folder = Path(dataset.place.source) / "deep"
    data_house.repository.on_files = lambda: owners.extend(owners_in(folder))
    parts = []
    longest = 0.0
    for _ in range(COPIES):
        begun = time.monotonic()
        parts.append(await KIND.save(await data_house.copying(), dataset))
        longest = max(longest, time.monotonic() - begun)
    acks = await acks_of(data_house)
    await data_house.sh("touch /tmp/stop")
    assert {uid for _, uid in owners} == {1000}, owners
    assert await data_house.sh("cat /tmp/said") == ""
    lost, broken, ahead = [], [], 0
    for number, part in enumerate(parts):
        rows, check = look(data_house.repository.tree(part.stored))
        missing = must_have(acks, part.taken_at) - rows
        if missing:
            lost.append((number, len(missing)))
        if check != "ok":
            broken.append((number, check))
        ahead += len(acks) > len(rows)
    assert (lost, broken) == ([], [])
    assert ahead == COPIES, "nothing was written after the copies"
    assert {part.consistency for part in parts} == {LOCKED}
    assert len(data_house.repository.snapshots()) == COPIES, "a first pass was left"
    print(f"{mode}: {len(acks)} commits, longest copy {longest:.2f} s")


async def test_a_log_that_begins_anew_is_copied_again(data_house: DataHouse) -> None:
    place = data_house.place("db")
    dataset = await data_house.start(
        "sqlite", IMAGE, DATA, place=place, command=["sleep", "1000"], files=("a.db",)
    )
    database = sqlite3.connect(Path(place.source) / "a.db", isolation_level=None)
    database.execute("pragma journal_mode=wal")
    database.execute("create table t(a)")
    database.execute("insert into t values (1)")
    database.execute("pragma wal_checkpoint")  # all of the log is in the file: it may begin anew
    written = []

    def write() -> None:
        written.append(len(written) + 2)
        database.execute("insert into t values (?)", (written[-1],))

    data_house.repository.on_files = write
    part = await KIND.save(await data_house.copying(), dataset)
    assert written == [2, 3], "the log began anew, and that was not seen"
    assert data_house.repository.snapshots() == [part.stored]
    copy = sqlite3.connect(data_house.repository.tree(part.stored) / "a.db")
    assert [row[0] for row in copy.execute("select a from t")] == [1, 2]
    copy.close()
    database.close()


async def test_a_restored_file_is_checked_against_its_record(data_house: DataHouse) -> None:
    dataset = await shop(data_house, "wal")
    part = await KIND.save(await data_house.copying(), dataset)
    tables = {one["name"]: one for one in part.record["tables"]}
    assert tables["deep/shop.db:still"]["rows"] == 1
    assert tables["deep/shop.db:still"]["digest"]
    assert tables["deep/shop.db:ledger"]["at_least"] > 0
    place = data_house.place("restored")
    async with data_house.restored(KIND, part, place=place) as container:
        checks = await KIND.check(data_house.tools, container, part)
        assert all(one.ok for one in checks), checks
        await data_house.ask(
            container,
            'python3 -c \'import sqlite3; d = sqlite3.connect("/app/deep/shop.db");'
            ' d.execute("update still set a = 2"); d.commit()\'',
        )
        checks = await KIND.check(data_house.tools, container, part)
    assert {one.name for one in checks if not one.ok} == {"tables", "table deep/shop.db:still"}


async def test_elsewhere_the_writer_is_paused(data_house: DataHouse) -> None:
    dataset = await shop(data_house, "wal")
    data_house.tools.info = data_house.elsewhere()
    part = await KIND.save(await data_house.copying(), dataset)
    assert part.consistency == PAUSED
    assert part.dataset == dataset
    assert (await data_house.container()).status == "running"
    acks = await acks_of(data_house)
    rows, check = look(data_house.repository.tree(part.stored))
    assert check == "ok"
    assert must_have(acks, part.taken_at) <= rows


async def test_files_at_rest_need_no_lock(data_house: DataHouse) -> None:
    dataset = await shop(data_house, "wal")
    await data_house.act(Verb.STOP_CONTAINER, timeout_s=0)
    part = await KIND.save(await data_house.copying(), dataset)
    assert part.consistency == STOPPED


async def test_a_damaged_file_leaves_no_snapshot(data_house: DataHouse) -> None:
    dataset = await shop(data_house, "wal")
    await data_house.sh("touch /tmp/stop; sleep 0.5")
    path = Path(dataset.place.source) / "deep/shop.db"
    for extra in ("-wal", "-shm"):
        Path(f"{path}{extra}").unlink(missing_ok=True)
    _flip(path, 0)
    with pytest.raises(Damaged, match=r"deep/shop\.db"):
        await KIND.save(await data_house.copying(), dataset)
    assert data_house.repository.snapshots() == []


async def test_a_link_out_of_the_place_is_not_followed(data_house: DataHouse) -> None:
    dataset = await shop(data_house, "wal")
    secret = data_house.folder / "secret.db"
    sqlite3.connect(secret).execute("create table a(b)").connection.close()
    path = Path(dataset.place.source) / "deep/shop.db"
    await data_house.sh("touch /tmp/stop; sleep 0.5")
    path.unlink()
    path.symlink_to(secret)
    part = await KIND.save(await data_house.copying(), dataset)
    assert "leads elsewhere" in part.warnings[0]


# ── the second witness ─────────────────────────────────────────────────────────────────────────

Hurt = Callable[[Path], object]


def _flip(path: Path, at: int) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(b"\xa5" * 200)


DAMAGES: dict[str, Hurt] = {
    "head flipped": lambda path: _flip(path, 0),
    "page flipped": lambda path: _flip(path, 4096 * 40),
    "truncated": lambda path: os.truncate(path, path.stat().st_size // 2),
    "emptied": lambda path: os.truncate(path, 0),
    "gone": lambda path: path.unlink(),
    "all gone": lambda path: shutil.rmtree(path.parent),
}
HARMLESS: dict[str, Hurt] = {
    "nothing": lambda path: None,
    "owner": lambda path: os.chown(path, 1, 1),
    "mode": lambda path: path.chmod(0),
}


async def test_examine_tells_damage_from_what_is_merely_down(data_house: DataHouse) -> None:
    dataset = await shop(data_house, "wal")
    await data_house.act(Verb.KILL_CONTAINER, signal="SIGKILL")
    found = {}
    for name, hurt in {**DAMAGES, **HARMLESS}.items():
        place = data_house.place("examined")
        copy_tree(dataset.place, place)
        path = Path(place.source) / "deep/shop.db"
        if name in DAMAGES:
            database = sqlite3.connect(path)  # its log is written back: no copy of it is left
            database.execute("pragma wal_checkpoint(truncate)")
            database.close()
        hurt(path)
        examined = await KIND.examine(data_house.tools, place, dataset, IMAGE)
        found[name] = (examined.sound, examined.text)
    wrong = {name: one for name, one in found.items() if one[0] is not (name in HARMLESS)}
    assert not wrong


async def test_nothing_stays_locked_when_the_daemon_dies(data_house: DataHouse) -> None:
    dataset = await shop(data_house, "delete")
    path = Path(dataset.place.source) / "deep/shop.db"
    await data_house.sh("touch /tmp/stop; sleep 0.5")
    pipe = asyncio.subprocess.PIPE
    argv = [sys.executable, "-m", "tabib.host.sqlite_holder", dataset.place.source, "deep/shop.db"]
    holder = await asyncio.create_subprocess_exec(*argv, stdin=pipe, stdout=pipe)
    assert holder.stdin is not None
    assert holder.stdout is not None
    holder.stdin.write(b"hold\n")
    assert b"held" in await holder.stdout.readline()
    database = sqlite3.connect(path, timeout=0)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        database.execute("update still set a = 3").connection.commit()
    database.rollback()
    holder.stdin.close()  # as the kernel does when the parent is gone
    await holder.wait()
    database.execute("update still set a = 3").connection.commit()
    database.close()
