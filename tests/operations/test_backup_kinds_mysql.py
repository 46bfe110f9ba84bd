"""MariaDB: copies under load, restores, refusals, and the second witness, on a real server."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from support.backups import DataHouse, copy_tree, must_have
from tabib.model.backup import DATABASE, Dataset
from tabib.model.errors import CopyFailed, Damaged
from tabib.model.plan import Verb
from tabib.operations.backups.kinds import KINDS

pytestmark = [pytest.mark.engine, pytest.mark.slow]

KIND = KINDS["mysql"]
IMAGE = "mariadb:10.11"
DATA = "/var/lib/mysql"
PASSWORD = 'a secret\'s "word"'
ENVIRONMENT = {
    "MARIADB_ROOT_PASSWORD": PASSWORD,
    "MARIADB_DATABASE": "shop",
    "MARIADB_USER": "clerk",
    "MARIADB_PASSWORD": "pw",
}
CLIENT = 'MYSQL_PWD="$MARIADB_ROOT_PASSWORD" mariadb -uroot -N -B shop'
ORDERS = (
    "create table orders(id int primary key, what varchar(40), b blob);"
    " insert into orders select seq, md5(seq), unhex(md5(seq)) from seq_1_to_20000;"
    " create table ledger(id int primary key);"
    " create procedure twice(x int) select x * 2;"
)


async def shop(house: DataHouse, **fields: object) -> Dataset:
    fields = {"environment": ENVIRONMENT, **fields}
    dataset = await house.start("mysql", IMAGE, DATA, **fields)  # type: ignore[arg-type]
    await house.sh(f"{CLIENT} -e '{ORDERS}'")
    return dataset


async def test_a_copy_under_load_has_all_that_was_acknowledged(data_house: DataHouse) -> None:
    dataset = await shop(data_house)
    async with data_house.acknowledged(f'{CLIENT} -e "insert into ledger values ($i)"') as acks:
        part = await KIND.save(await data_house.copying(), dataset)
        await asyncio.sleep(0.5)
    assert (part.form, part.consistency) == ("dump", DATABASE)
    assert part.version.startswith("10.11.")
    assert part.warnings == ()
    assert "secret" not in repr(part)
    assert len(part.identity) == 32
    assert await KIND.identity(data_house.tools, (await data_house.container()).id, dataset) == (
        part.identity
    )
    async with data_house.restored(KIND, part) as container:
        rows = await data_house.ask(container, f"{CLIENT} -e 'select id from ledger'")
        twice = await data_house.ask(container, f"{CLIENT} -e 'call twice(21)'")
        clerk = "MYSQL_PWD=pw mariadb -uclerk -h127.0.0.1 -NB shop -e 'select 1'"
        assert await data_house.ask(container, clerk) == "1"
        checks = await KIND.check(data_house.tools, container, part)
    assert twice == "42"
    wanted = must_have(acks, part.taken_at)
    assert len(wanted) > 5
    assert wanted <= set(map(int, rows.split()))
    assert len(acks) > len(wanted), "nothing was written after it"
    assert all(one.ok for one in checks), checks
    tables = {one["name"]: one for one in part.record["tables"]}
    assert tables["shop.orders"]["rows"] == 20000
    assert tables["shop.orders"]["digest"]
    assert tables["shop.ledger"]["at_least"] < tables["shop.ledger"]["at_most"]


async def test_data_that_differs_from_its_record_is_told(data_house: DataHouse) -> None:
    dataset = await shop(data_house)
    part = await KIND.save(await data_house.copying(), dataset)
    async with data_house.restored(KIND, part) as container:
        await data_house.ask(
            container,
            f"{CLIENT} -e 'update orders set what = 1 where id = 7; insert into ledger values (1)'",
        )
        checks = await KIND.check(data_house.tools, container, part)
    wrong = {one.name: one.text for one in checks if not one.ok}
    assert set(wrong) == {"tables", "table shop.orders", "table shop.ledger"}
    assert "not those that were copied" in wrong["table shop.orders"]


async def test_tables_without_transactions_are_warned_of(data_house: DataHouse) -> None:
    dataset = await shop(data_house)
    await data_house.sh(f"{CLIENT} -e 'create table old(id int) engine=MyISAM'")
    part = await KIND.save(await data_house.copying(), dataset)
    assert "shop.old" in part.warnings[0]


async def test_a_password_from_a_file(data_house: DataHouse) -> None:
    environment = {"MARIADB_ROOT_PASSWORD_FILE": "/etc/hostname", "MARIADB_DATABASE": "shop"}
    dataset = await data_house.start("mysql", IMAGE, DATA, environment=environment, hostname="word")
    part = await KIND.save(await data_house.copying(), dataset)
    assert part.form == "dump"


async def test_a_damaged_table_leaves_no_snapshot_and_is_named(data_house: DataHouse) -> None:
    dataset = await shop(data_house)
    await data_house.act(Verb.STOP_CONTAINER, timeout_s=20)
    _flip(Path(dataset.place.source) / "shop/orders.ibd", 16384 * 8)
    await data_house.act(Verb.START_CONTAINER)
    await data_house.ready(KIND, data_house.specs["db"].name)
    with pytest.raises(Damaged, match="orders"):
        await KIND.save(await data_house.copying(), dataset)
    assert data_house.repository.snapshots() == []


async def test_a_wrong_password_is_said(data_house: DataHouse) -> None:
    dataset = await shop(data_house)
    change = "set password for root@localhost = password('other')"
    await data_house.sh(f'{CLIENT} -e "{change}"')
    with pytest.raises(CopyFailed, match="Access denied") as caught:
        await KIND.save(await data_house.copying(), dataset)
    assert "MARIADB_ROOT_PASSWORD" in caught.value.advice
    assert data_house.repository.snapshots() == []


async def test_a_server_that_dies_leaves_no_snapshot(data_house: DataHouse) -> None:
    dataset = await shop(data_house)
    grow = "create table big as select md5(seq) a, md5(seq + 1) b from seq_1_to_1000000"
    await data_house.sh(f"{CLIENT} -e '{grow}'")
    saving = asyncio.create_task(KIND.save(await data_house.copying(), dataset))
    await data_house.repository.begun.wait()
    await data_house.act(Verb.KILL_CONTAINER, signal="SIGKILL")
    with pytest.raises(CopyFailed):
        await saving
    assert data_house.repository.snapshots() == []


# ── the second witness ─────────────────────────────────────────────────────────────────────────

Hurt = Callable[[Path], object]


def _flip(path: Path, at: int) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(b"\xa5" * 64)


def _zero(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


DAMAGES: dict[str, Hurt] = {
    "page flipped": lambda root: _flip(root / "shop/orders.ibd", 16384 * 8 + 200),
    "table truncated": lambda root: os.truncate(root / "shop/orders.ibd", 16384 * 6),
    "table deleted": lambda root: (root / "shop/orders.ibd").unlink(),
    "table zeroed": lambda root: _zero(root / "shop/orders.ibd"),
    "system space gone": lambda root: (root / "ibdata1").unlink(),
    "system space flipped": lambda root: _flip(root / "ibdata1", 16384 * 7 + 100),
    "log gone": lambda root: (root / "ib_logfile0").unlink(),
    "rights gone": lambda root: shutil.rmtree(root / "mysql"),
    "aria log flipped": lambda root: _flip(root / "aria_log_control", 0),
    "all deleted": lambda root: [shutil.rmtree(root), root.mkdir()],
}
HARMLESS: dict[str, Hurt] = {
    "nothing": lambda root: None,
    "lock left": lambda root: (root / "db.pid").write_text("1\n"),
    "owner": lambda root: [os.chown(one, 0, 0) for one in [root, *root.rglob("*")]],
    "mode": lambda root: [one.chmod(0) for one in [root / "ibdata1", root / "mysql", root]],
}


async def test_examine_tells_damage_from_what_is_merely_down(data_house: DataHouse) -> None:
    dataset = await shop(data_house)
    await data_house.act(Verb.KILL_CONTAINER, signal="SIGKILL")
    crashed = await _copy_and_examine(data_house, dataset, HARMLESS["nothing"])
    assert crashed[0] is True, crashed
    await data_house.act(Verb.START_CONTAINER)
    await data_house.ready(KIND, data_house.specs["db"].name)
    await data_house.act(Verb.STOP_CONTAINER, timeout_s=20)
    found = {}
    for name, hurt in {**DAMAGES, **HARMLESS}.items():
        found[name] = await _copy_and_examine(data_house, dataset, hurt)
    wrong = {name: one for name, one in found.items() if one[0] is not (name in HARMLESS)}
    assert not wrong


async def _copy_and_examine(
    house: DataHouse, dataset: Dataset, hurt: Hurt
) -> tuple[bool | None, str]:
    place = house.place("examined")
    copy_tree(dataset.place, place)
    hurt(Path(place.source))
    found = await KIND.examine(house.tools, place, dataset, IMAGE)
    shutil.rmtree(place.source)
    return found.sound, found.text
