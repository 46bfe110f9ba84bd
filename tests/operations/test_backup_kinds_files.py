"""Plain files: live, paused and stopped; and a daemon that dies while it holds somebody still."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from support.backups import DataHouse
from support.installation import until
from support.real_engine import step
from tabib.decide.onestep import on_container
from tabib.model.backup import LIVE, PAUSED, STOPPED, Dataset, Place
from tabib.model.container import VolumeSpec
from tabib.model.errors import CopyFailed, EngineError
from tabib.model.plan import Plan, Step, StepResult, Verb
from tabib.operations.backups.kinds import KINDS
from tabib.operations.backups.kinds.files import FIRST_PASS
from tabib.operations.backups.kinds.holding_still import let_go_left, still, writers
from tabib.operations.backups.kinds.places import host_path
from tabib.operations.execute import execute
from tabib.operations.operation import Operation

pytestmark = [pytest.mark.engine, pytest.mark.slow]

KIND = KINDS["files"]
IMAGE = "busybox:1.36"
DATA = "/data"
WRITES = "i=0; while :; do i=$((i+1)); echo $i >/data/number; done"


async def writer(
    house: DataHouse, name: str = "db", *, place: Place | None = None, seed: Place | None = None
) -> Dataset:
    """One that writes all the time; ``seed``: where its files lie for this machine."""
    command = ["sh", "-c", WRITES]
    dataset = await house.start("files", IMAGE, DATA, command=command, name=name, place=place)
    root = Path((seed or dataset.place).source)
    (root / "sub").mkdir()
    (root / "sub/letter").write_text("dear")
    await asyncio.to_thread(until, (root / "number").exists, 20, "its first number")
    return dataset


async def status(house: DataHouse, name: str = "db") -> str:
    return (await house.container(name)).status


async def test_live_is_told_as_what_it_is(data_house: DataHouse) -> None:
    dataset = await writer(data_house)
    part = await KIND.save(await data_house.copying(), dataset)
    assert (part.form, part.consistency) == ("files", LIVE)
    assert "while db ran" in part.warnings[0]
    assert part.record["files"] == 2
    place = data_house.place("restored")
    async with data_house.restored(KIND, part, place=place) as container:
        checks = await KIND.check(data_house.tools, container, part)
        assert [one.ok for one in checks] == [True]
        await data_house.ask(container, "rm /data/sub/letter")
        checks = await KIND.check(data_house.tools, container, part)
    assert [one.ok for one in checks] == [False]


@pytest.mark.parametrize("method", ["pause", "stop"])
async def test_all_who_write_are_held_still(data_house: DataHouse, method: str) -> None:
    dataset = await writer(data_house)
    await writer_on_the_same(data_house, dataset)
    seen: list[tuple[str, ...]] = []
    passes: list[tuple[str, ...]] = []
    repository = data_house.repository
    number = Path(dataset.place.source) / "number"

    def look() -> None:
        first = number.read_text()
        asyncio.get_running_loop()
        passes.append(repository.tags[f"s{len(repository.tags)}"])
        seen.append((first, number.read_text()))

    repository.on_files = look
    part = await KIND.save(await data_house.copying(), replace(dataset, method=method))
    assert part.consistency == (PAUSED if method == "pause" else STOPPED)
    assert await status(data_house) == await status(data_house, "other") == "running"
    marks = [FIRST_PASS in one for one in passes]
    assert marks == ([True, False] if method == "pause" else [False])
    assert repository.snapshots() == [part.stored]
    kept = (repository.tree(part.stored) / "number").read_text()
    assert seen[-1] == (kept, kept), "somebody wrote while it was copied"
    verbs = [one.data["verb"] for one in await data_house.tools.journal.entries(kinds=("intent",))]
    word = {"pause": ("pause", "unpause"), "stop": ("stop", "start")}[method]
    assert verbs == [f"{word[0]}_container"] * 2 + [f"{word[1]}_container"] * 2


async def writer_on_the_same(house: DataHouse, dataset: Dataset) -> None:
    command = ["sh", "-c", WRITES]
    await house.start("files", IMAGE, DATA, command=command, name="other", place=dataset.place)


async def test_a_copy_that_fails_lets_them_go(data_house: DataHouse) -> None:
    dataset = await writer(data_house)
    calls = 0

    def fail() -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise CopyFailed("the disk is gone")

    data_house.repository.on_files = fail
    with pytest.raises(CopyFailed, match="disk is gone"):
        await KIND.save(await data_house.copying(), replace(dataset, method="pause"))
    assert await status(data_house) == "running"
    assert data_house.repository.snapshots() == []


async def test_a_copy_that_is_cancelled_lets_them_go(data_house: DataHouse) -> None:
    await writer(data_house)
    held = asyncio.Event()

    async def hold() -> None:
        containers = [await data_house.container()]
        async with still(
            data_house.tools, containers, Verb.PAUSE_CONTAINER, project=data_house.prefix
        ):
            held.set()
            await asyncio.sleep(60)

    task = asyncio.create_task(hold())
    await held.wait()
    assert await status(data_house) == "paused"
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await status(data_house) == "running"


async def test_one_that_is_let_go_in_vain_at_first_is_tried_again(
    data_house: DataHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    await writer(data_house)
    tools, apply, failures = data_house.tools, data_house.tools.engine.apply, 2

    async def fails(step: Step, **more: Any) -> StepResult:
        nonlocal failures
        if step.verb is Verb.UNPAUSE_CONTAINER and failures:
            failures -= 1
            raise EngineError("the engine has no time")
        return await apply(step, **more)

    monkeypatch.setattr(tools.engine, "apply", fails)
    containers = [await data_house.container()]
    async with still(tools, containers, Verb.PAUSE_CONTAINER, project=data_house.prefix):
        assert await status(data_house) == "paused"
    assert failures == 0
    assert await status(data_house) == "running"


async def test_one_that_is_gone_or_dead_meanwhile_is_let_go(data_house: DataHouse) -> None:
    await writer(data_house)
    await writer(data_house, "other")
    tools = data_house.tools
    containers = [await data_house.container(), await data_house.container("other")]
    async with still(tools, containers, Verb.PAUSE_CONTAINER, project=data_house.prefix):
        name = data_house.specs["other"].name
        options = {"force": True, "volumes": False}
        await tools.engine.apply(step(Verb.REMOVE_CONTAINER, name, options=options))
    assert await status(data_house) == "running"


@pytest.mark.parametrize("verb", [Verb.PAUSE_CONTAINER, Verb.STOP_CONTAINER])
async def test_what_a_dead_daemon_held_is_let_go(data_house: DataHouse, verb: Verb) -> None:
    await writer(data_house)
    await writer(data_house, "person")
    held = still(data_house.tools, [await data_house.container()], verb, project=data_house.prefix)
    await held.__aenter__()  # and the daemon is gone
    # Of tabib's doing as well, but a person asked for it: it stays.
    asked = on_container(verb, await data_house.container("person"), "asked for")
    plan = Plan(project=data_house.prefix, steps=(asked,))
    operation = Operation("by-person", "pause", data_house.prefix)
    (await execute(data_house.tools, plan, operation)).raise_first(plan, "pause")
    before = await status(data_house, "person")
    await let_go_left(data_house.tools)
    assert await status(data_house) == "running"
    assert await status(data_house, "person") == before
    await data_house.act(Verb.PAUSE_CONTAINER)
    await let_go_left(data_house.tools)
    assert await status(data_house) == "paused", "it was let go already: this was a person"


async def test_one_that_is_stopped_is_at_rest(data_house: DataHouse) -> None:
    dataset = await writer(data_house)
    await data_house.act(Verb.STOP_CONTAINER, timeout_s=0)
    part = await KIND.save(await data_house.copying(), dataset)
    assert part.consistency == STOPPED
    assert part.warnings == ()


async def test_a_volume_in_generations_is_written_to_by_its_name(data_house: DataHouse) -> None:
    folder = data_house.place("generation")
    name = f"{data_house.prefix}_vol"
    volume = VolumeSpec(name=name, directory=folder.source)
    await data_house.tools.engine.apply(step(Verb.CREATE_VOLUME, name, volume=volume))
    by_name = Place(type="volume", source=name)
    dataset = await writer(data_house, place=by_name, seed=folder)
    for place in (folder, by_name):
        found = await writers(data_house.tools, replace(dataset, place=place), None)
        assert [one.name for one in found] == [data_house.specs["db"].name]
        assert await host_path(data_house.tools, place) == folder.source
