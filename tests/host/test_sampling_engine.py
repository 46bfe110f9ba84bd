"""The sampler beside a real engine: figures agree with what was done, and with the engine's own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

import pytest

from host.trees import named, of
from support import real_engine
from support.real_engine import IMAGE, step
from tabib.engines.docker import DockerEngine, connect
from tabib.host.sampling import KernelSampler
from tabib.model.container import ContainerSpec, ContainerState, Endpoint, Mount, NetworkSpec
from tabib.model.metrics import CONTAINER
from tabib.model.plan import Verb
from tabib.model.sample import Reading, Subject, Target
from tabib.model.wire import EndpointAddress

pytestmark = pytest.mark.engine

MIB = 1 << 20
Figures = dict[str, int | None]
PATIENCE_S = 30.0


class Bed:
    """Containers of one test, and a sampler."""

    def __init__(self, engine: DockerEngine, prefix: str) -> None:
        self.engine, self.prefix = engine, prefix
        self.sampler = KernelSampler("engine", "machine", ["/"])

    async def run(self, name: str, script: str, **fields: Any) -> ContainerState:
        full = f"{self.prefix}-{name}"
        service = {"command": ["sh", "-c", script], **fields.pop("service", {})}
        defaults: dict[str, Any] = {"network_mode": "none", **fields}
        spec = ContainerSpec(
            name=full, project=self.prefix, service_name=name, slot=1, image=IMAGE,
            service=service, **defaults,
        )  # fmt: skip
        await self.engine.apply(step(Verb.CREATE_CONTAINER, full, container=spec))
        await self.engine.apply(step(Verb.START_CONTAINER, full))
        return await self.engine.look(full)

    def read(self, *states: ContainerState) -> list[Reading]:
        return self.sampler.sample([_target(state) for state in states])

    def figures(self, state: ContainerState) -> Figures:
        (reading,) = of(self.read(state), "container")
        return named(reading)

    async def until(self, state: ContainerState, holds: Callable[[Figures], bool]) -> Figures:
        limit = time.monotonic() + PATIENCE_S
        while True:
            found = self.figures(state)
            if holds(found):
                return found
            assert time.monotonic() < limit, found
            await asyncio.sleep(0.1)

    async def says(self, state: ContainerState, text: str) -> None:
        """Wait until its log has the line."""
        async with asyncio.timeout(PATIENCE_S):
            async for line in self.engine.logs(state.id, follow=True):
                if text in line.text:
                    return


def _target(state: ContainerState) -> Target:
    subject = Subject(kind="container", id=state.id, engine_id="engine", name=state.name)
    return Target(subject=subject, pid=state.pid)


@pytest.fixture
async def bed(engine_address: EndpointAddress, project_name: str) -> AsyncIterator[Bed]:
    engine = await connect(engine_address)
    bed = Bed(engine, project_name)
    try:
        yield bed
    finally:
        bed.sampler.close()
        await real_engine.clear(engine, project_name)
        await engine.close()


def _of(found: Figures, *names: str) -> list[int]:
    values = [found[name] for name in names]
    assert None not in values, found
    return [value for value in values if value is not None]


async def test_cpu_time_is_what_was_burnt(bed: Bed) -> None:
    state = await bed.run(
        "burn", "i=0; while [ $i -lt 400000 ]; do i=$((i+1)); done; times; sleep 99"
    )
    lines = []
    async with asyncio.timeout(PATIENCE_S):
        async for line in bed.engine.logs(state.id, follow=True):
            lines.append(line.text)
            if len(lines) == 2:
                break
    told_s = sum(float(part.partition("m")[2].rstrip("s")) for part in lines[0].split())
    used, user, system = _of(bed.figures(state), "cpu_us", "cpu_user_us", "cpu_system_us")
    assert told_s * 0.8 < used / 1e6 < told_s * 1.3 + 0.2
    assert abs(user + system - used) < 100_000


async def test_a_cpu_limit_that_is_reached(bed: Bed) -> None:
    state = await bed.run("limited", "while :; do :; done", service={"cpus": 0.2})
    await bed.until(state, lambda f: (f["cpu_throttled_periods"] or 0) >= 10)
    before, begun = bed.figures(state), time.monotonic()
    await asyncio.sleep(2.0)
    after, seconds = bed.figures(state), time.monotonic() - begun
    used, throttled, periods = (
        (after[name] or 0) - (before[name] or 0)
        for name in ("cpu_us", "cpu_throttled_us", "cpu_periods")
    )
    assert used / 1e6 / seconds < 0.3
    # How much depends on who else wants the processors.
    assert throttled > 0
    assert 5 <= periods <= seconds * 10 + 2
    pressure = after["cpu_pressure_us"]
    assert pressure is None or pressure > 0


async def test_memory_that_is_taken_and_a_child_that_is_killed_for_it(bed: Bed) -> None:
    grab = "dd if=/dev/zero of=/dev/null bs={} count=1"
    state = await bed.run(
        "memory",
        f"{grab.format('200M')}; echo killed; tail -c 20000000 /dev/zero | sleep 99",
        service={"mem_limit": 64 * MIB, "memswap_limit": 128 * MIB},
    )
    await bed.says(state, "killed")
    found = await bed.until(state, lambda f: (f["memory_rss_bytes"] or 0) > 0)
    kills, failures, limit = _of(found, "oom_kills", "memory_failures", "memory_limit_bytes")
    assert (kills, limit) == (1, 64 * MIB)
    assert failures > 0
    total, working_set, anonymous = _of(
        found, "memory_bytes", "memory_working_set_bytes", "memory_rss_bytes"
    )
    assert anonymous <= working_set <= total <= 64 * MIB
    seen = await bed.engine.look(state.id)
    assert seen.status == "running", "PID 1 was not killed"


async def test_page_cache_counts_apart_from_anonymous_memory(bed: Bed) -> None:
    script = "dd if=/dev/zero of=/tmp/x bs=1M count=50; sync; echo written; sleep 99"
    state = await bed.run("cache", script)
    await bed.says(state, "written")
    found = bed.figures(state)
    cache, anonymous, total = _of(found, "memory_cache_bytes", "memory_rss_bytes", "memory_bytes")
    assert 45 * MIB < cache < 60 * MIB
    assert anonymous < 5 * MIB
    assert total >= cache


async def test_blocks_written_and_read(bed: Bed) -> None:
    script = (
        "dd if=/dev/zero of=/data/x bs=64k count=400 oflag=direct; "
        "dd if=/data/x of=/dev/null bs=64k count=100 iflag=direct; echo done; sleep 99"
    )
    mounts = (Mount(type="volume", source="", target="/data"),)
    state = await bed.run("blocks", script, mounts=mounts)
    await bed.says(state, "done")
    read, written = _of(bed.figures(state), "block_read_bytes", "block_written_bytes")
    assert 400 * 65536 <= written < 410 * 65536
    assert 100 * 65536 <= read < 160 * 65536


async def test_traffic_processes_threads_and_files(bed: Bed) -> None:
    network = f"{bed.prefix}-net"
    spec = NetworkSpec(name=network)
    await bed.engine.apply(step(Verb.CREATE_NETWORK, network, network=spec))
    here: dict[str, Any] = {"network_mode": "", "endpoints": (Endpoint(network=network),)}
    serve = "head -c 8388608 /dev/zero >/tmp/x; httpd -f -p 80 -h /tmp"
    source = await bed.run("source", serve, **here)
    networks = (await bed.engine.inspect(source.id))["NetworkSettings"]["Networks"]
    url = f"http://{networks[network]['IPAddress']}/x"
    script = (
        "exec 7</etc/passwd; sleep 98 & sleep 97 & "
        f"until wget -q -O /dev/null {url}; do sleep 0.1; done; echo received; wait"
    )
    state = await bed.run("sink", script, **here)
    await bed.says(state, "received")
    readings = bed.read(source, state)
    found = {r.subject.id: named(r) for r in of(readings, "container")}
    (sent,) = _of(found[source.id], "network_sent_bytes")
    (received,) = _of(found[state.id], "network_received_bytes")
    assert 8 * MIB < sent < 9 * MIB
    assert 8 * MIB < received < 9 * MIB
    assert {r.subject.name for r in of(readings, "interface")} == {"eth0"}
    assert {r.subject.parent for r in of(readings, "interface")} == {source.id, state.id}
    processes, threads, opened = _of(found[state.id], "processes", "threads", "open_files")
    assert (processes, threads) == (3, 3)
    assert opened >= 4 + 4 + 4, "three with standard streams and the inherited file"


async def test_networks_that_are_not_its_own(bed: Bed) -> None:
    owner = await bed.run("owner", "sleep 99", network_mode="bridge")
    joined = await bed.run("joined", "sleep 99", network_mode=f"container:{owner.name}")
    host = await bed.run("host", "sleep 99", network_mode="host")
    found = {r.subject.id: named(r) for r in of(bed.read(joined, host, owner), "container")}
    assert found[owner.id]["network_received_bytes"] is not None
    assert found[joined.id]["network_received_bytes"] is None
    assert found[host.id]["network_received_bytes"] is None


async def test_the_engine_measures_the_same(bed: Bed) -> None:
    state = await bed.run(
        "same", "dd if=/dev/zero of=/tmp/x bs=1M count=20; sleep 99", network_mode="bridge"
    )
    await asyncio.sleep(1.5)
    async with aclosing(bed.engine.stats(state.id)) as stream:  # type: ignore[type-var]
        values, networks = await anext(stream)
    mine = bed.figures(state)
    theirs = dict(zip((m.name for m in CONTAINER), values, strict=True))
    for name in ("cpu_us", "cpu_user_us", "cpu_system_us", "memory_limit_bytes", "threads"):
        assert mine[name] == theirs[name], name
    for name in ("memory_bytes", "memory_working_set_bytes", "memory_rss_bytes"):
        assert abs((mine[name] or 0) - (theirs[name] or 0)) <= MIB, name
    assert set(networks) == {"eth0"}
    assert (mine["network_received_bytes"] or 0) >= (theirs["network_received_bytes"] or 0)


async def test_a_container_that_goes_between_two_looks(bed: Bed) -> None:
    state = await bed.run("short", "sleep 99")
    assert of(bed.read(state), "container")
    await bed.engine.apply(step(Verb.REMOVE_CONTAINER, state.name, options={"force": True}))
    assert of(bed.read(state), "container") == []
    again = await bed.run("short", "sleep 99")
    assert of(bed.read(state, again), "container")[0].subject.id == again.id


async def test_restarted_it_starts_from_nothing(bed: Bed) -> None:
    state = await bed.run("again", "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; sleep 99")
    before = await bed.until(state, lambda f: (f["cpu_us"] or 0) > 50_000)
    options = {"timeout_s": 0}
    await bed.engine.apply(step(Verb.STOP_CONTAINER, state.name, options=options))
    assert of(bed.read(state), "container") == []
    await bed.engine.apply(step(Verb.START_CONTAINER, state.name))
    new = await bed.engine.look(state.name)
    after = bed.figures(new)
    assert new.pid != state.pid
    assert (after["cpu_us"] or 0) < (before["cpu_us"] or 0) + 50_000
