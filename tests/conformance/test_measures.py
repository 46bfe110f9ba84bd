"""Figures and sizes as the engine itself knows them, and what leads past it to the kernel."""

from __future__ import annotations

import asyncio
import io
import tarfile
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing

import pytest

from support.bench import Bench, exits
from tabib.model.errors import NotFound
from tabib.model.metrics import CONTAINER, INTERFACE
from tabib.model.plan import Verb
from tabib.model.sample import Values

Reading = tuple[Values, Mapping[str, Values]]


async def _some(stream: AsyncIterator[Reading], count: int) -> list[Reading]:
    found: list[Reading] = []
    async with asyncio.timeout(30):
        async for reading in stream:
            found.append(reading)
            if len(found) == count:
                break
    return found


def _named(values: Values) -> dict[str, int | None]:
    return dict(zip((metric.name for metric in CONTAINER), values, strict=True))


async def test_a_reading_each_second_of_what_runs(bench: Bench) -> None:
    network = await bench.network()
    name = await bench.run("a", endpoints=bench.endpoint(network), service={"mem_limit": 64 << 20})
    begun = bench.clock.monotonic()
    async with aclosing(bench.engine.stats(name)) as stream:  # type: ignore[type-var]
        readings = await _some(stream, 3)
    assert 1.0 < bench.clock.monotonic() - begun < 8.0
    first, last = _named(readings[0][0]), _named(readings[-1][0])
    for metric in ("cpu_us", "cpu_user_us", "network_received_bytes"):
        assert (last[metric] or 0) >= (first[metric] or 0) >= 0, metric
    assert (last["cpu_us"] or 0) > 1000
    assert 10_000 < (last["memory_working_set_bytes"] or 0) <= (last["memory_bytes"] or 0)
    assert last["memory_limit_bytes"] == 64 << 20
    assert last["threads"] == 1
    assert (last["block_written_bytes"], last["cpu_periods"]) == (0, 0)
    for metric in ("state", "health", "restarts", "open_files", "cpu_pressure_us"):
        assert last[metric] is None, metric
    (interface,) = readings[-1][1].items()
    assert interface[0] == "eth0"
    sums = tuple(last[metric.name] for metric in INTERFACE)
    assert interface[1] == sums


async def test_no_limit_and_no_network_are_absent(bench: Bench) -> None:
    name = await bench.run("a")
    async with aclosing(bench.engine.stats(name)) as stream:  # type: ignore[type-var]
        ((values, networks),) = await _some(stream, 1)
    assert _named(values)["memory_limit_bytes"] is None
    assert _named(values)["network_sent_bytes"] is None
    assert dict(networks) == {}


async def test_readings_end_with_the_container(bench: Bench) -> None:
    name = await bench.run("a", exits(0, after_s=2.5))
    readings = await _some(bench.engine.stats(name), 100)
    assert 1 <= len(readings) < 10
    assert await _some(bench.engine.stats(name), 100) == []


async def test_no_readings_of_nothing(bench: Bench) -> None:
    with pytest.raises(NotFound):
        await _some(bench.engine.stats(bench.name("none")), 1)


async def _tar(name: str, content: bytes) -> AsyncIterator[bytes]:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        info = tarfile.TarInfo(name)
        info.size = len(content)
        tar.addfile(info, io.BytesIO(content))
    yield buffer.getvalue()


async def test_sizes_of_layers_and_volumes(bench: Bench) -> None:
    volume = await bench.volume()
    name = await bench.create("a", mounts=(bench.mount(volume, "/data"),))
    idle = await bench.create("b")
    await bench.engine.put_archive(name, "/tmp", _tar("layer", bytes(300_000)))
    await bench.apply(Verb.START_CONTAINER, name)
    await bench.engine.put_archive(name, "/data", _tar("kept", bytes(200_000)))
    ids = [(await bench.engine.look(c)).id for c in (name, idle)]
    sizes = await bench.engine.sizes()
    assert 300_000 <= sizes.writable_layers[ids[0]] < 400_000
    assert sizes.writable_layers[ids[1]] < 10_000
    assert 200_000 <= sizes.volumes[volume] < 300_000


async def test_the_first_process_and_the_log_are_told(bench: Bench) -> None:
    name = await bench.create("a")
    created = await bench.engine.look(name)
    assert (created.pid, created.log_driver, created.log_path) == (0, "json-file", "")
    await bench.apply(Verb.START_CONTAINER, name)
    running = await bench.engine.look(name)
    assert running.pid > 1
    assert running.log_path.endswith(f"{running.id}-json.log")
    (observed,) = (await bench.engine.observe(bench.prefix)).containers
    assert (observed.pid, observed.log_path) == (running.pid, running.log_path)
    await bench.apply(Verb.STOP_CONTAINER, name, options={"timeout_s": 0})
    stopped = await bench.engine.look(name)
    assert (stopped.pid, stopped.log_path) == (0, running.log_path)
    await bench.apply(Verb.START_CONTAINER, name)
    assert (await bench.engine.look(name)).pid not in (0, running.pid)
