"""The keeper on files written here as the engine writes them: rotation, cuts, floods, restarts."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest

from operations.log_files import ID, Engine, keeping, kept, watch
from tabib.decide.redact import Redactor
from tabib.operations.monitor.log_keeper import UNKNOWN_LOOKS
from tabib.operations.monitor.log_reading import BEHIND_BYTES, FIRST_BYTES, READ_ALL_BYTES


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return Engine(tmp_path / "engine")


async def test_what_is_written_is_kept_once(tmp_path: Path, engine: Engine) -> None:
    async with keeping(tmp_path) as keeper:
        watch(keeper, engine)
        engine.say("one")
        await keeper.collect()
        await keeper.collect()
        engine.say("two", stream="stderr")
        await keeper.collect()
        lines = await keeper.store.tail("e", [ID])
        assert [(line.stream, line.text) for line in lines] == [
            ("stdout", "one"),
            ("stderr", "two"),
        ]
        assert keeper.tail(ID, 1) == [lines[1]]
        assert keeper.bytes(ID) == engine.path.stat().st_size


async def test_the_rest_is_read_after_the_removal(tmp_path: Path, engine: Engine) -> None:
    async with keeping(tmp_path) as keeper:
        watch(keeper, engine)
        engine.say("last words", end="")
        engine.remove()
        keeper.gone(ID)
        await keeper.collect()
        assert await kept(keeper) == ["last words"]
        assert [line.text for line in keeper.tail(ID)] == ["last words"]
        descriptors = {os.readlink(f"/proc/self/fd/{n}") for n in _descriptors()}
        assert not any(ID in one for one in descriptors)


def _descriptors() -> list[str]:
    return [n for n in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{n}")]


async def test_a_half_written_record_waits_for_its_end(tmp_path: Path, engine: Engine) -> None:
    async with keeping(tmp_path) as keeper:
        watch(keeper, engine)
        record = engine.record("whole\n")
        engine.raw(record[:20])
        await keeper.collect()
        assert await kept(keeper) == []
        engine.raw(record[20:])
        await keeper.collect()
        assert await kept(keeper) == ["whole"]


async def test_a_long_line_comes_in_parts(tmp_path: Path, engine: Engine) -> None:
    async with keeping(tmp_path) as keeper:
        watch(keeper, engine)
        engine.say("a" * 16384, end="")
        engine.say("between", stream="stderr")
        await keeper.collect()
        engine.say("a" * 16384, end="")
        engine.say("end")
        engine.say("ü" * 8192, end="")
        engine.say("z")
        await keeper.collect()
        lines = [line.text for line in keeper.tail(ID)]
        assert lines == ["between", "a" * 16384, "ü" * 8192 + "z"]


async def test_rotation_loses_nothing(tmp_path: Path, engine: Engine) -> None:
    async with keeping(tmp_path) as keeper:
        watch(keeper, engine)
        for number in range(40):
            engine.say(f"line {number}")
            if number % 4 == 1:
                engine.rotate()
            if number % 5 == 0:
                await keeper.collect()
        await keeper.collect()
        assert await kept(keeper) == [f"line {number}" for number in range(40)]
        size = keeper.bytes(ID)
        engine.rotate()
        await keeper.collect()
        assert keeper.bytes(ID) == size
        assert size > 40 * 60


async def test_a_log_that_is_cut_is_read_from_its_beginning(tmp_path: Path, engine: Engine) -> None:
    async with keeping(tmp_path) as keeper:
        watch(keeper, engine)
        engine.say("one", "two", "three")
        await keeper.collect()
        before = keeper.bytes(ID)
        os.truncate(engine.path, 0)
        engine.say("four")
        await keeper.collect()
        assert await kept(keeper) == ["one", "two", "three", "four"]
        assert keeper.bytes(ID) == before + engine.path.stat().st_size


async def test_what_cannot_be_read_is_left_out_and_told(tmp_path: Path, engine: Engine) -> None:
    async with keeping(tmp_path) as keeper:
        watch(keeper, engine)
        engine.say("one")
        engine.raw(b"nonsense\n")
        engine.raw(engine.record("cut\n")[:30] + engine.record("after a cut\n"))
        engine.raw(b"\0" * 100 + b"\n")
        engine.raw(engine.record("bad \xff\n").replace(b"\\u00ff", b"\xff"))
        await keeper.collect()
        assert [line.text for line in keeper.tail(ID)] == [
            "1 records of the engine's log were unreadable",
            "one",
            "after a cut",
            "bad �",
        ]


async def test_a_flood_is_skipped_to_its_newest_and_told(tmp_path: Path, engine: Engine) -> None:
    async with keeping(tmp_path) as keeper:
        watch(keeper, engine)
        engine.say("before")
        await keeper.collect()
        block = b"".join(engine.record(f"flood {number} {'x' * 200}\n") for number in range(10_000))
        for _ in range(10):
            engine.raw(block)
        engine.say("the end")
        await keeper.collect()
        lines = await keeper.store.tail("e", [ID])
        assert sum(len(line.text) for line in lines) < 300_000
        (note,) = [line for line in lines if line.stream == "tabib"]
        assert "bytes of output were skipped" in note.text
        assert keeper.tail(ID)[-1].text == "the end"
        assert keeper.bytes(ID) == engine.path.stat().st_size


async def test_a_burst_is_read_whole_over_several_readings(tmp_path: Path, engine: Engine) -> None:
    async with keeping(tmp_path) as keeper:
        watch(keeper, engine)
        await keeper.collect()
        engine.say(*(f"burst {number} {'x' * 100}" for number in range(10_000)))
        for _ in range(20):
            await keeper.collect()
        assert len(await kept(keeper)) == 10_000


async def test_all_get_their_share(tmp_path: Path) -> None:
    engines = {str(n) * 64: Engine(tmp_path / "engine", str(n) * 64) for n in range(1, 10)}
    async with keeping(tmp_path) as keeper:
        for name, engine in engines.items():
            watch(keeper, engine, name)
            engine.say(*("x" * 1000 for _ in range(300)))
        await keeper.collect()
        total = sum([len("".join(await kept(keeper, name))) for name in engines])
        assert total <= READ_ALL_BYTES + 1000 * 10
        await keeper.collect()
        await keeper.collect()
        for name in engines:
            assert len(await kept(keeper, name)) == 300


async def test_after_a_restart_nothing_is_twice_and_nothing_lost(
    tmp_path: Path, engine: Engine
) -> None:
    async with keeping(tmp_path) as keeper:
        watch(keeper, engine)
        engine.say("same", "same", "same")
        engine.at -= timedelta(milliseconds=2)
        engine.say("same")
        await keeper.collect()
    engine.say("while nobody read")
    engine.at -= timedelta(milliseconds=3)
    engine.say("out of order", stream="stderr")
    async with keeping(tmp_path) as keeper:
        watch(keeper, engine)
        await keeper.collect()
        assert [line.text for line in keeper.tail(ID)][:4] == ["same"] * 4
        assert sorted(await kept(keeper)) == sorted(
            [*["same"] * 4, "while nobody read", "out of order"]
        )


async def test_an_old_log_is_begun_near_its_end(tmp_path: Path, engine: Engine) -> None:
    engine.say(*(f"old {number} {'x' * 500}" for number in range(20_000)))
    async with keeping(tmp_path) as keeper:
        watch(keeper, engine)
        for _ in range(30):
            await keeper.collect()
        lines = await kept(keeper)
        assert lines[-1].startswith("old 19999")
        assert FIRST_BYTES / 2 < len("".join(lines)) < FIRST_BYTES
    engine.say(*(f"gap {number} {'x' * 500}" for number in range(20_000)))
    async with keeping(tmp_path) as keeper:
        watch(keeper, engine)
        for _ in range(30):
            await keeper.collect()
        lines = await kept(keeper)
        assert any("output may be missing here" in line for line in lines)
        assert lines[-1].startswith("gap 19999")
        assert len("".join(lines)) < BEHIND_BYTES + FIRST_BYTES


async def test_a_log_that_comes_later_is_found(tmp_path: Path, engine: Engine) -> None:
    engine.path.unlink()
    async with keeping(tmp_path) as keeper:
        watch(keeper, engine)
        await keeper.collect()
        engine.say("started")
        await keeper.collect()
        assert await kept(keeper) == ["started"]


async def test_secrets_are_hidden_before_they_are_kept(tmp_path: Path, engine: Engine) -> None:
    async with keeping(tmp_path, Redactor.knowing(["hunter2-known"])) as keeper:
        watch(keeper, engine)
        engine.say("it is hunter2-known", "DB_PASSWORD=plain-secret", "ready")
        engine.say("-----BEGIN RSA PRIVATE KEY-----", "MIIEowIBAAKCAQEA1")
        await keeper.collect()
        engine.say("MIIEowIBAAKCAQEA2", "-----END RSA PRIVATE KEY-----", "after")
        await keeper.collect()
        lines = await kept(keeper)
        text = "\n".join(lines)
        for secret in ("hunter2-known", "plain-secret", "MIIE"):
            assert secret not in text
        assert lines[2] == "ready"
        assert lines[-1] == "after"


async def test_patterns_are_written_when_it_died(tmp_path: Path, engine: Engine) -> None:
    async with keeping(tmp_path) as keeper:
        watch(keeper, engine)
        await keeper.collect()
        engine.say("ERROR order 17 failed", "ERROR order 18 failed", "all is well")
        await keeper.collect()
        assert [one.count for one in keeper.patterns(ID)] == [2]
        assert await keeper.store.patterns("e") == []
        keeper.died(ID)
        await keeper.collect()
        (pattern,) = await keeper.store.patterns("e")
        assert (pattern.template, pattern.count) == ("ERROR order <n> failed", 2)


async def test_a_driver_none_is_said_once(tmp_path: Path) -> None:
    async with keeping(tmp_path) as keeper:
        keeper.watch("a" * 64, "quiet", "none", "")
        keeper.watch("b" * 64, "mute", "none", "")
        await keeper.collect()
        (missing,) = keeper.missing
        assert "mute, quiet" in missing.what


async def test_nothing_is_kept_before_the_secrets_are_known(tmp_path: Path, engine: Engine) -> None:
    async with keeping(tmp_path) as keeper:
        known: list[Redactor] = []
        keeper.redactor_of = lambda _: known[0] if known else None
        watch(keeper, engine)
        engine.say("connecting with canary-77")
        await keeper.collect()
        assert await kept(keeper) == []
        known.append(Redactor.knowing(["canary-77"]))
        await keeper.collect()
        [line] = await kept(keeper)
        assert line.startswith("connecting with")
        assert "canary" not in line


async def test_output_whose_secrets_are_never_known_leaves_a_note(
    tmp_path: Path, engine: Engine
) -> None:
    async with keeping(tmp_path) as keeper:
        keeper.redactor_of = lambda _: None
        watch(keeper, engine)
        engine.say("connecting with canary-77")
        engine.remove()
        keeper.gone(ID)
        for _ in range(UNKNOWN_LOOKS + 2):
            await keeper.collect()
        [note] = await keeper.store.tail("e", [ID])
        assert (note.stream, "canary" in note.text) == ("tabib", False)
        assert not any(ID in os.readlink(f"/proc/self/fd/{n}") for n in _descriptors())


async def test_who_only_speaks_of_keys_is_heard_again(tmp_path: Path, engine: Engine) -> None:
    async with keeping(tmp_path) as keeper:
        watch(keeper, engine)
        engine.say("no such thing as -----BEGIN PRIVATE KEY----- in it")
        for number in range(40):
            engine.say(*(f"line {number}.{one}" for one in range(10)))
            await keeper.collect()
        assert (await kept(keeper))[-1] == "line 39.9"


async def test_a_key_after_another_is_hidden_too(tmp_path: Path, engine: Engine) -> None:
    async with keeping(tmp_path) as keeper:
        watch(keeper, engine)
        engine.say("-----END CERTIFICATE----- -----BEGIN RSA PRIVATE KEY-----")
        await keeper.collect()
        engine.say("MIIEowIBAAKCAQEA2", "-----END RSA PRIVATE KEY-----", "after")
        await keeper.collect()
        assert "MIIE" not in "".join(await kept(keeper))
        assert (await kept(keeper))[-1] == "after"
