"""Damaged data, on a real engine with real databases under load: what is restored by itself, what
is told apart from damage, and that acknowledged rows older than the stated RPO are all there.

What `make damage` (tests/damage) does to each database is not done here again.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sqlite3
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from support import real_engine
from support.installation import Installation, until

pytestmark = [pytest.mark.root, pytest.mark.slow]

POSTGRES = """
services:
  db:
    image: postgres:15
    environment: {POSTGRES_PASSWORD: of no value, POSTGRES_INITDB_ARGS: --data-checksums}
    volumes: ["data:/var/lib/postgresql/data"]
    healthcheck:
      test: ["CMD-SHELL", "pg_isready -q -h 127.0.0.1 -U postgres"]
      interval: 0.5s
      start_period: 60s
  app:
    image: postgres:15
    init: true
    environment: {PGPASSWORD: of no value, PGHOST: db, PGUSER: postgres, PGCONNECT_TIMEOUT: "2"}
    tmpfs: [/var/lib/postgresql/data]
    depends_on: {db: {condition: service_healthy}}
    command:
      - sh
      - -c
      - |
        psql -qc 'create table if not exists orders (id bigserial primary key, at text)'
        while :; do
          n=$$(psql -qtAc "insert into orders (at) values (now()) returning id" 2>/dev/null)
          test -n "$$n" && echo "acked $$n $$(date +%s.%N)"
          sleep 0.05
        done
volumes:
  data: {}
"""
REDIS = """
services:
  db:
    image: redis:7
    command: [redis-server, --appendonly, "yes", --appendfsync, always]
    volumes: ["data:/data"]
    healthcheck: {test: [CMD, redis-cli, ping], interval: 0.5s, start_period: 30s}
volumes:
  data: {}
"""
MARIADB = """
services:
  db:
    image: mariadb:10.11
    environment: {MARIADB_ROOT_PASSWORD: of no value, MARIADB_DATABASE: shop}
    volumes: ["data:/var/lib/mysql"]
    healthcheck:
      test: ["CMD-SHELL", "mariadb -h 127.0.0.1 -uroot -p'of no value' -e 'select 1' shop"]
      interval: 1s
      start_period: 90s
volumes:
  data: {}
"""
HEALED_S = 180.0


class Database:
    """A project with a database, somebody who writes to it, and how to harm it."""

    def __init__(self, tabib: Installation, folder: Path, text: str) -> None:
        self.tabib = tabib
        self.folder = tabib.project(folder, text)
        self.name = tabib.prefix
        self.db = f"{self.name}-db-1"

    def up(self) -> None:
        self.tabib("up", cwd=self.folder, timeout_s=180).well()
        until(self.data, 20, "the volume's folder")
        # What it is while it is well is on record.
        time.sleep(2)

    def backup(self) -> None:
        self.tabib("backup", cwd=self.folder, timeout_s=180).well()

    def snapshots(self) -> list[dict[str, Any]]:
        """The newest first."""
        found: list[dict[str, Any]] = self.tabib("snapshots", self.name, "--json").json
        return found

    def data_kept_down(self) -> Path:
        """The folder of its volume while that is none of the engine's: its newest generation."""
        found = (self.tabib.state / "volumes").glob("*/g*")
        return max(found, key=lambda one: int(one.name[1:]))

    def data(self) -> Path:
        """The folder of its volume, now."""
        found = self.tabib.engine.call("GET", f"/volumes/{self.name}_data")
        return Path(str((found.get("Options") or {}).get("device") or found["Mountpoint"]))

    def sh(self, script: str, service: str = "db") -> str:
        words = ("exec", "-T", service, "sh", "-c", script)
        return self.tabib(*words, cwd=self.folder).well().out.strip()

    def sql(self, query: str) -> str:
        return self.sh(f'psql -U postgres -tAc "{query}"')

    def restart(self) -> None:
        self.tabib.engine.call("POST", f"/containers/{self.db}/restart", query=[("t", "5")])

    def acked(self) -> dict[int, float]:
        """Row → when its insertion was acknowledged, seconds since 1970."""
        text = (
            self.tabib("logs", "--no-log-prefix", "app", cwd=self.folder, timeout_s=60).well().out
        )
        return {int(n): float(at) for n, at in re.findall(r"acked (\d+) ([\d.]+)", text)}

    def rows(self) -> set[int]:
        return {int(one) for one in self.sql("select id from orders").split()}

    # ── what care says ─────────────────────────────────────────────────────────────────────────

    def incident(self, service: str = "db") -> dict[str, Any] | None:
        """The newest that is about ``service``."""
        found = [one for one in self.tabib.incidents(self.name) if one["service"] == service]
        return found[-1] if found else None

    def ended(self, *outcomes: str, within_s: float = HEALED_S) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            one = self.incident()
            return one if one is not None and one["outcome"] in outcomes else None

        try:
            return until(look, within_s, f"an incident that is {' or '.join(outcomes)}")
        except AssertionError as error:
            told = self.tabib("-p", self.name, "incidents", "--all").out
            last = self.incident()
            page = self.tabib("incident", str(last["id"])).out if last else ""
            raise AssertionError(f"{error}\n{told}\n{page}") from None

    def restored(self, *codes: str, within_s: float = HEALED_S) -> dict[str, Any]:
        """It was restored by itself, and all that was acknowledged before the copy is there."""
        harmed = time.time()
        incident = self.ended("recovered", within_s=within_s)
        assert incident["cause"]["code"] in codes, incident["cause"]
        done = [(one["action"], one["outcome"]) for one in incident["treatments"]]
        assert done[-1] == ("restore", "verified"), done
        lost = incident["cause"]["code"] == "storage.volume-lost"
        assert incident["restored"]["kept"] or lost, "what was there is kept"
        assert incident["rpo_seconds"] is not None
        assert incident["rto_seconds"] is not None
        opened = datetime.fromisoformat(incident["opened_at"]).timestamp()
        print(f"{codes}: RPO {incident['rpo_seconds']} s, RTO {incident['rto_seconds']} s")
        safe = opened - float(incident["rpo_seconds"])
        acked = self.acked()
        rows = until(self.rows, 30, "rows")
        missing = {row for row, at in acked.items() if at < safe and row not in rows}
        assert not missing, f"{len(missing)} acknowledged rows older than the RPO are gone"
        assert opened <= harmed + HEALED_S
        return incident

    def not_restored(self, *codes: str, within_s: float = 90.0) -> dict[str, Any]:
        """It was reported, and nothing was restored."""
        incident = self.ended("needs_human", within_s=within_s)
        assert incident["cause"]["code"] in codes, (incident["cause"], incident["causes"])
        done = [(one["action"], one["outcome"]) for one in incident["treatments"]]
        assert not any(action == "restore" and how != "offered" for action, how in done), done
        return incident


@pytest.fixture
def postgres(tabib: Installation, shop_images: None, tmp_path: Path) -> Database:
    made = Database(tabib, tmp_path / "p", POSTGRES)
    made.up()
    return made


@pytest.fixture
def kept(postgres: Database) -> Database:
    """With one good snapshot, and rows since."""
    postgres.sql("create table old as select generate_series(1, 20000) id")
    postgres.sql("checkpoint")
    time.sleep(2)
    postgres.backup()
    time.sleep(2)
    return postgres


def empty(folder: Path) -> None:
    """A server that notices takes its own files away meanwhile."""
    for one in folder.iterdir():
        shutil.rmtree(one, ignore_errors=True) if one.is_dir() else one.unlink(missing_ok=True)


# ── what is restored ───────────────────────────────────────────────────────────────────────────


def test_emptied_and_restarted_it_comes_back_empty_and_healthy(kept: Database) -> None:
    empty(kept.data())
    kept.restart()
    incident = kept.restored("storage.volume-emptied", "database.replaced")
    place, restored = kept.data(), Path(incident["restored"]["kept"][0])
    assert restored != place
    # What was there before is put back at a person's word, and what was restored is kept instead.
    kept.tabib("incident", incident["id"], "--undo", timeout_s=120).well()
    assert kept.data() == restored
    assert (place / "PG_VERSION").exists()
    assert kept.sql("select to_regclass('old') is null") == "t"


HARM = b"harm" * 1000


def test_bits_flipped_in_a_table(kept: Database) -> None:
    """A table that nobody writes to: what is written would be written over the damage."""
    path = kept.sql("select pg_relation_filepath('old')")
    with (kept.data() / path).open("r+b") as table:
        table.seek(3 * 8192 + 100)
        table.write(HARM)
    kept.restart()
    until(lambda: kept.sh("psql -U postgres -tAc 'select 1' 2>&1 || true") == "1", 60, "a restart")
    kept.sh("psql -U postgres -c 'select sum(id) from old' >/dev/null 2>&1; true")
    incident = kept.restored("database.corrupt")
    assert kept.sql("select count(*) from old") == "20000"
    # The copy of the damage is never taken by itself; named, and with a yes, it is what it was.
    damaged = incident["restored"]["damage_snapshot"]
    named = ("restore", "--snapshot", damaged)
    kept.tabib(*named, cwd=kept.folder).ended(3, damaged, "of damaged data", "--yes")
    assert kept.sql("select count(*) from old") == "20000"
    kept.tabib("down", cwd=kept.folder, timeout_s=60).well()
    kept.tabib(*named, cwd=kept.folder).ended(3, "of damaged data", "--yes")
    done = kept.tabib(*named, "--yes", "--json", cwd=kept.folder, timeout_s=180).json
    assert done["snapshot"] == damaged
    assert HARM in (kept.data_kept_down() / path).read_bytes(), "it is restored as it was"
    assert kept.tabib("restore", "--dry-run", "--json", cwd=kept.folder).json["snapshot"] != damaged


def test_a_newest_copy_that_does_not_hold_gives_way_by_itself(kept: Database) -> None:
    """As if rows had got lost on the way: what is booted from it, on no network, holds fewer than
    its record says."""
    older = kept.snapshots()[0]["id"]
    kept.backup()
    newest = kept.snapshots()[0]["id"]
    assert newest != older
    kept.tabib("daemon", "stop").well()
    with sqlite3.connect(kept.tabib.state / "journal.sqlite3") as base:
        row = base.execute("select body from snapshot where id = ?", (newest,)).fetchone()
        body = json.loads(row[0])
        body["parts"][0]["record"] = more_than_there_is(body["parts"][0]["record"])
        base.execute(
            "update snapshot set body = ? where id = ?", (json.dumps(body).encode(), newest)
        )
    base.close()
    kept.tabib("daemon", "start").well()
    empty(kept.data())
    kept.restart()
    incident = kept.restored("storage.volume-emptied", "database.replaced")
    assert incident["restored"]["snapshot"] == older
    found = {one["id"]: one for one in kept.snapshots()}
    assert found[newest]["drill"]["outcome"] == "failed"
    assert found[newest]["verified_at"] is None
    assert found[older]["verified_at"], "it was looked at on the way"
    page = kept.tabib("incident", incident["id"]).well().out
    assert f"snapshot {newest} does not hold" in page
    assert kept.sql("select count(*) from old") == "20000"


def more_than_there_is(record: Any) -> Any:
    """A record with each of its numbers raised."""
    if isinstance(record, dict):
        return {name: more_than_there_is(one) for name, one in record.items()}
    if isinstance(record, list):
        return [more_than_there_is(one) for one in record]
    return record + 1 if isinstance(record, int) and not isinstance(record, bool) else record


def test_a_damaged_log_keeps_it_from_starting(kept: Database) -> None:
    kept.tabib.engine.call("POST", f"/containers/{kept.db}/kill", query=[("signal", "STOP")])
    for one in (kept.data() / "pg_wal").iterdir():
        if one.is_file():
            one.write_bytes(os.urandom(4096))
    _kill_from_host(kept)
    kept.restored("database.corrupt")


# ── what is no damage ──────────────────────────────────────────────────────────────────────────


def test_wrong_permissions_are_reported(postgres: Database) -> None:
    """Of a file: an image's entry point puts those of the folder right itself."""
    file = postgres.data() / "global" / "pg_control"
    mode = file.stat().st_mode
    file.chmod(0)
    _kill_from_host(postgres)
    try:
        postgres.not_restored("storage.permission-denied", "storage.volume-permission")
    finally:
        file.chmod(mode)


def test_without_a_snapshot_it_is_told(postgres: Database) -> None:
    empty(postgres.data())
    codes = ("storage.volume-emptied", "database.replaced", "database.corrupt")
    incident = postgres.not_restored(*codes)
    assert "no snapshot" in incident["treatments"][-1]["reason"]


# ── others ─────────────────────────────────────────────────────────────────────────────────────


class Redis(Database):
    def rows(self) -> set[int]:
        return {int(one) for one in self.sh("redis-cli lrange ledger 0 -1").split()}

    def acked(self) -> dict[int, float]:
        return dict.fromkeys(range(100), 0.0)


@pytest.fixture
def redis(tabib: Installation, shop_images: None, tmp_path: Path) -> Redis:
    made = Redis(tabib, tmp_path / "p", REDIS)
    made.up()
    made.sh("i=0; while [ $i -lt 100 ]; do redis-cli rpush ledger $i; i=$((i+1)); done >/dev/null")
    made.backup()
    return made


def test_redis_with_a_damaged_log_is_restored(redis: Redis) -> None:
    redis.sh("redis-cli rpush ledger 100; redis-cli bgrewriteaof; sleep 1")
    redis.sh("redis-cli rpush ledger 101")
    log = next((redis.data() / "appendonlydir").glob("*.incr.aof"))
    log.write_bytes(b"*3\r\n$5\r\nrpush\r\nGARBAGE\r\n" + log.read_bytes())
    _kill_from_host(redis)
    redis.restored("database.corrupt")


def test_redis_whose_log_ends_early_heals_itself(redis: Redis) -> None:
    log = next((redis.data() / "appendonlydir").glob("*.incr.aof"))
    log.write_bytes(log.read_bytes()[:-5])
    _kill_from_host(redis)
    incident = redis.ended("recovered")
    assert incident["treatments"][-1]["action"] == "start"
    assert redis.rows() >= set(range(99))


class MariaDb(Database):
    def sql(self, query: str) -> str:
        return self.sh(f"mariadb -uroot -p'of no value' -N -e '{query}' shop")

    def acked(self) -> dict[int, float]:
        return dict.fromkeys(range(1, 201), 0.0)


@pytest.fixture
def mariadb(tabib: Installation, tmp_path: Path) -> MariaDb:
    real_engine.ensure_images("mariadb:10.11")
    made = MariaDb(tabib, tmp_path / "p", MARIADB)
    made.up()
    made.sql("create table orders (id int primary key auto_increment, at text)")
    values = ",".join(["(now())"] * 200)
    made.sql(f"insert into orders (at) values {values}")
    made.backup()
    return made


def test_mariadb_with_damaged_system_pages_is_restored(mariadb: MariaDb) -> None:
    pid = mariadb.tabib.inspect(mariadb.db)
    assert pid is not None
    os.kill(int(pid["State"]["Pid"]), signal.SIGSTOP)
    with (mariadb.data() / "ibdata1").open("r+b") as file:
        for page in range(8):
            file.seek(page * 16384 + 200)
            file.write(os.urandom(8000))
    os.kill(int(pid["State"]["Pid"]), signal.SIGKILL)
    mariadb.restored("database.corrupt")


def _kill_from_host(database: Database) -> None:
    """SIGKILL from outside the engine: to it, a crash."""
    found = database.tabib.inspect(database.db)
    assert found is not None
    os.kill(int(found["State"]["Pid"]), 9)
