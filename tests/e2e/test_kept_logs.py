"""Logs on a real engine, kept beyond their containers: short lives, rotation, floods, restarts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from support.real_engine import IMAGE, clear
from tabib.decide.redact import Redactor
from tabib.engines.docker import DockerEngine, connect
from tabib.host.clock import SystemClock
from tabib.model.errors import TabibError
from tabib.model.wire import EndpointAddress
from tabib.operations.monitor.log_keeper import LogKeeper
from tabib.operations.monitor.log_reading import READ_BYTES
from tabib.stores.logs import SqliteLogs

pytestmark = pytest.mark.engine
TICK_S = 0.2


@pytest.fixture
async def engine(engine_address: EndpointAddress, project_name: str) -> AsyncIterator[DockerEngine]:
    engine = await connect(engine_address)
    try:
        yield engine
    finally:
        await clear(engine, project_name)
        await engine.close()


async def docker(*arguments: str) -> str:
    process = await asyncio.create_subprocess_exec(
        "docker", *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, error = await process.communicate()
    assert process.returncode == 0, error.decode()
    return out.decode().strip()


async def run(name: str, script: str, *options: str) -> str:
    """Start a container; its id."""
    quick = ("--network", "none", "--label", "tabib.test=1")
    return await docker("run", "-d", *quick, *options, "--name", name, IMAGE, "sh", "-c", script)


class Recorder:
    """Calls the keeper as the recorder does: at events, and each tick."""

    def __init__(self, engine: DockerEngine, keeper: LogKeeper, prefix: str) -> None:
        self.engine, self.keeper, self.prefix = engine, keeper, prefix
        self.group = keeper.group
        self.destroyed: set[str] = set()
        self.died: set[str] = set()
        self.changed = asyncio.Condition()

    async def look(self, container: str) -> None:
        try:
            found = await self.engine.inspect(container)
        except TabibError:
            return
        driver = found["HostConfig"]["LogConfig"]["Type"]
        self.keeper.watch(found["Id"], found["Name"].lstrip("/"), driver, found["LogPath"])

    async def events(self, since_ns: int) -> None:
        async for event in self.engine.events(since_ns):
            if event.kind != "container" or not event.name.startswith(self.prefix):
                continue
            if event.action in ("create", "start"):
                self.keeper.watch(event.id, event.name)
                self.group.create_task(self.look(event.id))
            elif event.action == "die":
                self.keeper.died(event.id)
                self.group.create_task(self.ended(event.id, self.died))
            elif event.action == "destroy":
                self.keeper.gone(event.id)
                self.group.create_task(self.ended(event.id, self.destroyed))

    async def ended(self, identity: str, told: set[str]) -> None:
        await self.keeper.collect()
        async with self.changed:
            told.add(identity)
            self.changed.notify_all()

    async def ticks(self) -> None:
        while True:
            await self.keeper.collect()
            await asyncio.sleep(TICK_S)

    async def until(self, identity: str, told: set[str]) -> None:
        async with asyncio.timeout(60), self.changed:
            await self.changed.wait_for(lambda: identity in told)


@asynccontextmanager
async def recording(folder: Path, engine: DockerEngine, prefix: str) -> AsyncIterator[Recorder]:
    store = await SqliteLogs.open(folder, SystemClock(), floor_bytes=0)
    async with asyncio.TaskGroup() as group:
        keeper = LogKeeper(
            engine, store, SystemClock(), group, "e", lambda _: Redactor.knowing(["hunter2known"])
        )
        recorder = Recorder(engine, keeper, prefix)
        tasks = [
            group.create_task(recorder.events(time.time_ns())),
            group.create_task(recorder.ticks()),
        ]
        yield recorder
        for task in tasks:
            task.cancel()
        await keeper.collect()
        keeper.close()
    await store.close()


TRACE = """Traceback (most recent call last):
  File "/app/a.py", line 3, in load
    return d["x"]
KeyError: 'x'"""


async def test_containers_that_live_for_a_moment(
    engine: DockerEngine, project_name: str, tmp_path: Path
) -> None:
    script = (
        f"echo first words of $0; echo hunter2known; echo '{TRACE.replace(chr(39), chr(34))}' >&2"
    )
    script += "; sleep 0.1; echo last words"
    async with recording(tmp_path, engine, project_name) as recorder:
        names = [f"{project_name}-{number}" for number in range(8)]
        ids = await asyncio.gather(*(run(one, script.replace("$0", one), "--rm") for one in names))
        for one in ids:
            await recorder.until(one, recorder.destroyed)
        keeper = recorder.keeper
        for identity, name in zip(ids, names, strict=True):
            texts = [line.text for line in await keeper.store.tail("e", [identity])]
            assert texts[0] in (f"first words of {name}", "Traceback (most recent call last):")
            assert "last words" in texts
            assert not any("hunter2known" in text for text in texts)
            (found,) = await keeper.store.search("e", f'"words of {name}"')
            assert found.container_id == identity
            (pattern,) = await keeper.store.patterns("e", [identity])
            assert pattern.template == 'KeyError: "<text>" | /app/a.py in load'
            assert pattern.example.count("\n") == 3
            assert keeper.tail(identity)


async def test_rotation_loses_nothing(
    engine: DockerEngine, project_name: str, tmp_path: Path
) -> None:
    script = "i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); "
    script += "[ $((i % 250)) = 0 ] && sleep 0.3; done"
    limits = ("--log-opt", "max-size=30k", "--log-opt", "max-file=3")
    async with recording(tmp_path, engine, project_name) as recorder:
        identity = await run(f"{project_name}-turn", script, *limits)
        await recorder.until(identity, recorder.died)
        lines = await recorder.keeper.store.tail("e", [identity])
        assert [line.text for line in lines] == [f"line {number}" for number in range(3000)]
        assert (recorder.keeper.bytes(identity) or 0) > 3000 * 70


async def test_a_flood_is_bounded_and_told(
    engine: DockerEngine, project_name: str, tmp_path: Path
) -> None:
    script = "sleep 0.5; yes 'the flood is here, the flood is here, the flood is here' | "
    script += "head -c 64000000; echo; echo the end"
    async with recording(tmp_path, engine, project_name) as recorder:
        begun, used = time.monotonic(), time.process_time()
        identity = await run(f"{project_name}-flood", script, "--rm")
        await recorder.until(identity, recorder.destroyed)
        used, took = time.process_time() - used, time.monotonic() - begun
        lines = await recorder.keeper.store.tail("e", [identity])
        size = sum(len(line.text) for line in lines)
        notes = [line.text for line in lines if line.stream == "tabib"]
        print(f"64 MB in {took:.1f} s: {used:.2f} s CPU, {size} bytes kept, {len(notes)} notes")
        assert notes
        assert "bytes of output were skipped" in notes[0]
        assert lines[-1].text == "the end"
        assert size < (took / TICK_S + 20) * READ_BYTES
        assert used < max(2.0, took)


async def test_a_restart_of_the_daemon_repeats_nothing(
    engine: DockerEngine, project_name: str, tmp_path: Path
) -> None:
    script = "i=0; while :; do echo line $i; i=$((i+1)); sleep 0.01; done"
    async with recording(tmp_path, engine, project_name) as recorder:
        identity = await run(f"{project_name}-on", script)
        await asyncio.sleep(1)
    await asyncio.sleep(0.5)
    async with recording(tmp_path, engine, project_name) as recorder:
        await recorder.look(identity)
        await asyncio.sleep(0.5)
        await docker("kill", identity)
        await recorder.until(identity, recorder.died)
        texts = [line.text for line in await recorder.keeper.store.tail("e", [identity])]
        assert texts == [f"line {number}" for number in range(len(texts))]
        assert len(texts) > 50


@pytest.mark.parametrize("driver", ["local", "none"])
async def test_other_drivers(
    engine: DockerEngine, project_name: str, tmp_path: Path, driver: str
) -> None:
    script = "i=0; while [ $i -lt 20 ]; do echo line $i; i=$((i+1)); sleep 0.05; done"
    async with recording(tmp_path, engine, project_name) as recorder:
        identity = await run(f"{project_name}-{driver}", script, "--log-driver", driver)
        await recorder.until(identity, recorder.died)
        await recorder.keeper.collect()
        texts = [line.text for line in await recorder.keeper.store.tail("e", [identity])]
        if driver == "none":
            assert texts == []
            assert [one.why for one in recorder.keeper.missing] == [
                "their log driver is none: the engine throws it away"
            ]
        else:
            assert texts == [f"line {number}" for number in range(20)]
            assert recorder.keeper.missing == ()
