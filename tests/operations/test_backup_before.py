"""Snapshots before what could cost data: releases, migration jobs, ``down -v``."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from support.memory_repositories import MemoryRepository, backup_tools
from support.projects import COMPLETED, after, project, service
from support.site import Daemon, House
from support.story import story
from tabib.engines.memory.program import Program
from tabib.model.backup import Snapshot
from tabib.model.errors import CopyFailed, NeedsConfirmation, Refused
from tabib.model.project import Project, Service


def of(image: str, **fields: Any) -> Service:
    made = service(image=image, **fields)
    return replace(made, image=image)


def app(tag: str, *, volume: str = "uploads", **fields: Any) -> Project:
    web = of(f"web:{tag}", name="web", volumes={"/srv/uploads": volume}, **fields)
    return project(web, of("proxy:1", name="proxy"))


def prepared(house: House, daemon: Daemon) -> MemoryRepository:
    for image in ("web:1", "web:2", "proxy:1", "proxy:2"):
        house.world.add_image(image)
    daemon.tools.backups = backup_tools(house.world)
    return daemon.tools.backups.repositories.repository  # type: ignore[attr-defined,no-any-return]


async def snapshots(daemon: Daemon) -> list[Snapshot]:
    return await daemon.journal.snapshots(daemon.tools.info.id, "tale")


async def release(daemon: Daemon) -> Any:
    return (await daemon.journal.releases(daemon.tools.info.id, "tale"))[0]


@story
async def test_another_image_of_a_service_with_data(house: House) -> None:
    async with house.daemon(acts=False) as daemon:
        prepared(house, daemon)
        await daemon.up(app("1"))
        assert (await release(daemon)).backup is None
        await daemon.up(app("2"), dry_run=True)
        assert await snapshots(daemon) == []
        await daemon.up(app("2"))
        (made,) = await snapshots(daemon)
        assert (made.trigger, made.volumes, made.release) == ("before_change", ("uploads",), 1)
        assert "the image of web changes to web:2" in made.reason
        assert ((await release(daemon)).number, (await release(daemon)).backup) == (2, made.id)


@story
async def test_what_costs_no_data_takes_no_snapshot(house: House) -> None:
    async with house.daemon(acts=False) as daemon:
        prepared(house, daemon)
        await daemon.up(app("1"))
        await daemon.up(app("1"))
        await daemon.up(app("1"), force_recreate=True)
        await daemon.up(app("1", environment={"A": "b"}))
        two = app("1", environment={"A": "b"})
        await daemon.up(
            replace(two, services=two.services | {"proxy": of("proxy:2", name="proxy")})
        )
        await daemon.up(app("2", extension={"backup": False}))
        await daemon.down("tale")
        assert await snapshots(daemon) == []


@story
async def test_another_volume_at_the_same_place(house: House) -> None:
    async with house.daemon(acts=False) as daemon:
        prepared(house, daemon)
        await daemon.up(app("1"))
        await daemon.up(app("1", volume="others"))
        (made,) = await snapshots(daemon)
        assert "mounts another volume at /srv/uploads" in made.reason


@story
async def test_a_migration_that_others_wait_for(house: House) -> None:
    async with house.daemon(acts=False) as daemon:
        prepared(house, daemon)
        house.world.programs.set(Program(after_s=1.0), service="migrate")

        def tale(version: str) -> Project:
            return project(
                of("web:1", name="db", volumes={"/srv/data": "data"}),
                of("web:1", name="migrate", depends_on=after("db"), environment={"TO": version}),
                of("web:1", name="web", depends_on=after("migrate", condition=COMPLETED)),
            )

        await daemon.up(tale("1"))
        assert await snapshots(daemon) == []
        await daemon.up(tale("1"))
        assert await snapshots(daemon) == []
        await daemon.up(tale("2"))
        (made,) = await snapshots(daemon)
        assert "migrate runs, which others wait for" in made.reason


@story
async def test_what_cannot_be_copied_is_not_changed_unless_somebody_says_so(house: House) -> None:
    async with house.daemon(acts=False) as daemon:
        repository = prepared(house, daemon)
        await daemon.up(app("1"))
        await daemon.up(app("2"))
        repository.trouble = CopyFailed("the pipe broke", attempted="copy", target="uploads")
        with pytest.raises(Refused) as caught:
            await daemon.up(app("1"))
        assert "the pipe broke" in str(caught.value)
        assert "--no-backup" in caught.value.advice
        assert (await release(daemon)).number == 2
        assert house.world.container("tale-web-1", "look").image == "web:2"
        await daemon.up(app("1", extension={"backup": {"before_change": "try"}}))
        assert (await release(daemon)).number == 3
        await daemon.up(app("2"), no_backup=True)
        assert ((await release(daemon)).number, (await release(daemon)).backup) == (4, None)


@story
async def test_where_there_never_was_a_snapshot_it_is_told_and_goes_on(house: House) -> None:
    async with house.daemon(acts=False) as daemon:
        repository = prepared(house, daemon)
        repository.trouble = CopyFailed("no restic", attempted="copy", target="uploads")
        await daemon.up(app("1"))
        operation = daemon.operation("up", "tale")
        await daemon.up(app("2"), operation=operation)
        operation.finish()
        said = [one.get("text", "") async for one in operation.messages()]
        assert any("no restic" in text for text in said)


@story
async def test_a_final_snapshot_before_volumes_go(house: House) -> None:
    async with house.daemon(acts=False) as daemon:
        repository = prepared(house, daemon)
        await daemon.up(app("1"))
        repository.trouble = CopyFailed("the pipe broke", attempted="copy", target="uploads")
        with pytest.raises(NeedsConfirmation):
            await daemon.down("tale", volumes=True)
        assert "tale_uploads" in house.world.volumes
        repository.trouble = None
        await daemon.down("tale", volumes=True)
        assert "tale_uploads" not in house.world.volumes
        (made,) = await snapshots(daemon)
        assert (made.trigger, made.volumes) == ("final", ("uploads",))
        await daemon.up(app("1"))
        await daemon.down("tale", volumes=True, no_backup=True)
        assert len(await snapshots(daemon)) == 1
        await daemon.up(app("1"))
        repository.trouble = CopyFailed("the pipe broke", attempted="copy", target="uploads")
        await daemon.down("tale", volumes=True, yes=True)
        assert "tale_uploads" not in house.world.volumes
