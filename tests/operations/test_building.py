"""Builds as one sees them from outside: what is built when, who sends the context, how it ends."""

from __future__ import annotations

import asyncio
import io
import tarfile
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from support.projects import edited, project, service
from support.site import Daemon, House
from support.story import story
from tabib.model.build import BuildChoice, BuildSource
from tabib.model.errors import BuildFailed, ImageUnavailable, Interrupted, UsageError
from tabib.model.project import Project
from tabib.model.wire import BuildRequest, ImagesRequest, RunRequest
from tabib.operations import images
from tabib.operations.operation import Operation
from tabib.operations.run import run

APP = service("app", image="tale-app", build={"context": "/x"})
WEB = service("web")
SHOP = project(APP, WEB)
TEXT = "FROM busybox:1.36\nRUN true\nCOPY f /f\n"


def sources(text: str = TEXT, *names: str) -> dict[str, BuildSource]:
    return {name: BuildSource(context="/x", text=text) for name in names or ("app",)}


async def tar(files: Mapping[str, str]) -> AsyncIterator[bytes]:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text.encode()))
    yield buffer.getvalue()


class Person:
    """The command: follows an operation, and sends what it asks for."""

    def __init__(self, daemon: Daemon, verb: str, text: str = TEXT, content: str = "1") -> None:
        self.operation: Operation = daemon.operation(verb, "tale")
        self.files = {"Dockerfile": text, "f": content}
        self.asked: list[str] = []
        self._task = asyncio.ensure_future(self._follow())

    async def _follow(self) -> None:
        async for message in self.operation.messages():
            if message["type"] == "context":
                self.asked.append(message["service"])
                self.operation.contexts.offer(message["id"], tar(self.files))

    def steps(self, verb: str) -> list[Mapping[str, Any]]:
        told = self.operation._messages
        plans = [step for m in told if m["type"] == "plan" for step in m["steps"]]
        return [step for step in plans if step["verb"] == verb]

    def leave(self) -> None:
        self._task.cancel()


async def up(daemon: Daemon, whole: Project = SHOP, content: str = "1", **options: Any) -> Any:
    person = Person(daemon, "up", content=content)
    try:
        options = {"sources": sources(), **options}
        return await daemon.up(whole, operation=person.operation, **options), person
    finally:
        person.leave()


@story
async def test_up_builds_what_is_missing_and_nothing_else(house: House) -> None:
    async with house.daemon() as daemon:
        first, person = await up(daemon)
        assert person.asked == ["app"]
        assert [s["reason"] for s in person.steps("build_image")] == ["it is not there yet"]
        assert first["created"] == ["tale-app-1", "tale-web-1"]
        again, person = await up(daemon)
        assert person.asked == []
        assert not again["changed"]


@story
async def test_up_build_recreates_only_where_another_image_comes_out(house: House) -> None:
    async with house.daemon() as daemon:
        await up(daemon)
        same, person = await up(daemon, build="always")
        assert person.asked == ["app"]
        assert not same["changed"]
        other, _ = await up(daemon, content="2", build="always")
        assert (other["release"], other["recreated"]) == (2, ["tale-app-1"])
        newest, first = await daemon.journal.releases(daemon.tools.info.id, "tale")
        assert newest.images["app"].value != first.images["app"].value
        assert newest.images["app"].kind == "id"


@story
async def test_up_build_of_a_policy_and_of_none(house: House) -> None:
    async with house.daemon() as daemon:
        with pytest.raises(ImageUnavailable, match="no-build"):
            await up(daemon, build="never")
        await up(daemon)
        _, person = await up(daemon, edited(SHOP, "app", pull_policy="build"))
        assert person.asked == ["app"]


@story
async def test_dry_run_tells_of_the_build_and_does_none(house: House) -> None:
    async with house.daemon() as daemon:
        _, person = await up(daemon, dry_run=True)
        assert len(person.steps("build_image")) == 1
        assert person.asked == []
        assert house.world.image("tale-app") is None


@story
async def test_a_failed_build_starts_nothing_and_makes_no_release(house: House) -> None:
    async with house.daemon() as daemon:
        person = Person(daemon, "up", "FROM busybox:1.36\nRUN false\n")
        with pytest.raises(BuildFailed, match="ended with 1"):
            await daemon.up(SHOP, operation=person.operation, sources=sources())
        person.leave()
        assert not house.world.containers
        assert not await daemon.journal.releases(daemon.tools.info.id, "tale")
        told = await daemon.entries("intent", "outcome")
        assert [one.data.get("verb") for one in told] == ["build_image", None]
        assert told[1].data["error"]["kind"] == "build_failed"


@story
async def test_a_command_that_is_gone_sends_nothing(house: House) -> None:
    async with house.daemon() as daemon:
        with pytest.raises(BuildFailed, match="gone"):
            await daemon.up(SHOP, sources=sources())
        operation = daemon.operation("up", "tale")
        with pytest.raises(UsageError):
            operation.contexts.offer("build:tale-app", tar({}))


@story
async def test_stopped_in_the_middle_of_a_build(house: House) -> None:
    async with house.daemon() as daemon:
        text = "FROM busybox:1.36\n" + "RUN true\n" * 1000
        person = Person(daemon, "build", text)
        request = BuildRequest(project=SHOP, sources=sources(text))
        work = asyncio.ensure_future(images.build(daemon.tools, request, person.operation))
        await daemon.until(lambda: person.asked)
        person.operation.stop()
        with pytest.raises(Interrupted):
            await work
        person.leave()
        assert house.world.image("tale-app") is None
        ended = await daemon.entries("operation_ended")
        assert [one.data["outcome"] for one in ended] == ["stopped"]


@story
async def test_no_argument_or_secret_of_a_build_is_in_the_journal(house: House) -> None:
    async with house.daemon() as daemon:
        person = Person(daemon, "build")
        request = BuildRequest(
            project=SHOP,
            sources={"app": BuildSource(text=TEXT, secrets={"s": "aHVudGVyMg=="})},
            choice=BuildChoice(args={"TOKEN": "hunter2hunter2"}),
        )
        with pytest.raises(BuildFailed):  # only BuildKit has secrets
            await images.build(daemon.tools, _with_secret(request), person.operation)
        result = await images.build(daemon.tools, request, person.operation)
        person.leave()
        assert result["images"]["app"]["id"].startswith("sha256:")
        for file in (house.folder / "state").glob("journal*"):
            assert b"hunter2hunter2" not in file.read_bytes(), file
            assert b"aHVudGVyMg" not in file.read_bytes(), file


def _with_secret(request: BuildRequest) -> BuildRequest:
    build = {"context": "/x", "secrets": [{"source": "s"}]}
    return BuildRequest(project=edited(SHOP, "app", build=build), sources=request.sources)


@story
async def test_build_push_and_pull_by_hand(house: House) -> None:
    async with house.daemon() as daemon:
        tools = daemon.tools
        person = Person(daemon, "build")
        request = BuildRequest(project=SHOP, sources=sources(), choice=BuildChoice(push=True))
        built = await images.build(tools, request, person.operation)
        person.leave()
        assert built["pushed"] == ["tale-app"]
        assert built["not_built"] == ["web"]
        assert "tale-app:latest" in house.world.registry
        pushed = await images.push(
            tools, ImagesRequest(project=SHOP), daemon.operation("push", "tale")
        )
        assert pushed["skipped"] == {"web": "it is not built here"}
        pulled = await images.pull(
            tools,
            ImagesRequest(project=SHOP, ignore_failures=True),
            daemon.operation("pull", "tale"),
        )
        assert set(pulled["images"]) == {"tale-app"}
        assert set(pulled["failed"]) == {"busybox:1.36"}
        assert not house.world.containers
        assert not await daemon.journal.all_care(tools.info.id)
        with pytest.raises(ImageUnavailable):
            await images.pull(
                tools, ImagesRequest(project=SHOP, services=("web",)),
                daemon.operation("pull", "tale"),
            )  # fmt: skip


@story
async def test_run_builds_the_image_of_its_service(house: House) -> None:
    async with house.daemon() as daemon:
        person = Person(daemon, "run")
        request = RunRequest(project=SHOP, service="app", sources=sources())
        made = await run(daemon.tools, request, person.operation)
        person.leave()
        assert person.asked == ["app"]
        assert made["container"] in house.world.containers
