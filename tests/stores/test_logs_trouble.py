"""Trouble of the disk: kept in memory, told, written when it is over; nothing raises."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from stores.clocks import NOON, ManualClock
from stores.test_logs import line, many, pattern, texts
from tabib.model.errors import StateUnusable
from tabib.stores.logs import FILE_NAME, SqliteLogs
from tabib.stores.logs.store import RETRY_S
from tabib.stores.logs.waiting import Waiting
from tabib.stores.state import StateDir

MOUNT = 'mount -t tmpfs -o "size=$1" tmpfs "$2" && shift && exec "${@:2}" "$1"'
WRITER = """
import asyncio, sys
from datetime import UTC, datetime
from pathlib import Path
from tabib.host.clock import SystemClock
from tabib.model.kept_log import KeptLine
from tabib.stores.logs import SqliteLogs

async def main():
    logs = await SqliteLogs.open(Path(sys.argv[1]), SystemClock(), floor_bytes=0)
    for number in range(1_000_000):
        at = datetime.now(UTC)
        texts = [f"{sys.argv[2]}-{number}-{k} {'word ' * 30}" for k in range(40)]
        await logs.append([
            KeptLine(engine_id="e", container_id="web", at=at, stream="stdout", text=text)
            for text in texts
        ])
        print(number, flush=True)

asyncio.run(main())
"""


async def test_no_answered_line_is_lost_to_sigkill(tmp_path: Path, clock: ManualClock) -> None:
    for name in ("first", "second", "third"):
        answered = _killed_writer(tmp_path, name)
        logs = await SqliteLogs.open(tmp_path, clock, floor_bytes=0)
        assert logs.status().trouble == ""
        kept = {one.text.split()[0] for one in await logs.tail("e", ["web"])}
        for number in range(answered):
            assert {f"{name}-{number}-{k}" for k in (0, 39)} <= kept
        assert len(await logs.search("e", f'"{name}-7-3"')) == 1
        await logs.close()


def _killed_writer(folder: Path, name: str) -> int:
    """Run a writer and kill it in the middle; how many of its writes were answered."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), name], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    answered = [process.stdout.readline() for _ in range(40)]
    process.send_signal(signal.SIGKILL)
    answered += process.stdout.read().splitlines()
    assert process.wait() == -signal.SIGKILL
    # The last answer may be cut.
    return len(answered) - 1


async def test_a_damaged_file_is_set_aside(tmp_path: Path, clock: ManualClock) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"this is no database" * 1000)
    logs = await SqliteLogs.open(tmp_path, clock, floor_bytes=0)
    await logs.append(many(3))
    assert await logs.tail("e", ["web"]) == many(3)
    assert logs.status().details["damaged_set_aside"] == 1
    assert logs.status().trouble == ""
    await logs.close()
    assert (tmp_path / f"{FILE_NAME}.damaged-1").read_bytes().startswith(b"this is no database")


async def test_a_file_that_is_damaged_meanwhile_is_set_aside(
    tmp_path: Path, clock: ManualClock
) -> None:
    logs = await SqliteLogs.open(tmp_path, clock, floor_bytes=0)
    for start in range(0, 20_000, 1000):
        await logs.append(many(1000, first=start))
    await logs.close()
    logs = await SqliteLogs.open(tmp_path, clock, floor_bytes=0)
    size = (tmp_path / FILE_NAME).stat().st_size
    with (tmp_path / FILE_NAME).open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(size - 4096))
    await logs.append([line("from the cache")])
    with pytest.raises(StateUnusable, match="damaged"):
        await logs.tail("e", ["web"])
    await logs.append([line("after")])
    assert logs.status().trouble == ""
    assert logs.status().details["damaged_set_aside"] == 1
    assert texts(await logs.tail("e", ["web"])) == ["after"]
    await logs.close()


async def test_a_later_format_is_left_as_it_is(tmp_path: Path, clock: ManualClock) -> None:
    base = apsw.Connection(str(tmp_path / FILE_NAME))
    base.execute("CREATE TABLE t (x); PRAGMA user_version = 99")
    base.close()
    before = (tmp_path / FILE_NAME).read_bytes()
    logs = await SqliteLogs.open(tmp_path, clock, floor_bytes=0)
    await logs.append(many(3))
    await logs.put_patterns([pattern("a", 1)])
    assert await logs.prune(NOON) == 0
    assert "format 99" in logs.status().trouble
    assert logs.status().unwritten == 1
    with pytest.raises(StateUnusable):
        await logs.tail("e", ["web"])
    await logs.close()
    assert (tmp_path / FILE_NAME).read_bytes() == before


async def test_near_the_end_of_the_disk_the_journal_comes_first(
    tmp_path: Path, clock: ManualClock
) -> None:
    """With less free than the floor nothing is written, and what waits can be read."""
    logs = await SqliteLogs.open(tmp_path, clock, floor_bytes=0)
    await logs.append(many(3))
    logs._floor_bytes = 2**60
    await logs.append(many(2, first=3))
    await logs.put_patterns([pattern("a", 1)])
    status = logs.status()
    assert "no space" in status.trouble
    assert status.unwritten == 1
    assert await logs.tail("e", ["web"]) == many(5)
    assert await logs.tail("e", ["web"], limit=3) == many(3, first=2)
    assert await logs.search("e", '"request 4"') == many(1, first=4)
    assert [one.count for one in await logs.patterns("e")] == [1]
    logs._floor_bytes = 0
    clock.advance(RETRY_S + 1)
    await logs.append([])
    assert logs.status().trouble == ""
    assert logs.status().unwritten == 0
    assert await logs.tail("e", ["web"]) == many(5)
    await logs.close()


def test_memory_is_bounded_and_what_is_dropped_is_counted() -> None:
    waiting = Waiting(limit_bytes=10_000)
    for start in range(0, 1000, 10):
        waiting.add_lines(many(10, first=start))
    kept = list(waiting.lines())
    assert kept == many(1000)[-len(kept) :]
    assert 60 < len(kept) < 140
    assert waiting.dropped == 1000 - len(kept)
    taken = waiting.take()
    waiting.add_lines(many(1000))
    waiting.put_back(taken)
    assert list(waiting.lines())[-1] == many(1000)[-1]
    assert waiting.dropped == 2000 - len(list(waiting.lines()))


async def full(folder: Path) -> None:
    """A small disk that becomes full, with the journal's reserve on it, and has room again."""
    clock = ManualClock()
    state = StateDir.open(folder / "state", reserve_bytes=4 * 1024 * 1024)
    logs = await SqliteLogs.open(state.path, clock, floor_bytes=0)
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * 65536)
        except OSError:
            pass
    for start in range(0, 20_000, 100):
        await logs.append(many(100, first=start))
        clock.advance(RETRY_S / 20)
    assert "no space" in logs.status().trouble, logs.status()
    assert state.mode() == "act", "the reserve must not be touched"
    assert logs.status().unwritten > 0
    ballast.unlink()
    clock.advance(RETRY_S + 1)
    await logs.append([line("room again", 10**6)])
    assert logs.status().trouble == ""
    assert texts(await logs.tail("e", ["web"], limit=1)) == ["room again"]
    await logs.close()


def test_a_full_disk(tmp_path: Path) -> None:
    namespace = ["--mount"] if os.geteuid() == 0 else ["--mount", "--map-root-user"]
    program = "import asyncio, sys; from pathlib import Path; from stores.test_logs_trouble import "
    program += "full; asyncio.run(full(Path(sys.argv[1])))"
    mounted = ["bash", "-c", MOUNT, "bash", "48m", str(tmp_path), sys.executable, "-c", program]
    done = subprocess.run(
        ["unshare", *namespace, *mounted],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
    )
    assert done.returncode == 0, done.stderr
