"""Logs, exec, archives, and files that are put in at creation."""

from __future__ import annotations

import asyncio
import io
import tarfile
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from support.bench import Bench, shell
from tabib.model.container import InjectedFile, LogLine
from tabib.model.errors import Conflict, EngineTimeout, NotFound
from tabib.model.plan import Verb

TALKER = shell(
    "echo one; sleep 0.2; echo two >&2; sleep 0.2; echo three; sleep 0.2",
    log=[(0.0, "one"), (0.2, "stderr", "two"), (0.4, "three")],
    after_s=0.6,
)


async def _lines(stream: AsyncIterator[LogLine]) -> list[LogLine]:
    async with asyncio.timeout(15):
        return [line async for line in stream]


async def test_logs_of_both_streams_in_order_with_times(bench: Bench) -> None:
    name = await bench.run("a", TALKER)
    await bench.until(name, lambda c: c.status == "exited")
    lines = await _lines(bench.engine.logs(name))
    assert [(line.stream, line.text) for line in lines] == [
        ("stdout", "one"),
        ("stderr", "two"),
        ("stdout", "three"),
    ]
    times = [line.at for line in lines if line.at is not None]
    assert len(times) == 3
    assert times == sorted(times)


async def test_logs_by_tail_and_time(bench: Bench) -> None:
    name = await bench.run("a", TALKER)
    await bench.until(name, lambda c: c.status == "exited")
    everything = await _lines(bench.engine.logs(name))
    middle = everything[1].at
    assert middle is not None
    moment = timedelta(milliseconds=20)
    logs = bench.engine.logs
    assert await _lines(logs(name, tail=1)) == everything[2:]
    assert await _lines(logs(name, tail=0)) == []
    assert await _lines(logs(name, since=middle - moment)) == everything[1:]
    assert await _lines(logs(name, until=middle - moment)) == everything[:1]


async def test_followed_logs_end_with_the_container(bench: Bench) -> None:
    name = await bench.run("a", TALKER)
    lines = await _lines(bench.engine.logs(name, follow=True))
    assert [line.text for line in lines] == ["one", "two", "three"]


async def test_logs_of_nothing(bench: Bench) -> None:
    with pytest.raises(NotFound):
        await _lines(bench.engine.logs(bench.name("none")))


async def test_exec_gives_both_streams_and_the_code(bench: Bench) -> None:
    name = await bench.run("a")
    result = await bench.engine.exec(name, ["sh", "-c", "echo out; echo err >&2; exit 3"])
    assert (result.exit_code, result.stdout, result.stderr) == (3, b"out\n", b"err\n")


async def test_exec_wants_a_running_container(bench: Bench) -> None:
    name = await bench.create("a")
    with pytest.raises(Conflict):
        await bench.engine.exec(name, ["true"])
    with pytest.raises(NotFound):
        await bench.engine.exec(bench.name("none"), ["true"])
    await bench.apply(Verb.START_CONTAINER, name)
    await bench.apply(Verb.PAUSE_CONTAINER, name)
    with pytest.raises(Conflict):
        await bench.engine.exec(name, ["true"])


async def test_exec_has_a_deadline(bench: Bench) -> None:
    name = await bench.run("a")
    with pytest.raises(EngineTimeout):
        await bench.engine.exec(name, ["sleep", "20"], timeout_s=0.3)
    assert (await bench.engine.look(name)).status == "running"


async def _whole(data: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(data), 700):
        yield data[at : at + 700]


def _tar(*members: tuple[str, bytes, int, int]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content, mode, uid in members:
            info = tarfile.TarInfo(name)
            info.size, info.mode, info.uid = len(content), mode, uid
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


async def _members(stream: AsyncIterator[bytes]) -> dict[str, tuple[bytes, int, int]]:
    data = b"".join([chunk async for chunk in stream])
    found = {}
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        for info in tar:
            if info.isfile():
                source = tar.extractfile(info)
                assert source is not None
                found[info.name] = (source.read(), info.mode & 0o7777, info.uid)
    return found


async def test_archives_go_in_and_come_out(bench: Bench) -> None:
    name = await bench.create("a")
    data = _tar(("x.txt", b"hello", 0o640, 1000), ("y.bin", bytes(3000), 0o755, 0))
    await bench.engine.put_archive(name, "/tmp", _whole(data))
    assert await _members(bench.engine.get_archive(name, "/tmp/x.txt")) == {
        "x.txt": (b"hello", 0o640, 1000)
    }
    folder = await _members(bench.engine.get_archive(name, "/tmp"))
    assert folder["tmp/y.bin"] == (bytes(3000), 0o755, 0)
    await bench.apply(Verb.START_CONTAINER, name)
    assert (await bench.engine.exec(name, ["cat", "/tmp/x.txt"])).stdout == b"hello"


async def test_archive_of_nothing(bench: Bench) -> None:
    name = await bench.create("a")
    for container, path in ((name, "/nowhere"), (bench.name("none"), "/tmp")):
        with pytest.raises(NotFound):
            await _members(bench.engine.get_archive(container, path))


async def test_injected_files_are_there_before_the_start(bench: Bench) -> None:
    files = (
        InjectedFile(path="/run/secrets/key", content="s3cret\n", uid=1000, gid=1000, mode=0o400),
        InjectedFile(path="/etc/app/config.toml", content="a = 1\n"),
    )
    name = await bench.create("a", files=files)
    assert await _members(bench.engine.get_archive(name, "/run/secrets/key")) == {
        "key": (b"s3cret\n", 0o400, 1000)
    }
    await bench.apply(Verb.START_CONTAINER, name)
    result = await bench.engine.exec(name, ["cat", "/run/secrets/key", "/etc/app/config.toml"])
    assert result.stdout == b"s3cret\na = 1\n"
    members = await _members(bench.engine.get_archive(name, "/etc/app/config.toml"))
    assert members["config.toml"][1:] == (0o444, 0)
