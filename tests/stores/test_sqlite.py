"""The database behind the stores: group commit, migrations, damage, ends of processes."""

from __future__ import annotations

import asyncio
import os
import stat
import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from tabib.model.errors import Bug, StateUnusable
from tabib.stores.schema import require_sound_sqlite
from tabib.stores.sqlite import Database

TABLE = "CREATE TABLE thing (name TEXT PRIMARY KEY, size INTEGER NOT NULL DEFAULT 0)"


def _insert(name: str):
    return lambda base: base.execute("INSERT INTO thing (name) VALUES (?)", (name,)) and name


def _names(base: apsw.Connection) -> list[str]:
    return [row[0] for row in base.execute("SELECT name FROM thing ORDER BY name")]


@pytest.fixture
async def database(tmp_path: Path):
    opened = await Database.open(tmp_path / "test.sqlite3", (TABLE,))
    yield opened
    await opened.close()


@pytest.mark.parametrize("version", ["3.7.0", "3.40.1", "3.51.2", "3.6.23"])
def test_refuses_a_sqlite_that_corrupts(version: str) -> None:
    with pytest.raises(StateUnusable, match=r"3\.51\.3") as caught:
        require_sound_sqlite(version)
    assert caught.value.details["code"] == "sqlite"


@pytest.mark.parametrize("version", ["3.51.3", "3.54.1", "4.0.0", apsw.sqlite_lib_version()])
def test_takes_a_sound_sqlite(version: str) -> None:
    require_sound_sqlite(version)


async def test_is_durable_and_private(database: Database) -> None:
    settings = await database.write(
        lambda base: (base.pragma("journal_mode"), base.pragma("synchronous"))
    )
    assert settings == ("wal", 2)
    assert stat.S_IMODE(database.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(os.stat(f"{database.path}-wal").st_mode) == 0o600


async def test_concurrent_writes_share_commits(database: Database) -> None:
    commits: list[int] = []

    def count(_base: apsw.Connection, _name: str, pages: int) -> int:
        commits.append(pages)
        return apsw.SQLITE_OK

    await database.write(lambda base: base.set_wal_hook(count))
    names = await asyncio.gather(*(database.write(_insert(f"n{i:02}")) for i in range(60)))
    assert await database.read(_names) == sorted(names)
    assert len(commits) <= 6


async def test_a_failed_write_takes_no_other_with_it(database: Database) -> None:
    def broken(base: apsw.Connection) -> None:
        base.execute("INSERT INTO thing (name) VALUES ('half')")
        raise LookupError("ours")

    results = await asyncio.gather(
        database.write(_insert("a")),
        database.write(broken),
        database.write(lambda base: base.execute("no statement")),
        database.write(_insert("b")),
        return_exceptions=True,
    )
    assert results[0] == "a"
    assert isinstance(results[1], LookupError)
    assert isinstance(results[2], Bug)
    assert results[3] == "b"
    assert await database.read(_names) == ["a", "b"]


async def test_a_cancelled_write_harms_no_later_one(database: Database) -> None:
    tasks = [asyncio.create_task(database.write(_insert(f"n{i}"))) for i in range(20)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await database.write(_insert("last"))
    kept = await database.read(_names)
    assert {"last", *(f"n{i}" for i in range(1, 20, 2))} <= set(kept)


async def test_a_reader_cannot_write(database: Database) -> None:
    with pytest.raises(StateUnusable) as caught:
        await database.read(_insert("x"))
    assert caught.value.details["code"] == "readonly"


async def test_close_finishes_what_was_handed_in(tmp_path: Path) -> None:
    path = tmp_path / "test.sqlite3"
    database = await Database.open(path, (TABLE,))
    writes = [asyncio.create_task(database.write(_insert(f"n{i}"))) for i in range(50)]
    await asyncio.sleep(0)
    await database.close()
    await database.close()
    await asyncio.gather(*writes)
    assert not path.with_name("test.sqlite3-wal").exists()
    with pytest.raises(Bug, match="closed"):
        await database.write(_insert("late"))
    again = await Database.open(path, (TABLE,))
    assert len(await again.read(_names)) == 50
    await again.close()


# ── formats ────────────────────────────────────────────────────────────────────────────────────


async def test_migrates_and_keeps_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "test.sqlite3"
    first = await Database.open(path, (TABLE,))
    await first.write(_insert("old"))
    await first.close()
    second = await Database.open(path, (TABLE, "ALTER TABLE thing ADD COLUMN colour TEXT"))
    rows = await second.read(lambda base: base.execute("SELECT name, colour FROM thing").fetchall())
    assert rows == [("old", None)]
    assert await second.read(lambda base: base.pragma("user_version")) == 2
    await second.close()


async def test_a_migration_that_fails_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "test.sqlite3"
    await (await Database.open(path, (TABLE,))).close()
    broken = "CREATE TABLE other (x); INSERT INTO nowhere VALUES (1)"
    with pytest.raises(Bug, match="nowhere"):
        await Database.open(path, (TABLE, broken))
    opened = await Database.open(path, (TABLE,))
    tables = await opened.read(
        lambda base: [row[0] for row in base.execute("SELECT name FROM sqlite_schema")]
    )
    assert "thing" in tables
    assert "other" not in tables
    await opened.close()


async def test_a_newer_file_is_refused_and_untouched(tmp_path: Path) -> None:
    path = tmp_path / "test.sqlite3"
    opened = await Database.open(path, (TABLE, "CREATE TABLE later (x)"))
    await opened.write(
        lambda base: base.execute("UPDATE meta SET value = '9.8' WHERE key = 'written_by'") and None
    )
    await opened.close()
    before = path.read_bytes()
    with pytest.raises(StateUnusable) as caught:
        await Database.open(path, (TABLE,))
    assert caught.value.details == {"code": "newer", "path": str(path), "found": 2, "known": 1}
    assert "tabib 9.8" in str(caught.value)
    assert "format 2" in str(caught.value)
    assert "format 1" in str(caught.value)
    assert path.read_bytes() == before


# ── damage ─────────────────────────────────────────────────────────────────────────────────────


async def _filled(path: Path) -> None:
    opened = await Database.open(path, (TABLE,))
    await asyncio.gather(*(opened.write(_insert(f"{i:04}" * 50)) for i in range(400)))
    await opened.close()


@pytest.mark.parametrize("offset", [0, 100, 4096 * 3, 4096 * 9 + 7])
async def test_a_damaged_file_is_kept_aside(tmp_path: Path, offset: int) -> None:
    path = tmp_path / "test.sqlite3"
    await _filled(path)
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(b"\xa5" * 600)
    damaged = path.read_bytes()
    with pytest.raises(StateUnusable) as caught:
        await Database.open(path, (TABLE,))
    kept = Path(caught.value.details["kept"])
    assert caught.value.details["code"] == "damaged"
    assert str(kept) in caught.value.advice
    assert kept.read_bytes() == damaged
    fresh = await Database.open(path, (TABLE,))
    assert await fresh.read(_names) == []
    await fresh.close()


async def test_damage_never_replaces_what_was_kept_before(tmp_path: Path) -> None:
    path = tmp_path / "test.sqlite3"
    for text in ("first " * 1000, "second " * 1000):
        path.write_text(text)
        with pytest.raises(StateUnusable):
            await Database.open(path, (TABLE,))
    assert (tmp_path / "test.sqlite3.damaged-1").read_text().startswith("first")
    assert (tmp_path / "test.sqlite3.damaged-2").read_text().startswith("second")


async def test_damage_found_while_running_is_told_and_found_at_the_next_start(
    tmp_path: Path,
) -> None:
    path = tmp_path / "test.sqlite3"
    await _filled(path)
    opened = await Database.open(path, (TABLE,))
    await opened.write(_insert("new"))
    with path.open("r+b") as file:
        file.seek(4096 * 2)
        file.write(b"\xa5" * (path.stat().st_size - 4096 * 2))
    with pytest.raises(StateUnusable) as caught:
        await opened.verify()
    assert caught.value.details["code"] == "damaged"
    await opened.close()
    assert path.with_name("test.sqlite3-wal").exists()
    with pytest.raises(StateUnusable) as caught:
        await Database.open(path, (TABLE,))
    assert caught.value.details["code"] == "damaged"
    assert Path(caught.value.details["kept"] + "-wal").stat().st_size > 0


async def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StateUnusable, match="No such file"):
        await Database.open(tmp_path / "gone" / "test.sqlite3", (TABLE,))


# ── the end of the process ─────────────────────────────────────────────────────────────────────

HANGS = """
import asyncio, sys
from pathlib import Path
from tabib.stores.sqlite import Database
async def main():
    database = await Database.open(Path(sys.argv[1]), ("CREATE TABLE thing (name)",))
    await database.write(lambda base: base.execute("INSERT INTO thing VALUES ('kept')") and None)
    await database.read(lambda base: None)
    raise RuntimeError("never closed")
asyncio.run(main())
"""


def test_an_open_database_does_not_hold_up_the_exit(tmp_path: Path) -> None:
    path = tmp_path / "test.sqlite3"
    done = subprocess.run(
        [sys.executable, "-c", HANGS, str(path)], capture_output=True, text=True, timeout=20
    )
    assert done.returncode == 1
    assert "never closed" in done.stderr
    assert apsw.Connection(str(path)).execute("SELECT name FROM thing").fetchall() == [("kept",)]
