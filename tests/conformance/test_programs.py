"""Programs with their streams: in a container that runs, and in helpers of their own."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from support import real_engine
from support.bench import Bench
from tabib.model.container import Mount
from tabib.model.errors import Conflict, EngineError, ImageUnavailable, NotFound
from tabib.model.oneshot import LABEL_HELPER, OneShot
from tabib.ports import Process

EVERY_BYTE = bytes(range(256)) * 1000


def _helper(bench: Bench, *argv: str, stdin: bool = False) -> OneShot:
    return OneShot(
        purpose="test",
        image=real_engine.IMAGE,
        argv=argv,
        stdin=stdin,
        name=bench.name("helper"),
    )


async def _heard(process: Process) -> dict[str, bytes]:
    found = {"stdout": b"", "stderr": b""}
    async with asyncio.timeout(20):
        async for stream, data in process.output():
            found[stream] += data
    return found


async def _give(process: Process, data: bytes) -> None:
    for at in range(0, len(data), 7001):
        await process.write(data[at : at + 7001])
    await process.end_input()
    await process.end_input()


async def _through(bench: Bench, process: Process, data: bytes) -> dict[str, bytes]:
    """What it says while it is given ``data``."""
    giving = asyncio.create_task(_give(process, data))
    if bench.kind == "memory":  # it runs once its input has ended
        await giving
    heard = await _heard(process)
    await giving
    return heard


async def _overfill(process: Process) -> None:
    while True:
        await process.write(b"x" * 100_000)


async def test_bytes_pass_through_a_command_unchanged(bench: Bench) -> None:
    name = await bench.run("a")
    async with bench.engine.start_exec(name, ["cat"], stdin=True) as process:
        assert await _through(bench, process, EVERY_BYTE) == {"stdout": EVERY_BYTE, "stderr": b""}
        assert await process.exit_code() == 0


async def test_bytes_pass_through_a_helper_unchanged(bench: Bench) -> None:
    async with bench.engine.start_one_shot(_helper(bench, "cat", stdin=True)) as process:
        assert await _through(bench, process, EVERY_BYTE) == {"stdout": EVERY_BYTE, "stderr": b""}
        assert await process.exit_code() == 0


async def test_both_streams_and_the_code(bench: Bench) -> None:
    name = await bench.run("a")
    argv = ["sh", "-c", "echo out; echo err >&2; exit 3"]
    async with bench.engine.start_exec(name, argv) as process:
        assert await _heard(process) == {"stdout": b"out\n", "stderr": b"err\n"}
        assert await process.exit_code() == 3
    async with bench.engine.start_one_shot(_helper(bench, *argv)) as process:
        assert await _heard(process) == {"stdout": b"out\n", "stderr": b"err\n"}
        assert await process.exit_code() == 3


async def test_a_command_wants_a_running_container(bench: Bench) -> None:
    name = await bench.create("a")
    with pytest.raises(Conflict):
        async with bench.engine.start_exec(name, ["cat"]):
            pass
    with pytest.raises(NotFound):
        async with bench.engine.start_exec(bench.name("none"), ["cat"]):
            pass


async def test_a_helper_is_gone_after_its_context(bench: Bench) -> None:
    spec = _helper(bench, "sleep", "60")
    async with bench.engine.start_one_shot(spec):
        if bench.kind == "docker":
            seen = await bench.engine.look(spec.name)
            assert seen.labels[LABEL_HELPER] == "test"
            assert seen.project == ""
    with pytest.raises(NotFound):
        await bench.engine.look(spec.name)
    with pytest.raises(ValueError, match="ours"):
        async with bench.engine.start_one_shot(spec):
            raise ValueError("ours")
    with pytest.raises(NotFound):
        await bench.engine.look(spec.name)


async def test_a_helper_that_is_broken_off_as_it_is_made_is_gone(bench: Bench) -> None:
    """The engine makes what it was asked for, also where nobody hears its answer."""
    spec = _helper(bench, "sleep", "60")

    async def hold() -> None:
        async with bench.engine.start_one_shot(spec):
            await asyncio.sleep(60)

    for number in range(12):
        held = asyncio.create_task(hold())
        await asyncio.sleep(number * 0.004)
        held.cancel()
        with pytest.raises(asyncio.CancelledError):
            await held
        with pytest.raises(NotFound):
            await bench.engine.look(spec.name)


async def test_what_a_helper_needs_must_be_there(bench: Bench) -> None:
    spec = _helper(bench, "true")
    with pytest.raises(ImageUnavailable):
        async with bench.engine.start_one_shot(replace(spec, image=f"{bench.name('none')}:1")):
            pass
    volume = bench.name("volume")
    lacking = replace(spec, mounts=(Mount(type="volume", source=volume, target="/data"),))
    with pytest.raises(NotFound):
        async with bench.engine.start_one_shot(lacking):
            pass
    seen = await bench.engine.observe(detail=False)
    assert volume not in {one.name for one in seen.volumes}
    with pytest.raises(NotFound):
        await bench.engine.look(spec.name)


async def test_a_signal_ends_a_helper(bench: Bench) -> None:
    argv = ("sh", "-c", "trap 'exit 130' INT; while :; do sleep 0.1; done")
    async with bench.engine.start_one_shot(_helper(bench, *argv)) as process:
        await bench.clock.sleep(0.5)
        await process.signal("INT")
        assert await process.exit_code() == 130
        await process.signal("INT")


async def test_what_nobody_reads_holds_the_program_up(bench: Bench) -> None:
    if bench.kind == "memory":
        pytest.skip("the small shell answers at once")
    size = 300_000_000
    argv = ("sh", "-c", f"head -c {size} /dev/zero; echo done >&2")
    async with bench.engine.start_one_shot(_helper(bench, *argv)) as process:
        total, held = 0, False
        async for stream, data in process.output():
            if stream == "stdout":
                total += len(data)
                if not held:
                    held = True
                    await asyncio.sleep(1)
        assert total == size
        assert await process.exit_code() == 0


async def test_what_reads_no_more_refuses_input(bench: Bench) -> None:
    if bench.kind == "memory":
        pytest.skip("the small shell reads all of its input")
    spec = _helper(bench, "head", "-c", "10", stdin=True)
    async with bench.engine.start_one_shot(spec) as process:
        with pytest.raises(EngineError):
            await asyncio.wait_for(_overfill(process), 20)


async def test_leaving_does_not_wait_for_what_was_not_read(bench: Bench) -> None:
    if bench.kind == "memory":
        pytest.skip("the small shell reads all of its input")
    spec = _helper(bench, "sleep", "60", stdin=True)
    async with asyncio.timeout(20), bench.engine.start_one_shot(spec) as process:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(_overfill(process), 2)


async def test_an_image_leaves_and_enters(bench: Bench) -> None:
    whole = [chunk async for chunk in bench.engine.export_image(real_engine.IMAGE)]
    assert sum(len(chunk) for chunk in whole) > 100

    async def chunks():  # type: ignore[no-untyped-def]
        for chunk in whole:
            yield chunk

    await bench.engine.load_image(chunks())
    seen = await bench.engine.observe("none", images=(real_engine.IMAGE,), detail=False)
    assert real_engine.IMAGE in seen.images
    with pytest.raises(NotFound):
        async for _ in bench.engine.export_image(f"{bench.name('none')}:1"):
            pass
