"""Snapshots over the API, on repositories that are folders."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from api.conftest import Api, api
from support.projects import project, service
from support.repositories import KEY, FolderRepositories, ReadableFolder
from support.site import House
from support.story import story
from tabib.model.backup import Dataset, Part, Place, Snapshot
from tabib.model.errors import RepositoryUnreachable
from tabib.model.settings import BackupSettings
from tabib.operations.backups.manifest import write_manifest
from tabib.operations.backups.tools import BackupTools

AT = datetime(2026, 11, 25, 8, tzinfo=UTC)
CONTRACT = {
    "id", "project", "services", "volumes", "taken_at", "trigger", "consistent", "size_bytes",
    "verified_at", "repository",
}  # fmt: skip
CREDENTIAL = "canary-credential"


class Shop:
    """A daemon that copies into a folder, with snapshots of `tale` in it."""

    def __init__(self, here: Api, house: House) -> None:
        self.here = here
        self.tools = here.daemon.tools
        self.repository = ReadableFolder(house.folder / "repository")
        self.repositories = FolderRepositories(self.repository)
        address = {"url": "/r", "environment": {"AWS_SECRET_ACCESS_KEY": CREDENTIAL}}
        settings = BackupSettings(repositories=[address])
        self.tools.backups = BackupTools(repositories=self.repositories, settings=settings)
        self.folder = house.folder / "data"

    async def snapshot(self, id: str, **more: Any) -> Snapshot:
        """One of files ``in/a.txt``, ``in/b.txt`` and one of a database's dump."""
        (self.folder / "in").mkdir(parents=True, exist_ok=True)
        (self.folder / "in" / "a.txt").write_text("alpha")
        (self.folder / "in" / "b.txt").write_text("beta")
        place = Place(type="bind", source=str(self.folder))
        files = await self.repository.save_files(place, tags=("tabib", f"set={id}"))

        async def dump() -> Any:
            yield b"select 1;"

        stream = await self.repository.save_stream(
            dump(), filename="dump.sql", tags=("tabib", f"set={id}")
        )
        made = Snapshot(
            id=id, project="tale", engine_id=self.here.engine, cluster="default", taken_at=AT,
            ended_at=AT, trigger="manual", repository="folder", size_bytes=9, consistent=False,
            volumes=("uploads", "db"), services=("web",), consistency="live",
            parts=(
                self.part("uploads", "files", files.id, "/data"),
                self.part("db", "dump", stream.id, "/dump.sql"),
            ),
        )  # fmt: skip
        made = replace(made, **more)
        coming: asyncio.Future[Snapshot] = asyncio.get_running_loop().create_future()
        coming.set_result(made)
        manifest = await write_manifest(
            self.tools,
            self.repository,  # type: ignore[arg-type]
            made.id,
            made.project,
            coming,
        )
        made = replace(made, manifest=manifest)
        await self.tools.journal.put_snapshot(made)
        return made

    def part(self, name: str, form: str, stored: str, path: str) -> Part:
        dataset = Dataset(
            name=name,
            place=Place(type="volume", source=f"tale_{name}"),
            kind="files" if form == "files" else "postgres",
            service="web",
            hooks={"before": f"login {CREDENTIAL}"},
        )
        return Part(
            dataset=dataset, stored=stored, form=form, path=path,
            consistency="live" if form == "files" else "database", taken_at=AT, ended_at=AT,
        )  # fmt: skip


async def result_of(answer: Any) -> Any:
    return answer.rows[-1]


@story
async def test_rows_have_the_contracts_fields(house: House) -> None:
    async with api(house) as here:
        shop = Shop(here, house)
        await shop.snapshot("aa11")
        await shop.snapshot("bb22", project="other")
        rows = (await here.get("/v1/snapshots")).json
        assert {row["id"] for row in rows} == {"aa11", "bb22"}
        assert all(set(row) >= CONTRACT for row in rows)
        [row] = (await here.get("/v1/snapshots", project="tale")).json
        assert row["id"] == "aa11"
        assert row["consistencies"] == {"uploads": "live", "db": "database"}
        page = (await here.get("/v1/snapshots/aa")).json
        assert [part["name"] for part in page["parts"]] == ["uploads", "db"]
        assert CREDENTIAL not in str(page), "commands of hooks are nobody's business"


@story
async def test_a_snapshot_that_is_not_there(house: House) -> None:
    async with api(house) as here:
        shop = Shop(here, house)
        await shop.snapshot("aabb1122")
        answer = await here.get("/v1/snapshots/aabb1123")
        assert (answer.status, answer.error["kind"]) == (404, "not_found")
        assert answer.error["advice"] == "Did you mean aabb1122?"
        far = (await here.get("/v1/snapshots/zz")).error
        assert "tabib snapshots" in far["advice"]


@story
async def test_what_lies_in_it(house: House) -> None:
    async with api(house) as here:
        shop = Shop(here, house)
        await shop.snapshot("aa11")

        async def ls(path: str) -> list[str]:
            found = await here.get("/v1/snapshots/aa11/entries", path=path)
            return [one["path"] for one in found.json]

        assert await ls("") == ["uploads", "db"]
        assert await ls("uploads") == ["uploads/in"]
        assert await ls("uploads/in/") == ["uploads/in/a.txt", "uploads/in/b.txt"]
        assert await ls("db") == ["db/dump.sql"]
        wrong = await here.get("/v1/snapshots/aa11/entries", path="uploads/inn")
        assert wrong.status == 404
        assert wrong.error["advice"] == "Did you mean uploads/in?"
        none = await here.get("/v1/snapshots/aa11/entries", path="nodata")
        assert "uploads, db" in none.error["advice"]


@story
async def test_content(house: House) -> None:
    async with api(house) as here:
        shop = Shop(here, house)
        await shop.snapshot("aa11aa11")
        route = "/v1/snapshots/aa11aa11/content"

        async def content(path: str) -> tuple[str, str, bytes]:
            got = await here.get(route, path=path)
            assert got.status == 200, got.body
            return got.headers["x-tabib-type"], got.headers["x-tabib-name"], got.body

        assert await content("uploads/in/a.txt") == ("file", "a.txt", b"alpha")
        assert await content("db") == ("file", "tale-aa11aa11-db-dump.sql", b"select 1;")
        kind, name, body = await content("uploads")
        assert (kind, name) == ("tar", "tale-aa11aa11-uploads.tar")
        assert b"alpha" in body
        assert (await content("uploads/in"))[:2] == ("tar", "in.tar")
        assert (await here.get(route, path="uploads/in/c.txt")).status == 404
        several = await here.get(route, path="")
        assert (several.status, several.error["kind"]) == (400, "usage")


@story
async def test_trouble_before_the_first_byte_is_an_error_answer_and_after_it_breaks_off(
    house: House,
) -> None:
    async with api(house) as here:
        shop = Shop(here, house)
        await shop.snapshot("aa11")
        shop.repository.trouble = RepositoryUnreachable("it is gone", attempted="read")
        answer = await here.get("/v1/snapshots/aa11/content", path="db")
        assert (answer.status, answer.error["kind"]) == (502, "repository_unreachable")
        shop.repository.whole = 1
        part = await here.get("/v1/snapshots/aa11/content", path="db")
        assert (part.status, part.body, part.whole) == (200, b"select 1;", False)
        shop.repository.trouble = None
        assert (await here.get("/v1/snapshots/aa11/content", path="db")).whole


@story
async def test_held_and_removed(house: House) -> None:
    async with api(house) as here:
        shop = Shop(here, house)
        await shop.snapshot("aa11")
        await shop.snapshot("bb22")
        assert (await here.post("/v1/snapshots/aa11/hold", hold=True, by="ada")).json[
            "hold"
        ] is True
        refused = await result_of(await here.delete("/v1/snapshots/aa11"))
        assert refused["error"]["kind"] == "refused"
        assert "held" in refused["error"]["happened"]
        assert (await here.post("/v1/snapshots/aa11/hold", hold=False)).json["hold"] is False
        before = shop.repository.snapshots()
        done = await result_of(await here.delete("/v1/snapshots/aa11"))
        assert (done["type"], done["removed"]) == ("result", "aa11")
        assert len(before) - len(shop.repository.snapshots()) == 3, "both parts and the manifest"
        last = await result_of(await here.delete("/v1/snapshots/bb22"))
        assert "last good copy" in last["error"]["happened"]
        notes = await here.daemon.entries("note")
        assert [one.data["hold"] for one in notes if "hold" in one.data] == [True, False]


@story
async def test_the_key_is_shown_once_and_written_nowhere(
    house: House, capfd: pytest.CaptureFixture[str]
) -> None:
    async with api(house) as here:
        Shop(here, house)
        first = (await here.post("/v1/backup/key", by="ada@host")).json
        assert first == {"key": KEY, "shown_at": None, "shown_to": None}
        again = await here.post("/v1/backup/key", by="eve@host")
        assert (again.status, again.error["kind"]) == (409, "needs_confirmation")
        assert "ada@host" in again.error["happened"]
        assert KEY not in str(again.body)
        meant = (await here.post("/v1/backup/key", by="eve@host", again=True)).json
        assert (meant["key"], meant["shown_to"]) == (KEY, "ada@host")
    for file in (house.folder / "state").rglob("*"):
        assert not file.is_file() or KEY.encode() not in file.read_bytes(), file
    assert KEY not in "".join(capfd.readouterr())


@story
async def test_a_repository_is_read_with_its_key(house: House) -> None:
    async with api(house) as here:
        shop = Shop(here, house)
        await shop.snapshot("aa11")
        await shop.snapshot("bb22", project="other")
        for id in ("aa11", "bb22"):
            await shop.tools.journal.remove_snapshot(id)

        async def read(**more: Any) -> Any:
            address = {"url": "/elsewhere"}
            return await here.post("/v1/repository/snapshots", address=address, **more)

        rows = (await read(key=KEY)).json
        assert {row["id"] for row in rows} == {"aa11", "bb22"}
        assert set(rows[0]) >= CONTRACT
        assert [row["id"] for row in (await read(key=KEY, project="other")).json] == ["bb22"]
        wrong = await read(key="not-it")
        assert (wrong.status, wrong.error["kind"]) == (403, "repository_key_wrong")
        shop.repositories.there = False
        assert (await read()).status == 404


@story
async def test_a_daemon_without_backups(house: House) -> None:
    async with api(house) as here:
        await here.daemon.up(project(service("web")))
        here.daemon.tools.backups = None
        for answer in (
            await here.get("/v1/projects/tale/backup/plan"),
            await here.post("/v1/backup/key"),
            await here.post("/v1/repository/snapshots", address={"url": "/r"}),
        ):
            assert (answer.status, answer.error["kind"]) == (409, "refused")
            assert "[backup]" in answer.error["advice"]
        refused = await result_of(await here.post("/v1/projects/tale/backup"))
        assert refused["error"]["kind"] == "refused"
        assert (await here.get("/v1/snapshots")).json == []


@story
async def test_what_cannot_be_backed_up(house: House) -> None:
    async with api(house) as here:
        Shop(here, house)
        await here.daemon.up(project(service("web"), service("job")))

        async def error(name: str, *services: str) -> Any:
            route = f"/v1/projects/{name}/backup"
            return (await result_of(await here.post(route, services=list(services))))["error"]

        unknown = await error("tail")
        assert (unknown["kind"], unknown["advice"]) == ("not_found", "Did you mean tale?")
        wrong = await error("tale", "wep")
        assert (wrong["kind"], wrong["advice"]) == ("usage", "Did you mean web?")
        nothing = await error("tale")
        assert nothing["kind"] == "usage"
        assert "backup --plan" in nothing["advice"]


@story
async def test_the_plan_tells_everything_but_secrets(house: House) -> None:
    async with api(house) as here:
        shop = Shop(here, house)
        shop.repositories.there = False
        await here.daemon.up(project(service("web", volumes={"/data": "data"})))
        plan = (await here.get("/v1/projects/tale/backup/plan")).json
        assert [one["name"] for one in plan["datasets"]] == ["data"]
        assert plan["policy"]["schedule"] == "0 3 * * *"
        assert "repositories" not in plan["policy"]
        [repository] = plan["repositories"]
        assert repository["state"] == "none yet"
        assert plan["next_at"] is not None
        assert CREDENTIAL not in str(plan)
        assert not shop.repositories.there, "to look makes nothing"
        await shop.snapshot("aa11")
        [judged] = (await here.get("/v1/projects/tale/backup/plan")).json["retention"]
        assert (judged["snapshot"], judged["keep"]) == ("aa11", True)
        assert judged["reasons"]
