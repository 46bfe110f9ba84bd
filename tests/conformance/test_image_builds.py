"""Builds on every engine: what they leave, how they fail, how they end when nobody wants them."""

from __future__ import annotations

import asyncio
import io
import tarfile
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from support import real_engine
from support.bench import Bench
from support.real_engine import IMAGE
from tabib.model.build import ENGINE, BuildSpec
from tabib.model.container import ImageState
from tabib.model.errors import BuildFailed, ImageUnavailable
from tabib.model.plan import Step, StepProgress, Verb

BASE = f"FROM {IMAGE}\n"


def step(bench: Bench, **fields: Any) -> Step:
    tags = (f"{bench.prefix}/built:1", *fields.pop("tags", ()))
    spec = BuildSpec(tags=tags, **fields)
    return real_engine.step(Verb.BUILD_IMAGE, tags[0], build=spec)


async def context(files: Mapping[str, str]) -> AsyncIterator[bytes]:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text.encode())
            archive.addfile(info, io.BytesIO(text.encode()))
    for at in range(0, len(buffer.getvalue()), 1000):
        yield buffer.getvalue()[at : at + 1000]


async def build(bench: Bench, text: str, **fields: Any) -> tuple[str, list[str], list[str]]:
    """(id, progress, output)"""
    files = {"Dockerfile": text, **fields.pop("files", {})}
    progress: list[StepProgress] = []
    output: list[str] = []
    result = await bench.engine.build(
        step(bench, text=text, **fields),
        context(files),
        progress=progress.append,
        output=output.append,
    )
    return result.id, [one.text for one in progress], output


async def images(bench: Bench, *names: str) -> Mapping[str, ImageState]:
    references = [f"{bench.prefix}/{name}" for name in names]
    return (await bench.engine.observe(bench.prefix, images=references, detail=False)).images


@pytest.fixture(autouse=True)
async def _tidy(bench: Bench) -> AsyncIterator[None]:
    yield
    for name in ("built:1", "built:2"):
        await bench.apply(Verb.UNTAG_IMAGE, f"{bench.prefix}/{name}")


async def test_a_build_leaves_an_image_under_all_its_tags(bench: Bench) -> None:
    further = (f"{bench.prefix}/built:2",)
    made, progress, output = await build(
        bench, BASE + "RUN echo something\nCOPY f /f\n", files={"f": "x"}, tags=further
    )
    found = await images(bench, "built:1", "built:2")
    assert {image.id for image in found.values()} == {made}
    assert len(found) == 2
    assert any("RUN echo something" in text for text in progress)
    assert "something" in output


async def test_the_same_again_is_the_same_image_and_another_context_another(bench: Bench) -> None:
    text = BASE + "COPY f /f\n"
    first, _, _ = await build(bench, text, files={"f": "one"})
    again, _, _ = await build(bench, text, files={"f": "one"})
    other, _, _ = await build(bench, text, files={"f": "two"})
    assert first == again != other
    assert (await images(bench, "built:1"))[f"{bench.prefix}/built:1"].id == other


async def test_labels_and_a_stage(bench: Bench) -> None:
    text = BASE[:-1] + f" AS one\nLABEL a=b\n{BASE[:-1]} AS two\nRUN exit 7\n"
    made, _, _ = await build(bench, text, target="one", labels={"c": "d"})
    name = await bench.create("a", image=f"{bench.prefix}/built:1")
    try:
        assert (await bench.engine.look(name)).image_id == made
    finally:
        await bench.apply(Verb.REMOVE_CONTAINER, name, options={"force": True})


async def test_an_instruction_that_fails_is_named_with_its_line(bench: Bench) -> None:
    with pytest.raises(BuildFailed) as caught:
        await build(bench, BASE + "# a comment\nRUN echo the last words; exit 7\n")
    details = caught.value.details
    assert (details["line"], details["exit_code"]) == (3, 7)
    assert details["log_tail"] == ["the last words"]
    assert "Dockerfile:3" in caught.value.happened
    assert not await images(bench, "built:1")


async def test_a_file_that_is_not_in_the_context(bench: Bench) -> None:
    with pytest.raises(BuildFailed) as caught:
        await build(bench, BASE + "COPY nothing /x\n")
    assert "nothing" in caught.value.happened
    assert caught.value.details["line"] == 2


async def test_a_base_image_that_cannot_be_had(bench: Bench) -> None:
    with pytest.raises(ImageUnavailable):
        await build(bench, f"FROM localhost:1/{bench.prefix}:1\n")


async def test_no_dockerfile(bench: Bench) -> None:
    with pytest.raises(BuildFailed):
        await build(bench, BASE, dockerfile="Other")


async def test_a_context_that_breaks_off_leaves_nothing(bench: Bench) -> None:
    async def broken() -> AsyncIterator[bytes]:
        async for chunk in context({"Dockerfile": BASE, "f": "x" * 5000}):
            yield chunk
            raise BuildFailed("the sender is gone")

    with pytest.raises(BuildFailed, match="the sender is gone"):
        await bench.engine.build(step(bench, text=BASE), broken())
    assert not await images(bench, "built:1")


async def test_a_cancelled_build_ends(bench: Bench) -> None:
    begun = asyncio.Event()

    def progress(one: StepProgress) -> None:
        if "RUN" in one.text:
            begun.set()

    text = BASE + "RUN sleep 60\n" + "RUN true\n" * 200
    task = asyncio.ensure_future(
        bench.engine.build(step(bench, text=text), context({"Dockerfile": text}), progress=progress)
    )
    await asyncio.wait_for(begun.wait(), 30)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await bench.clock.sleep(1)
    assert not await images(bench, "built:1")


async def test_there_is_a_builder(bench: Bench) -> None:
    assert ENGINE in await bench.engine.builders()


async def test_push_of_what_is_not_there(bench: Bench) -> None:
    with pytest.raises(ImageUnavailable) as caught:
        await bench.apply(Verb.PUSH_IMAGE, f"localhost:1/{bench.prefix}:1")
    assert caught.value.details["code"] == "image.not-found"
