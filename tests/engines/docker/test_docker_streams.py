"""Events, logs, exec, archives, wait, claim and info on a real engine."""

from __future__ import annotations

import asyncio
import io
import tarfile
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from support.real_engine import step
from tabib.engines.docker import DockerEngine, connect
from tabib.model.errors import (
    Conflict,
    EngineForbidden,
    EngineTimeout,
    EngineUnavailable,
    NotFound,
    UsageError,
)
from tabib.model.event import Event
from tabib.model.plan import Verb
from tabib.model.wire import EndpointAddress

pytestmark = pytest.mark.engine

CHECKED = {
    "healthcheck": {"test": ["CMD", "true"], "interval": "200ms", "timeout": "1s", "retries": 1}
}


async def collect(
    stream: AsyncIterator[Event], name: str, last: str, limit_s: float = 15
) -> list[Event]:
    """Events of the container ``name`` up to the one whose action is ``last``."""
    found: list[Event] = []
    async with asyncio.timeout(limit_s):
        async for event in stream:
            if event.name == name:
                found.append(event)
                if event.action == last:
                    break
    await stream.aclose()  # type: ignore[attr-defined]
    return found


async def test_events_tell_a_life_without_the_noise_of_checks(
    engine: DockerEngine, create: Any
) -> None:
    since_ns = time.time_ns()
    name = await create(service=CHECKED)
    await collect(engine.events(since_ns), name, "health_status")
    await asyncio.sleep(0.5)  # two more checks, whose exec events must not come
    await engine.apply(step(Verb.KILL_CONTAINER, name, options={"signal": "SIGKILL"}))
    await engine.apply(step(Verb.REMOVE_CONTAINER, name, options={"force": True}))
    told = await collect(engine.events(since_ns), name, "destroy")
    actions = [event.action for event in told]
    # a kill that interrupts a check has the engine report "unhealthy" as well
    assert [*dict.fromkeys(actions)] == [
        "create",
        "start",
        "health_status",
        "kill",
        "die",
        "destroy",
    ]
    by_action = {event.action: event for event in reversed(told)}
    assert by_action["health_status"].attributes["health"] == "healthy"
    assert by_action["die"].exit_code == 137
    assert by_action["kill"].attributes["signal"] == "9"
    assert by_action["create"].attributes["tabib.test"] == "1"
    assert [event.time_ns for event in told] == sorted(event.time_ns for event in told)
    assert all(event.kind == "container" and event.at.tzinfo for event in told)


async def test_events_resume_at_the_nanosecond(engine: DockerEngine, create: Any) -> None:
    since_ns = time.time_ns()
    name = await create()
    first = await collect(engine.events(since_ns), name, "start")
    again = await collect(engine.events(first[-1].time_ns), name, "start")
    assert [event.time_ns for event in again] == [first[-1].time_ns]
    await engine.apply(step(Verb.KILL_CONTAINER, name, options={"signal": "SIGKILL"}))
    after = await collect(engine.events(first[-1].time_ns + 1), name, "die")
    assert [event.action for event in after] == ["kill", "die"]


async def test_a_death_is_seen_at_once(engine: DockerEngine, create: Any) -> None:
    name = await create()
    stream = engine.events(time.time_ns())
    waiting = asyncio.create_task(collect(stream, name, "die"))
    await asyncio.sleep(0.2)
    pid = (await engine.inspect(name))["State"]["Pid"]
    assert pid > 0
    began = time.monotonic()
    await engine.apply(step(Verb.KILL_CONTAINER, name, options={"signal": "SIGKILL"}))
    await waiting
    assert time.monotonic() - began < 2


async def test_logs_of_both_streams_with_times(engine: DockerEngine, create: Any) -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)
    script = "echo one; echo two >&2; printf 'three\\377'; sleep 0.2; echo; printf unfinished"
    name = await create(service={"command": ["sh", "-c", script]})
    assert await engine.wait(name) == 0
    lines = [line async for line in engine.logs(name)]
    assert sorted((line.stream, line.text) for line in lines) == [
        ("stderr", "two"),
        ("stdout", "one"),
        ("stdout", "three\ufffd"),
        ("stdout", "unfinished"),
    ]
    assert all(line.at and before < line.at < datetime.now(UTC) for line in lines)
    assert [line.text async for line in engine.logs(name, tail=1)] == ["unfinished"]
    assert [line async for line in engine.logs(name, until=before)] == []
    assert len([line async for line in engine.logs(name, since=before)]) == 4


async def test_logs_of_a_terminal(engine: DockerEngine, create: Any) -> None:
    name = await create(service={"command": ["echo", "hello"], "tty": True})
    await engine.wait(name)
    assert [(line.stream, line.text) async for line in engine.logs(name)] == [("stdout", "hello")]


async def test_a_line_longer_than_the_engines_pieces_stays_one(
    engine: DockerEngine, create: Any
) -> None:
    script = "head -c 50000 /dev/zero | tr '\\0' x; echo; echo end"
    name = await create(service={"command": ["sh", "-c", script]})
    await engine.wait(name)
    assert [line.text async for line in engine.logs(name)] == ["x" * 50000, "end"]


async def test_following_ends_with_the_container(engine: DockerEngine, create: Any) -> None:
    script = "for i in 1 2 3; do echo $i; sleep 0.1; done"
    name = await create(service={"command": ["sh", "-c", script]})
    async with asyncio.timeout(10):
        assert [line.text async for line in engine.logs(name, follow=True)] == ["1", "2", "3"]


async def test_exec(engine: DockerEngine, create: Any) -> None:
    name = await create()
    done = await engine.exec(name, ["sh", "-c", "echo out; echo err >&2; exit 3"])
    assert (done.exit_code, done.stdout, done.stderr) == (3, b"out\n", b"err\n")
    assert (await engine.exec(name, ["id", "-u"], user="9")).stdout == b"9\n"
    large = await engine.exec(name, ["sh", "-c", "head -c 3000000 /dev/zero"])
    assert len(large.stdout) == 3_000_000
    assert (await engine.exec(name, ["/no/such"])).exit_code in (126, 127)
    with pytest.raises(EngineTimeout):
        await engine.exec(name, ["sleep", "20"], timeout_s=0.3)
    await engine.apply(step(Verb.STOP_CONTAINER, name, options={"timeout_s": 0}))
    with pytest.raises(Conflict):
        await engine.exec(name, ["true"])
    with pytest.raises(NotFound):
        await engine.exec(f"{name}-none", ["true"])


async def test_archives_both_ways(engine: DockerEngine, create: Any) -> None:
    name = await create()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        entry = tarfile.TarInfo("large")
        entry.size, entry.uid = 2_000_000, 5
        tar.addfile(entry, io.BytesIO(b"y" * entry.size))

    async def chunks() -> AsyncIterator[bytes]:
        data = buffer.getvalue()
        for start in range(0, len(data), 65536):
            yield data[start : start + 65536]

    await engine.put_archive(name, "/tmp", chunks())
    data = b"".join([chunk async for chunk in engine.get_archive(name, "/tmp/large")])
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        back = tar.getmember("large")
        assert (back.size, back.uid) == (2_000_000, 5)
    with pytest.raises(NotFound):
        async for _ in engine.get_archive(name, "/none"):
            pass


async def test_wait_lasts_until_the_end(engine: DockerEngine, create: Any) -> None:
    name = await create(service={"command": ["sh", "-c", "sleep 0.5; exit 9"]})
    assert await engine.wait(name) == 9
    with pytest.raises(NotFound):
        await engine.wait(f"{name}-none")


async def test_info(engine: DockerEngine, engine_address: EndpointAddress) -> None:
    info = await engine.info()
    assert info.kind == "docker"
    assert info.id == (await engine.info()).id
    assert info.endpoint == engine_address.url
    assert info.root_dir.startswith("/")
    assert info.started_at is not None
    assert info.started_at < datetime.now(UTC)
    assert info.cgroup_version in (1, 2)
    assert ("healthcheck.start_interval" in info.capabilities) == (
        tuple(map(int, info.api_version.split("."))) >= (1, 44)
    )


async def test_no_engine_there() -> None:
    with pytest.raises(EngineUnavailable) as caught:
        await connect(EndpointAddress(url="unix:///nowhere/docker.sock"))
    assert not isinstance(caught.value, EngineTimeout | EngineForbidden)
    assert "running" in caught.value.advice
    with pytest.raises(UsageError):
        await connect(EndpointAddress(url="fd://"))


async def test_something_else_there(tmp_path: Any) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
        await writer.drain()
        writer.close()

    path = str(tmp_path / "s")
    async with await asyncio.start_unix_server(answer, path):
        with pytest.raises(EngineUnavailable, match="not a Docker Engine"):
            await connect(EndpointAddress(url=f"unix://{path}"))


async def test_an_engine_that_is_too_old_and_one_that_ends(tmp_path: Any) -> None:
    version = b"1.40"

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if b"/events" in head:
            writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        else:
            writer.write(b"HTTP/1.1 200 OK\r\nApi-Version: " + version)
            writer.write(b"\r\nContent-Length: 2\r\n\r\nOK")
        await writer.drain()
        writer.close()

    path = str(tmp_path / "s")
    async with await asyncio.start_unix_server(answer, path):
        with pytest.raises(EngineUnavailable, match="too old"):
            await connect(EndpointAddress(url=f"unix://{path}"))
        version = b"1.99"
        engine = await connect(EndpointAddress(url=f"unix://{path}"))
        with pytest.raises(EngineUnavailable):
            async for _ in engine.events():
                pass
        await engine.close()
