"""Killed while it writes, damaged, or written by a later tabib: what was kept stays kept."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import apsw
import pytest

from stores.series_support import (
    ENGINE,
    NOON,
    after,
    batch,
    opened,
    recorded,
    steady,
    subject,
    values,
)
from stores.test_series_records import process
from tabib.model.errors import StateUnusable
from tabib.stores.series.schema import FILE_NAME

WRITER = """
import asyncio, sys
from pathlib import Path
from stores.series_support import batch, opened, subject, values

async def main():
    series = await opened(Path(sys.argv[1]))
    first = int(sys.argv[2])

    async def maintain():
        while True:
            await series.maintain()
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        group.create_task(maintain())
        for tick in range(first, first + 1_000_000):
            read = values(cpu_us=tick)
            await series.append(batch(tick * 10, *((subject(n), read) for n in range(30))))
            print(tick, flush=True)

asyncio.run(main())
"""
ROUNDS = 6


async def test_no_answered_reading_is_lost_to_sigkill(tmp_path: Path) -> None:
    """At any time: while it appends, while it seals, while it starts."""
    chance = random.Random(20260504)
    last = -1
    for _ in range(ROUNDS):
        last = _killed_writer(tmp_path, last + 1, chance.randint(1, 250))
        series = await opened(tmp_path)
        for number in (0, 29):
            found = await series.samples(subject(number), NOON, after(10**7))
            told = [read[0] for _, read in found]
            # What was written and not answered any more may be there too.
            assert told[: last + 1] == list(range(last + 1))
            assert told == list(range(len(told)))
        last = len(told) - 1
        assert series.status().trouble == ""
        await series.close()
    assert last > ROUNDS


def _killed_writer(folder: Path, first: int, answers: int) -> int:
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), str(first)],
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": str(Path(__file__).parent.parent)},
    )
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(answers)]
    process.send_signal(signal.SIGKILL)
    rest = process.stdout.read()
    assert process.wait() == -signal.SIGKILL
    whole = ("".join(lines) + rest).rpartition("\n")[0].splitlines()
    return int(whole[-1])


async def test_a_damaged_file_is_set_aside_and_recording_goes_on(tmp_path: Path) -> None:
    series = await opened(tmp_path)
    await recorded(series, steady(count=5, ticks=100))
    await series.close()
    file = tmp_path / FILE_NAME
    whole = file.read_bytes()
    file.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))
    series = await opened(tmp_path)
    assert "damaged" in series.status().trouble
    assert (tmp_path / f"{FILE_NAME}.damaged-1").exists()
    await recorded(series, steady(ticks=100))
    assert len(await series.samples(subject(), NOON, after(1000))) == 100
    await series.close()
    series = await opened(tmp_path)
    assert series.status().trouble == ""
    await series.close()


async def test_a_file_that_is_damaged_while_it_is_open(tmp_path: Path) -> None:
    """Found as something is written: a new file takes the rest, and what was in memory."""
    series = await opened(tmp_path)
    await recorded(series, steady(count=5, ticks=150))
    # More than SQLite keeps in memory.
    records = [replace(process(pid, pid, None), command="x" * 300) for pid in range(30_000)]
    for start in range(0, 30_000, 3000):
        await series.put_processes(records[start : start + 3000])
    file = tmp_path / FILE_NAME
    # Everything goes from the WAL to the file first, or SQLite would not look at the file.
    other = apsw.Connection(str(file))
    other.pragma("wal_checkpoint(TRUNCATE)")
    other.close()
    with file.open("r+b") as raw:
        raw.seek(4096)
        raw.write(b"\xff" * (file.stat().st_size - 4096))
    await series.put_processes(records[::100])
    for tick in range(150, 400):
        await series.append(batch(tick * 10, (subject(), values(cpu_us=tick))))
        await series.maintain()
    assert "damaged" in series.status().trouble
    assert series.status().unwritten == 0
    (kept,) = tmp_path.glob(f"{FILE_NAME}.damaged-1")
    assert kept.stat().st_size > 0
    found = [read[0] for _, read in await series.samples(subject(), NOON, after(10_000))]
    assert found[-200:] == list(range(200, 400))
    await series.close()
    series = await opened(tmp_path)
    assert [known.subject for known in await series.known()].count(subject()) == 1
    found = [read[0] for _, read in await series.samples(subject(), NOON, after(10_000))]
    assert found[-200:] == list(range(200, 400))
    await series.close()


async def test_a_newer_file_is_left_as_it_is(tmp_path: Path) -> None:
    series = await opened(tmp_path)
    await recorded(series, steady(ticks=100))
    await series.close()
    file = tmp_path / FILE_NAME
    base = apsw.Connection(str(file))
    base.pragma("user_version", 99)
    base.close()
    before = file.read_bytes()
    series = await opened(tmp_path)
    assert "format 99" in series.status().trouble
    await recorded(series, steady(ticks=300))
    assert len(await series.latest(ENGINE, "container")) == 1
    with pytest.raises(StateUnusable, match="format 99"):
        await series.samples(subject(), NOON, after(1000))
    with pytest.raises(StateUnusable, match="format 99"):
        await series.processes(ENGINE)
    assert (series.status().unwritten, series.status().dropped) == (300, 0)
    await series.close()
    assert file.read_bytes() == before
