"""Discovery on a real engine, on real volumes: by their paths, and through the engine."""

from __future__ import annotations

from dataclasses import replace

import pytest

from support.backups import DataHouse
from support.real_engine import step
from tabib.model.backup import Dataset, Place
from tabib.model.container import LABEL_PROJECT, LABEL_VOLUME, VolumeSpec
from tabib.model.plan import Verb
from tabib.operations.backups.datasets import datasets

pytestmark = [pytest.mark.engine]

PG = "/var/lib/postgresql/data"
SQLITE = (
    "mkdir -p /srv/deep && printf 'SQLite format 3\\000' >/srv/deep/app.db"
    " && dd if=/dev/zero bs=4096 count=1 2>/dev/null | dd of=/srv/deep/app.db bs=1 seek=16"
    " count=4080 2>/dev/null"
)


async def volume(house: DataHouse, key: str) -> Place:
    """A named volume of the project, as Compose makes it."""
    name = f"{house.prefix}_{key}"
    labels = {LABEL_PROJECT: house.prefix, LABEL_VOLUME: key}
    spec = VolumeSpec(name=name, labels=labels)
    await house.tools.engine.apply(step(Verb.CREATE_VOLUME, name, volume=spec))
    return Place(type="volume", source=name)


async def found(house: DataHouse) -> dict[str, Dataset]:
    return {one.name: one for one in await datasets(house.tools, house.prefix)}


async def test_real_volumes(data_house: DataHouse) -> None:
    house = data_house
    for name, key, image, target, kind in (
        ("db", "pg", "postgres:15", PG, "postgres"),
        ("app", "state", "busybox:1.36", "/srv", "files"),
        ("mail", "mail", "busybox:1.36", "/var/mail", "files"),
    ):
        await house.start(
            kind,
            image,
            target,
            place=await volume(house, key),
            name=name,
            wait=kind == "postgres",
            environment={"POSTGRES_PASSWORD": "x", "PGDATA": f"{PG}/inner"} if name == "db" else {},
            command=("sleep", "600") if image.startswith("busybox") else (),
        )
    await house.start(
        "files", "busybox:1.36", "/data", name="folder", wait=False, command=("sleep", "600")
    )
    await house.sh(SQLITE, "app")
    await house.sh("echo hello >/var/mail/ann", "mail")
    await house.sh("echo hello >/data/note", "folder")
    folder = house.specs["folder"].mounts[0].source

    here = await found(house)
    assert {name: one.kind for name, one in here.items()} == {
        "pg": "postgres",
        "state": "sqlite",
        "mail": "files",
        folder: "files",
    }
    assert all(one.covered for one in here.values()), here
    assert (here["pg"].service, here["pg"].inner) == ("db", "inner")
    assert here["state"].files == ("deep/app.db",)

    house.tools.info = replace(house.tools.info, local=False)
    through = await found(house)
    assert {name: (one.kind, one.inner, one.files) for name, one in through.items()} == {
        name: (one.kind, one.inner, one.files) for name, one in here.items()
    }

    for name in ("db", "app", "mail", "folder"):
        await house.act(Verb.KILL_CONTAINER, name, signal="KILL")
    stopped = await found(house)
    assert {name: (one.kind, one.inner) for name, one in stopped.items()} == {
        name: (one.kind, one.inner) for name, one in here.items()
    }
    assert stopped["state"].files == ("deep/app.db",)
