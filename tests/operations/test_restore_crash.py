"""The daemon dies at every journal write, engine call and half-filled place of a restore: the old
data or the new is used afterwards, of all data sets the same, and the next one completes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from support.memory_repositories import MemoryRepository, backup_tools
from support.projects import project, service
from support.site import Daemon, House
from tabib.engines.memory import CrashPoint
from tabib.model.backup import Dataset, Part, Place, Snapshot
from tabib.model.wire import RestoreRequest
from tabib.operations import volumes
from tabib.operations.backups.prepared import prepared
from tabib.operations.backups.restore import restore
from tabib.ports import BytesSink

pytestmark = pytest.mark.skipif("os.geteuid() != 0", reason="data in generations is for root's")
KEYS = ("data", "more")
TALE = project(
    service("db", volumes={"/data": "data"}, check=True),
    service("web", volumes={"/srv": "more"}),
    service("alone"),
)


class Copies(MemoryRepository):
    """Brings two files, and may die between them."""

    point: CrashPoint | None = None

    async def restore_files(
        self,
        stored: str,
        target: Place,
        *,
        path: str = "/data",
        inner: str = "",
        include: Sequence[str] = (),
        progress: BytesSink | None = None,
    ) -> None:
        (Path(target.source) / "first").write_text("new")
        if self.point is not None:
            self.point.enter("half-filled")
        (Path(target.source) / "second").write_text("new")


def snapshot(daemon: Daemon) -> Snapshot:
    now = daemon.clock.now()
    parts = [
        Part(
            dataset=Dataset(
                name=key,
                place=Place(type="volume", source=f"tale_{key}"),
                kind="files",
                service=name,
                services=(name,),
                target=at,
            ),
            stored=f"stored-{key}",
            form="files",
            path="/data",
            consistency="stopped",
            taken_at=now,
            ended_at=now,
        )
        for key, name, at in (("data", "db", "/data"), ("more", "web", "/srv"))
    ]
    return Snapshot(
        id="good",
        project="tale",
        engine_id=daemon.tools.info.id,
        cluster="default",
        taken_at=now,
        ended_at=now,
        trigger="manual",
        parts=tuple(parts),
        volumes=KEYS,
        repository="memory",
        verified_at=now,
    )


def equip(house: House, daemon: Daemon, point: CrashPoint | None = None) -> None:
    made = backup_tools(house.world)
    copies = Copies(house.world)
    copies.point = point
    made.repositories.repository = copies  # type: ignore[attr-defined]
    daemon.tools.backups = made


async def folder_of(daemon: Daemon, key: str) -> Path:
    held = await volumes.holding(daemon.tools, f"tale_{key}")
    assert held is not None
    assert not held.released
    return daemon.tools.state.volume_directory(held.id, held.generation)


def whole(folder: Path) -> str:
    """``old`` or ``new``. :raises AssertionError: half of something, or nothing."""
    found = {one.name: one.read_text() for one in folder.iterdir()}
    assert set(found) == {"first", "second"}, found
    assert len(set(found.values())) == 1, found
    return found["first"]


async def prepare(house: House) -> None:
    async with house.daemon() as daemon:
        equip(house, daemon)
        await daemon.up(TALE)
        for key in KEYS:
            for name in ("first", "second"):
                (await folder_of(daemon, key) / name).write_text("old")
        await daemon.journal.put_snapshot(snapshot(daemon))
        await daemon.passes(3)


async def go_back(daemon: Daemon) -> Any:
    request = RestoreRequest(snapshot="good", yes=True, by="test")
    return await restore(daemon.tools, "tale", request, daemon.operation("restore", "tale"))


async def tell(house: House, crash: CrashPoint) -> None:
    await prepare(house)

    async def command(daemon: Daemon) -> Any:
        equip(house, daemon, crash)
        return await go_back(daemon)

    await house.dies(crash, command)
    async with house.daemon() as daemon:
        equip(house, daemon)
        await daemon.passes(20)
        assert {one.name: one.status for one in house.world.containers.values()} == {
            "tale-db-1": "running",
            "tale-web-1": "running",
            "tale-alone-1": "running",
        }
        ages = {whole(await folder_of(daemon, key)) for key in KEYS}
        assert len(ages) == 1, "all data sets are of the same time"
        for volume in house.world.volumes.values():
            if volume.name in ("tale_data", "tale_more"):
                held = await folder_of(daemon, volume.name.removeprefix("tale_"))
                assert volume.labels["tabib.volume-generation"] == held.name.removeprefix("g")
        for generation in (daemon.tools.state.path / "volumes").glob("*/g*"):
            whole(generation)
        assert await prepared(daemon.tools) == []
        again = await go_back(daemon)
        assert len(again["kept"]) == 2
        assert {whole(await folder_of(daemon, key)) for key in KEYS} == {"new"}
        assert [whole(Path(one)) for one in again["kept"]] == [ages.pop()] * 2
        assert await daemon.incidents() == []


def test_nothing_dies(house: House) -> None:
    crash = CrashPoint()
    house.run(tell(house, crash))
    assert "half-filled" in crash.trace
    assert len(crash.trace) > 30


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
def test_a_daemon_that_dies_anywhere_in_a_restore(before: bool, folder: Path) -> None:
    point = CrashPoint()
    (folder / "whole").mkdir()
    first = House(folder / "whole")
    first.run(tell(first, point))
    for number in range(1, point.calls + 1):
        (folder / str(number)).mkdir()
        house = House(folder / str(number))
        crash = CrashPoint(at=number, before=before)
        try:
            house.run(tell(house, crash))
        except BaseException as error:
            trace = crash.trace[-1] if crash.trace else "nothing"
            raise AssertionError(f"died {number} of {point.calls}, at {trace}: {error}") from error
