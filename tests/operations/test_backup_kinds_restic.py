"""Each kind once on a real repository: saved under load, written back, booted, checked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from support.backups import DataHouse, must_have
from support.real_engine import ensure_images
from tabib.model.backup import RepositoryAddress
from tabib.operations.backups.kinds import KINDS, Copying, Filling
from tabib.operations.backups.scratch import booted
from tabib.ports import Repository
from tabib.stores.repository import ResticRepositories
from tabib.stores.vault import open_vault

pytestmark = [pytest.mark.engine, pytest.mark.slow]

RESTIC = "restic/restic:0.18.1"


@pytest.fixture
async def restic(data_house: DataHouse, tmp_path: Path) -> AsyncIterator[Repository]:
    ensure_images(RESTIC)
    tools = data_house.tools
    vault = await open_vault(tools.state.path)
    repositories = ResticRepositories(
        tools.engine,
        tools.info,
        state=tools.state.path,
        installation=tools.installation,
        journal=tools.journal,
        vault=vault,
        clock=tools.clock,
        image=RESTIC,
        is_root=True,
    )
    yield await repositories.get(RepositoryAddress())
    await vault.close()


PSQL = "psql -qU postgres -c"
MARIADB = "MYSQL_PWD=word mariadb -uroot shop -NBe"
CASES: dict[str, dict[str, Any]] = {
    "postgres": {
        "image": "postgres:15",
        "target": "/var/lib/postgresql/data",
        "environment": {"POSTGRES_PASSWORD": "word", "PGDATA": "/var/lib/postgresql/data/inner"},
        "inner": "inner",
        "make": f"{PSQL} 'create table ledger(id int primary key)'",
        "write": f'{PSQL} "insert into ledger values ($i)"',
        "read": "psql -AtqU postgres -c 'select id from ledger'",
        "form": "tar",
    },
    "mysql": {
        "image": "mariadb:10.11",
        "target": "/var/lib/mysql",
        "environment": {"MARIADB_ROOT_PASSWORD": "word", "MARIADB_DATABASE": "shop"},
        "make": f"{MARIADB} 'create table ledger(id int primary key)'",
        "write": f'{MARIADB} "insert into ledger values ($i)"',
        "read": f"{MARIADB} 'select id from ledger'",
        "form": "dump",
    },
    "redis": {
        "image": "redis:7",
        "target": "/data",
        "command": ["redis-server", "--appendonly", "yes", "--appendfsync", "always"],
        "make": "true",
        "write": "redis-cli rpush ledger $i",
        "read": "redis-cli lrange ledger 0 -1",
        "form": "rdb",
    },
    "sqlite": {
        "image": "python:3.11-slim",
        "target": "/app",
        "command": ["sleep", "1000"],
        "files": ("shop.db",),
        "make": 'python3 -c \'import sqlite3; d = sqlite3.connect("/app/shop.db");'
        ' d.execute("pragma journal_mode=wal"); d.execute("create table ledger(id)")\'',
        "write": 'python3 -c \'import sqlite3, sys; d = sqlite3.connect("/app/shop.db");'
        ' d.execute("insert into ledger values (?)", (int(sys.argv[1]),)); d.commit()\' $i',
        "read": 'python3 -c \'import sqlite3; d = sqlite3.connect("/app/shop.db");'
        ' [print(r[0]) for r in d.execute("select id from ledger")]\'',
        "form": "files",
    },
    "files": {
        "image": "python:3.11-slim",
        "target": "/data",
        "command": ["sleep", "1000"],
        "make": "true",
        "write": 'sh -c "echo $i >/data/$i"',
        "read": "cat /data/*",
        "form": "files",
        "method": "pause",
    },
}


@pytest.mark.parametrize("name", CASES)
async def test_saved_under_load_and_brought_back(
    data_house: DataHouse, restic: Repository, name: str
) -> None:
    case = dict(CASES[name])
    make, write, read = case.pop("make"), case.pop("write"), case.pop("read")
    form, method = case.pop("form"), case.pop("method", "")
    kind, tools = KINDS[name], data_house.tools
    dataset = await data_house.start(name, **case)
    dataset = replace(dataset, method=method)
    await data_house.sh(make)
    async with data_house.acknowledged(write) as acks:
        copying: Copying = replace(await data_house.copying(), repository=restic)
        part = await kind.save(copying, dataset)
    assert part.form == form
    assert [one.id for one in await restic.stored()] == [part.stored]
    filling: Filling = replace(data_house.filling(), repository=restic)
    place = data_house.place("restored")
    await kind.fill(filling, part, place)
    spec = data_house.specs["db"]
    places = {dataset.target: place}
    async with booted(tools, spec, places, purpose="drill", ready=kind.ready) as container:
        rows = await data_house.ask(container, read)
        checks = await kind.check(tools, container, part)
    wanted = must_have(acks, part.taken_at)
    assert wanted
    assert wanted <= set(map(int, rows.split()))
    assert all(one.ok for one in checks), checks
    assert checks
