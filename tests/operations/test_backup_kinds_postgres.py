"""PostgreSQL: copies under load, restores, refusals, and the second witness, on a real server."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from support.backups import DataHouse, copy_tree, must_have
from tabib.model.backup import DATABASE, PAUSED, STOPPED, Dataset, Place
from tabib.model.errors import CopyFailed, Damaged
from tabib.model.plan import Verb
from tabib.operations.backups.kinds import KINDS, postgres_record

pytestmark = [pytest.mark.engine, pytest.mark.slow]

KIND = KINDS["postgres"]
IMAGE = "postgres:15"
DATA = "/var/lib/postgresql/data"
ENVIRONMENT = {"POSTGRES_PASSWORD": 'a secret\'s "word"', "POSTGRES_USER": "shop"}
ORDERS = (
    "create table orders(id int primary key, what text); insert into orders select i, md5(i::text)"
    " from generate_series(1, 20000) i; create table ledger(id int primary key);"
)


async def shop(house: DataHouse, **fields: object) -> Dataset:
    fields = {"environment": ENVIRONMENT, **fields}
    dataset = await house.start("postgres", IMAGE, DATA, **fields)  # type: ignore[arg-type]
    await house.sh(f"psql -qU shop -c '{ORDERS}' -c checkpoint")
    return dataset


async def test_a_copy_under_load_has_all_that_was_acknowledged(data_house: DataHouse) -> None:
    dataset = await shop(data_house)
    insert = 'psql -qU shop -c "insert into ledger values ($i)"'
    async with data_house.acknowledged(insert) as acks:
        began = data_house.tools.clock.now()
        part = await KIND.save(await data_house.copying(), dataset)
        await asyncio.sleep(0.5)
    assert (part.form, part.consistency, part.version[:3]) == ("tar", DATABASE, "15.")
    assert began < part.taken_at < part.ended_at
    assert part.warnings == ()
    assert "secret" not in repr(part)
    async with data_house.restored(KIND, part) as container:
        rows = await data_house.ask(container, "psql -AtqU shop -c 'select id from ledger'")
        checks = await KIND.check(data_house.tools, container, part)
        assert await KIND.identity(data_house.tools, container, dataset) == part.identity != ""
    wanted = must_have(acks, part.taken_at)
    assert len(wanted) > 5
    assert wanted <= set(map(int, rows.split()))
    assert len(acks) > len(wanted), "nothing was written after it"
    assert all(one.ok for one in checks), checks
    tables = {one["name"]: one for one in part.record["tables"]}
    assert tables["shop.public.orders"]["rows"] == 20000
    assert tables["shop.public.orders"]["digest"]
    assert tables["shop.public.ledger"]["at_least"] < tables["shop.public.ledger"]["at_most"]


async def test_data_that_differs_from_its_record_is_told(data_house: DataHouse) -> None:
    dataset = await shop(data_house)
    part = await KIND.save(await data_house.copying(), dataset)
    async with data_house.restored(KIND, part) as container:
        script = "update orders set what = 1 where id = 7; insert into ledger values (1)"
        await data_house.ask(container, f"psql -qU shop -c '{script}'")
        checks = await KIND.check(data_house.tools, container, part)
    wrong = {one.name: one.text for one in checks if not one.ok}
    assert set(wrong) == {"tables", "table shop.public.orders", "table shop.public.ledger"}
    assert "not those that were copied" in wrong["table shop.public.orders"]


async def test_a_server_without_base_backups_is_dumped(data_house: DataHouse) -> None:
    folder = "mydata/pg"
    dataset = await shop(
        data_house,
        command=["postgres", "-c", "max_wal_senders=0"],
        environment=ENVIRONMENT | {"PGDATA": f"{DATA}/{folder}"},
        inner=folder,
    )
    await data_house.sh("psql -qU shop -c 'create role waiter' -c 'create database other'")
    part = await KIND.save(await data_house.copying(), dataset)
    assert part.form == "dump"
    assert "max_wal_senders 0" in part.warnings[0]
    async with data_house.restored(KIND, part) as container:
        checks = await KIND.check(data_house.tools, container, part)
        names = await data_house.ask(
            container, "psql -AtqU shop -c 'select rolname from pg_roles' -c '\\l' | tr '|' ' '"
        )
    assert all(one.ok for one in checks), checks
    assert {"waiter", "other"} <= set(names.split())


async def test_data_in_a_folder_of_the_volume_is_restored_there(data_house: DataHouse) -> None:
    dataset = await shop(
        data_house, environment=ENVIRONMENT | {"PGDATA": f"{DATA}/in/it"}, inner="in/it"
    )
    part = await KIND.save(await data_house.copying(), dataset)
    assert part.form == "tar"
    async with data_house.restored(KIND, part) as container:
        checks = await KIND.check(data_house.tools, container, part)
    assert all(one.ok for one in checks), checks


async def test_a_damaged_table_leaves_no_snapshot_and_is_named(data_house: DataHouse) -> None:
    dataset = await shop(data_house)
    await _flip_in_table(data_house, dataset, "orders")
    with pytest.raises(Damaged) as caught:
        await KIND.save(await data_house.copying(), dataset)
    assert "orders" in caught.value.happened
    assert data_house.repository.snapshots() == []


async def test_a_dump_of_a_damaged_table_leaves_no_snapshot(data_house: DataHouse) -> None:
    dataset = await shop(data_house, command=["postgres", "-c", "max_wal_senders=0"])
    await data_house.sh(
        "psql -qU shop -c 'create unlogged table loose as select * from orders' -c checkpoint"
    )
    # Not counted: what is not logged is empty in every copy. Dumped it is.
    await _flip_in_table(data_house, dataset, "loose")
    with pytest.raises(Damaged) as caught:
        await KIND.save(await data_house.copying(), dataset)
    assert "loose" in caught.value.happened
    assert data_house.repository.snapshots() == []


async def _flip_in_table(house: DataHouse, dataset: Dataset, table: str) -> None:
    path = await house.sh(f"psql -AtqU shop -c \"select pg_relation_filepath('{table}')\"")
    await house.act(Verb.STOP_CONTAINER, timeout_s=20)
    _flip(Path(dataset.place.source) / path, 8192 * 3)
    await house.act(Verb.START_CONTAINER)
    await house.ready(KIND, house.specs["db"].name)


async def test_a_wrong_password_is_said(data_house: DataHouse) -> None:
    dataset = await shop(data_house)
    await data_house.sh(
        "psql -qU shop -c \"alter role shop password 'other'\" &&"
        f" sed -i 's/trust$/scram-sha-256/' {DATA}/pg_hba.conf && psql -qU shop -c"
        " 'select pg_reload_conf()'"
    )
    with pytest.raises(CopyFailed, match="password authentication failed") as caught:
        await KIND.save(await data_house.copying(), dataset)
    assert "POSTGRES_PASSWORD" in caught.value.advice
    assert data_house.repository.snapshots() == []


async def test_a_server_that_dies_leaves_no_snapshot(data_house: DataHouse) -> None:
    dataset = await shop(data_house)
    grow = "create table big as select md5(i::text) from generate_series(1, 2000000) i"
    await data_house.sh(f"psql -qU shop -c '{grow}' -c checkpoint")
    saving = asyncio.create_task(KIND.save(await data_house.copying(), dataset))
    await data_house.repository.begun.wait()
    await data_house.act(Verb.KILL_CONTAINER, signal="SIGKILL")
    with pytest.raises(CopyFailed):
        await saving
    assert data_house.repository.snapshots() == []


async def test_a_frozen_server_is_copied_as_it_stands(data_house: DataHouse) -> None:
    dataset = await shop(data_house)
    await data_house.act(Verb.PAUSE_CONTAINER)
    part = await KIND.save(await data_house.copying(), dataset)
    assert (part.form, part.consistency) == ("files", PAUSED)
    assert (await data_house.container()).status == "paused"
    await data_house.act(Verb.UNPAUSE_CONTAINER)
    async with data_house.restored(KIND, part) as container:
        checks = await KIND.check(data_house.tools, container, part)
    assert all(one.ok for one in checks), checks


async def test_a_copy_of_another_version_is_refused(data_house: DataHouse) -> None:
    dataset = await shop(data_house)
    part = replace(await KIND.save(await data_house.copying(), dataset), version="14.9")
    place = data_house.place("empty")
    with pytest.raises(CopyFailed, match="version 14, and the service's image is of version 15"):
        await KIND.fill(data_house.filling(), part, place)
    assert os.listdir(place.source) == []


# ── the second witness ─────────────────────────────────────────────────────────────────────────

Hurt = Callable[[Path], object]


def _relation(root: Path) -> Path:
    """The table of orders: the largest file of its database."""
    return max(
        (one for one in root.glob("base/*/*") if one.is_file()), key=lambda p: p.stat().st_size
    )


def _flip(path: Path, at: int) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(b"\xa5" * 64)


def _zero(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


DAMAGES: dict[str, Hurt] = {
    "page flipped": lambda root: _flip(_relation(root), 8192 * 5),
    "table truncated": lambda root: os.truncate(_relation(root), 8192 * 3 + 100),
    "table deleted": lambda root: _relation(root).unlink(),
    "control file zeroed": lambda root: _zero(root / "global/pg_control"),
    "control file gone": lambda root: (root / "global/pg_control").unlink(),
    "map flipped": lambda root: _flip(root / "global/pg_filenode.map", 20),
    "log deleted": lambda root: [one.unlink() for one in (root / "pg_wal").glob("0*")],
    "version gone": lambda root: (root / "PG_VERSION").unlink(),
    "commit log deleted": lambda root: [one.unlink() for one in (root / "pg_xact").glob("0*")],
    "all deleted": lambda root: [shutil.rmtree(root), root.mkdir()],
}
HARMLESS: dict[str, Hurt] = {
    "nothing": lambda root: None,
    "lock left": lambda root: (root / "postmaster.pid").write_text("1\n/x\n1\n5432\n\n*\n"),
    "owner": lambda root: [os.chown(one, 0, 0) for one in [root, *root.rglob("*")]],
    "mode": lambda root: [one.chmod(0) for one in [*root.rglob("PG_VERSION"), root]],
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


async def test_examine_does_not_take_a_version_change_for_damage(data_house: DataHouse) -> None:
    dataset = await shop(data_house)
    await data_house.act(Verb.STOP_CONTAINER, timeout_s=20)

    def older(root: Path) -> None:
        (root / "PG_VERSION").write_text("14\n")

    sound, text = await _copy_and_examine(data_house, dataset, older)
    assert sound is None
    assert "14" in text


async def _copy_and_examine(
    house: DataHouse, dataset: Dataset, hurt: Hurt
) -> tuple[bool | None, str]:
    place = house.place("examined")
    copy_tree(dataset.place, place)
    root = Path(place.source)
    hurt(root)
    found = await KIND.examine(house.tools, place, dataset, IMAGE)
    shutil.rmtree(root)
    return found.sound, found.text


async def test_what_does_not_run_is_copied_at_rest(data_house: DataHouse) -> None:
    dataset = await shop(data_house)
    await data_house.act(Verb.STOP_CONTAINER, timeout_s=20)
    part = await KIND.save(await data_house.copying(), dataset)
    assert (part.form, part.consistency) == ("files", STOPPED)
    place = Place(type="bind", source=str(data_house.folder / "places" / "db-0"))
    assert part.dataset.place == place


async def test_counting_ends_in_time_and_says_so(
    data_house: DataHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = await shop(data_house)
    await data_house.sh("psql -qU shop -c analyze")
    monkeypatch.setattr(postgres_record, "STATEMENT_S", 0.001)
    part = await KIND.save(await data_house.copying(), dataset)
    tables = {one["name"]: one for one in part.record["tables"]}
    assert tables["shop.public.orders"] == {"name": "shop.public.orders", "about": 20000}
    monkeypatch.setattr(postgres_record, "COUNT_S", 0.5)
    part = await KIND.save(await data_house.copying(), dataset)
    assert "not counted, for time" in part.record["notes"][0]
