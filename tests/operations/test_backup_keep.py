"""What retention would do, where a repository lets nothing go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from support.house_repository import HouseRepository
from support.memory_repositories import MemoryRepository, backup_tools
from support.projects import project, service
from support.site import House
from support.story import story
from tabib.model.errors import RepositoryDamaged
from tabib.operations.backups import host_record
from tabib.operations.backups.keep import apply_retention, judgements, remove
from tabib.operations.backups.kinds.files import FIRST_PASS
from tabib.operations.backups.manifest import MANIFEST, set_of, tags
from tabib.operations.backups.sweep import sweep
from tabib.operations.backups.take import take
from tabib.operations.operation import Operation
from tabib.operations.tools import Tools


@asynccontextmanager
async def _up(
    house: House, said: Mapping[str, Any] | None = None
) -> AsyncIterator[tuple[Tools, MemoryRepository]]:
    """A service with data, and the repository that it is copied into."""
    extension = {"backup": said} if said else {}
    web = service(image="web:1", name="web", volumes={"/srv": "uploads"}, extension=extension)
    house.world.add_image("web:1")
    async with house.daemon(acts=False) as daemon:
        daemon.tools.backups = backup_tools(house.world)
        await daemon.up(project(replace(web, image="web:1")))
        found = daemon.tools.backups.repositories
        yield daemon.tools, found.repository  # type: ignore[attr-defined]


@pytest.mark.parametrize("append_only", [False, True])
@story
async def test_what_is_told_is_what_goes(house: House, append_only: bool) -> None:
    where: dict[str, Any] = {"url": "/r", "append_only": append_only}
    said = {"backup": {"repositories": [where], "keep": {"last": 1}}}
    web = service(image="web:1", name="web", volumes={"/srv": "uploads"}, extension=said)
    house.world.add_image("web:1")
    async with house.daemon(acts=False) as daemon:
        tools = daemon.tools
        tools.backups = backup_tools(house.world)
        tools.backups.repositories.repository.append_only = append_only  # type: ignore[attr-defined]
        await daemon.up(project(replace(web, image="web:1")))
        for number in range(3):
            operation = Operation(f"backup{number}", "backup", "tale")
            await take(tools, "tale", operation, trigger="manual")
        told = {one.snapshot.id for one in await judgements(tools, "tale") if not one.keep}
        done = await apply_retention(tools, "tale", Operation("keep", "backup", "tale"))
        assert {one.id for one in done.let_go} == told
        assert len(told) == (0 if append_only else 2)


@story
async def test_old_records_of_the_host_go_where_room_is_given_back(house: House) -> None:
    async with _up(house) as (tools, repository):
        for number in range(7):
            operation = Operation(f"backup{number}", "backup", "tale")
            await take(tools, "tale", operation, trigger="manual")
        await apply_retention(tools, "tale", Operation("keep", "backup", "tale"))
        assert len(await repository.stored(("tabib", host_record.TAG))) == 7
        newest = [one.id for one in await repository.stored(("tabib", host_record.TAG))][-5:]
        await apply_retention(tools, "tale", Operation("prune", "backup", "tale"), prune=True)
        left = [one.id for one in await repository.stored(("tabib", host_record.TAG))]
        assert left == newest


@pytest.mark.parametrize("said", [{"together": True}, {"method": "pause"}])
@story
async def test_what_was_stored_on_the_way_goes_when_the_set_is_whole(
    house: House, said: dict[str, Any]
) -> None:
    async with _up(house, said) as (tools, repository):
        operation = Operation("backup1", "backup", "tale")
        snapshot = await take(tools, "tale", operation, trigger="manual")
        stored = await repository.stored()
        assert next(repository.numbers) - 1 > len(stored), "there was a first pass"
        assert [one for one in stored if FIRST_PASS in one.tags] == []
        assert snapshot.parts[0].stored in {one.id for one in stored}
        # One that could not be forgotten then goes with what else is left.
        marked = tags(tools, snapshot.id, "tale", FIRST_PASS)
        await repository.save_files(snapshot.parts[0].dataset.place, tags=marked)
        await sweep(tools, repository, "tale")
        assert await repository.stored() == stored


@story
async def test_who_waits_lets_go_when_a_copy_is_stopped(house: House) -> None:
    """What a copy undoes then wants the repository alone."""
    async with _up(house) as (tools, repository):
        copying, free = asyncio.Event(), asyncio.Event()

        async def save_files(*_: object, **__: object) -> None:
            copying.set()
            try:
                await asyncio.get_running_loop().create_future()
            except asyncio.CancelledError:
                for _ in range(100):
                    await asyncio.sleep(0)
                assert repository.waiting == 0
                free.set()
                raise

        repository.save_files = save_files
        operation = Operation("backup1", "backup", "tale")
        task = asyncio.create_task(take(tools, "tale", operation, trigger="manual"))
        await copying.wait()
        assert repository.waiting == 2
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert free.is_set()


@story
async def test_a_snapshot_takes_along_what_carries_its_mark(house: House) -> None:
    async with _up(house) as (tools, repository):
        first, second = [
            await take(tools, "tale", Operation(f"b{number}", "backup", "tale"), trigger="manual")
            for number in range(2)
        ]
        place = first.parts[0].dataset.place
        for mark in ("part", FIRST_PASS, MANIFEST):
            await repository.save_files(place, tags=tags(tools, first.id, "tale", mark))
        await remove(tools, first, Operation("rm", "snapshot", "tale"))
        left = {one.id for one in await repository.stored() if set_of(one.tags)}
        assert left == {second.manifest, second.parts[0].stored}


@story
async def test_the_record_of_a_host_is_the_newest_that_can_be_read(
    house: House, tmp_path: Path
) -> None:
    async with house.daemon(acts=False) as daemon:
        tools, repository = daemon.tools, HouseRepository(tmp_path / "r", house)

        async def cut_off() -> AsyncIterator[bytes]:
            yield b'{"at": "2026-'

        async def at(hours: int, number: int) -> None:
            await house.clock.sleep(hours * 3600)
            await host_record.store(tools, repository, asyncio.sleep(0, number))

        await at(1, 1)
        known = (await host_record.read(repository))[0].at
        marks = ("tabib", host_record.TAG, f"installation={tools.installation}")
        await repository.save_stream(cut_off(), filename=host_record.FILE, tags=marks)
        assert [one.at for one in await host_record.read(repository)] == [known]
        await at(1, 2)
        assert [one.at > known for one in await host_record.read(repository)] == [True]
        other = ("tabib", host_record.TAG, "installation=other")
        await repository.save_stream(cut_off(), filename=host_record.FILE, tags=other)
        with pytest.raises(RepositoryDamaged):
            await host_record.read(repository)
