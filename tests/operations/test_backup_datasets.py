"""Discovery and policy of a project as it is in care, on a memory engine."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from support.projects import project, service
from support.site import House
from support.story import story
from tabib.decide.redact import looks_secret
from tabib.engines.memory import by_hand
from tabib.engines.memory.records import FileNode
from tabib.model.backup import Dataset, Keep
from tabib.model.container import LABEL_PROJECT
from tabib.model.project import Project
from tabib.operations.backups.datasets import datasets
from tabib.operations.backups.policy import policy_of

POSTGRES = "postgres:15"
DATA = "/var/lib/postgresql/data"


def shop(**of_db: Any) -> Project:
    db = service("db", volumes={DATA: "data"}, image=POSTGRES, **of_db)
    cache = service("cache", anonymous=["/data"], image="redis:7")
    web = service("web", volumes={"/srv/uploads": "uploads"})
    return project(*(replace(one, image=str(one.spec["image"])) for one in (db, cache, web)))


def images(house: House) -> None:
    for name in (POSTGRES, "redis:7"):
        house.world.add_image(name)


def by_name(found: list[Dataset]) -> dict[str, Dataset]:
    return {one.name: one for one in found}


@story
async def test_a_project_is_known_while_it_runs_is_down_and_has_lost_its_volumes(
    house: House,
) -> None:
    images(house)
    async with house.daemon() as daemon:
        await daemon.up(shop())
        house.world.volumes["tale_data"].files["PG_VERSION"] = FileNode(b"15\n")
        found = by_name(await datasets(daemon.tools, "tale"))
        assert set(found) == {"data", "uploads", "cache:/data"}
        data = found["data"]
        assert (data.kind, data.service, data.covered) == ("postgres", "db", True)
        assert (data.place.source, data.target) == ("tale_data", DATA)
        assert (data.generation, bool(data.volume_id)) == (1, True)
        assert found["uploads"].kind == "files"
        cache = found["cache:/data"]
        assert (cache.kind, cache.covered) == ("cache", False)
        assert "cache" in cache.why
        await by_hand.compose_down(house.world, "tale", volumes=True)
        again = by_name(await datasets(daemon.tools, "tale"))
        assert again["data"] == replace(data, why=again["data"].why)
        assert again["uploads"].covered


@story
async def test_what_x_tabib_says_of_a_service(house: House) -> None:
    images(house)
    said = {
        "backup": {
            "hooks": {"before": "sync"},
            "method": "pause",
            "exclude": ["*.tmp", "uploads"],
            "keep": {"daily": 3},
            "repositories": [{"url": "s3:https://a/b", "environment": {"KEY": "canary"}}],
        }
    }
    async with house.daemon() as daemon:
        await daemon.up(shop(extension=said))
        data = by_name(await datasets(daemon.tools, "tale"))["data"]
        assert (data.hooks, data.method, data.excludes) == ({"before": "sync"}, "pause", ("*.tmp",))
        policy = await policy_of(daemon.tools, "tale")
        assert policy.enabled
        assert policy.keep == Keep(last=0, daily=3, weekly=0, monthly=0)
        (address,) = policy.repositories
        assert address.environment["KEY"].startswith("vault:")
        assert await daemon.tools.vault.open([address.environment["KEY"]]) == ["canary"]


@story
async def test_a_service_that_is_not_to_be_backed_up(house: House) -> None:
    images(house)
    async with house.daemon() as daemon:
        await daemon.up(shop(extension={"backup": False}))
        found = by_name(await datasets(daemon.tools, "tale"))
        assert not found["data"].covered
        assert "backup: false" in found["data"].why
        assert found["uploads"].covered
        assert (await policy_of(daemon.tools, "tale")).enabled
        assert not (await policy_of(daemon.tools, "stranger")).enabled


@story
async def test_credentials_of_repositories_are_kept_sealed(house: House) -> None:
    images(house)
    said = {"backup": {"repositories": [{"url": "/a", "environment": {"KEY": "canary-4711"}}]}}
    labels = {"tabib.backup.repository.environment.KEY": "canary-4711"}
    async with house.daemon() as daemon:
        await daemon.up(shop(extension=said, labels=labels))
        (release,) = await daemon.journal.releases(daemon.tools.info.id, "tale")
        assert "canary-4711" not in str(release)
        assert (
            daemon.tools.secrets.redactor({"Config": {"Labels": {LABEL_PROJECT: "tale"}}}).text(
                "it said canary-4711"
            )
            != "it said canary-4711"
        )
        assert looks_secret("tabib.backup.repository.environment.KEY")
        assert looks_secret("tabib.backup.repository")
        assert not looks_secret("tabib.backup.schedule")
