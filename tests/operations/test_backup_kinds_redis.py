"""Redis: copies under load, restores with and without a log, and the second witness."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from support.backups import DataHouse, copy_tree, must_have
from tabib.model.backup import DATABASE, Dataset
from tabib.model.errors import CopyFailed
from tabib.model.plan import Verb
from tabib.operations.backups.kinds import KINDS

pytestmark = [pytest.mark.engine, pytest.mark.slow]

KIND = KINDS["redis"]
IMAGE = "redis:7"
DATA = "/data"
PASSWORD = "a-s3cret"
LOG = ("--appendonly", "yes", "--appendfsync", "always")
FILL = (
    "i=0; { while [ $i -lt 20000 ]; do i=$((i+1)); echo set k$i value$i; done; echo select 3;"
    " echo set other 1; } | redis-cli >/dev/null"
)


async def shop(house: DataHouse, *arguments: str, **fields: object) -> Dataset:
    command = ["redis-server", *arguments]
    dataset = await house.start("redis", IMAGE, DATA, command=command, **fields)  # type: ignore[arg-type]
    await house.sh(FILL)
    return dataset


@pytest.mark.parametrize("log", [(), LOG], ids=["snapshots", "log"])
async def test_a_copy_under_load_has_all_that_was_acknowledged(
    data_house: DataHouse, log: tuple[str, ...]
) -> None:
    dataset = await shop(data_house, *log)
    async with data_house.acknowledged("redis-cli rpush ledger $i") as acks:
        began = data_house.tools.clock.now()
        part = await KIND.save(await data_house.copying(), dataset)
        await asyncio.sleep(0.3)
    assert (part.form, part.consistency) == ("rdb", DATABASE)
    assert began <= part.taken_at < part.ended_at
    assert part.version.startswith("7.")
    async with data_house.restored(KIND, part) as container:
        rows = await data_house.ask(container, "redis-cli lrange ledger 0 -1")
        checks = await KIND.check(data_house.tools, container, part)
        await data_house.ask(container, "redis-cli set k1 changed")
    wanted = must_have(acks, part.taken_at)
    assert wanted <= set(map(int, rows.split()))
    assert len(acks) > len(rows.split()), "nothing was written after it"
    assert all(one.ok for one in checks), checks
    assert {one.name for one in checks} == {"keys db0", "keys db3", "redis-check-rdb"}


async def test_what_is_restored_survives_a_restart(data_house: DataHouse) -> None:
    dataset = await shop(data_house, *LOG)
    part = await KIND.save(await data_house.copying(), dataset)
    place = data_house.place("restored")
    async with data_house.restored(KIND, part, place=place) as container:
        await data_house.ask(container, "redis-cli set new 1")
    again = await data_house.start(
        "redis", IMAGE, DATA, name="again", place=place, command=["redis-server", *LOG]
    )
    assert again.place == place
    assert await data_house.sh("redis-cli dbsize", "again") == "20001"


async def test_keys_that_are_missing_are_told(data_house: DataHouse) -> None:
    dataset = await shop(data_house)
    part = await KIND.save(await data_house.copying(), dataset)
    async with data_house.restored(KIND, part) as container:
        await data_house.ask(container, "redis-cli del k7")
        checks = await KIND.check(data_house.tools, container, part)
    assert [one.name for one in checks if not one.ok] == ["keys db0"]


WAYS = {
    "option": (("--requirepass", PASSWORD), {}),
    "environment": ((), {"REDIS_PASSWORD": PASSWORD}),
    "shell": ((), {"WORD": PASSWORD}),
}


@pytest.mark.parametrize("way", WAYS)
async def test_a_password_is_found(data_house: DataHouse, way: str) -> None:
    arguments, environment = WAYS[way]
    command = ["redis-server", *arguments]
    if way == "shell":
        command = ["sh", "-c", 'exec redis-server --requirepass "$WORD"']
    dataset = await data_house.start(
        "redis", IMAGE, DATA, command=command, environment=environment, wait=way != "environment"
    )
    if way == "environment":  # as an image would that has such a variable
        await asyncio.sleep(0.5)
        await data_house.sh("redis-cli config set requirepass $REDIS_PASSWORD")
    await data_house.sh(f"REDISCLI_AUTH={PASSWORD} redis-cli set a 1")
    part = await KIND.save(await data_house.copying(), dataset)
    assert part.record["keys"] == {"db0": [1, 1]}
    assert PASSWORD not in repr(part)


async def test_a_wrong_password_is_said(data_house: DataHouse) -> None:
    dataset = await shop(data_house)
    await data_house.sh("redis-cli config set requirepass other")
    with pytest.raises(CopyFailed, match="NOAUTH") as caught:
        await KIND.save(await data_house.copying(), dataset)
    assert "REDIS_PASSWORD" in caught.value.advice
    assert data_house.repository.snapshots() == []


async def test_a_server_that_dies_leaves_no_snapshot(data_house: DataHouse) -> None:
    debug = ("--enable-debug-command", "yes")
    dataset = await shop(data_house, "--repl-diskless-sync-delay", "0", *debug)
    said = await data_house.sh("redis-cli debug populate 2000000 k 100", user="0:0")
    assert said.strip() == "OK", "more than what lies between the two holds at once"
    data_house.repository.go_on.clear()  # else it may all have come before the server dies
    saving = asyncio.create_task(KIND.save(await data_house.copying(), dataset))
    await data_house.repository.begun.wait()
    await data_house.act(Verb.KILL_CONTAINER, signal="SIGKILL")
    data_house.repository.go_on.set()
    with pytest.raises(CopyFailed):
        await saving
    assert data_house.repository.snapshots() == []


# ── the second witness ─────────────────────────────────────────────────────────────────────────

Hurt = Callable[[Path], object]


def _flip(path: Path, at: int) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(b"\xa5" * 64)


def _half(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def _base(root: Path) -> Path:
    return next(root.glob("appendonlydir/*.base.rdb"))


def _more(root: Path) -> Path:
    return next(root.glob("appendonlydir/*.incr.aof"))


SNAPSHOT_DAMAGES: dict[str, Hurt] = {
    "flipped": lambda root: _flip(root / "dump.rdb", 20000),
    "truncated": lambda root: _half(root / "dump.rdb"),
    "head zeroed": lambda root: _flip(root / "dump.rdb", 0),
    "emptied": lambda root: os.truncate(root / "dump.rdb", 0),
    "all deleted": lambda root: [shutil.rmtree(root), root.mkdir()],
}
LOG_DAMAGES: dict[str, Hurt] = {
    "base flipped": lambda root: _flip(_base(root), 30),
    "base gone": lambda root: _base(root).unlink(),
    "middle flipped": lambda root: _flip(_more(root), 4000),
    "manifest flipped": lambda root: _flip(next(root.glob("appendonlydir/*.manifest")), 0),
    "log gone": lambda root: _more(root).unlink(),
}
HARMLESS: dict[str, Hurt] = {
    "nothing": lambda root: None,
    "owner": lambda root: [os.chown(one, 0, 0) for one in [root, *root.rglob("*")]],
    "mode": lambda root: [one.chmod(0) for one in [*root.rglob("*.rdb"), root]],
}


@pytest.mark.parametrize("log", [(), LOG], ids=["snapshots", "log"])
async def test_examine_tells_damage_from_what_is_merely_down(
    data_house: DataHouse, log: tuple[str, ...]
) -> None:
    dataset = await shop(data_house, *log)
    await data_house.act(Verb.STOP_CONTAINER, timeout_s=20)
    harmless = dict(HARMLESS)
    if log:
        harmless["end cut off"] = lambda root: os.truncate(
            _more(root), _more(root).stat().st_size - 5
        )
    found = {}
    for name, hurt in {**(LOG_DAMAGES if log else SNAPSHOT_DAMAGES), **harmless}.items():
        found[name] = await _copy_and_examine(data_house, dataset, hurt)
    wrong = {name: one for name, one in found.items() if one[0] is not (name in harmless)}
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
