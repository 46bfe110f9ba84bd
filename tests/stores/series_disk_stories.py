"""Stories of the series on a disk that is really full; run by ``test_series_disk.py``."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterable
from pathlib import Path

from stores.disk_stories import MIB, fill
from stores.series_support import ENGINE, NOON, after, batch, recorded, subject, values
from tabib.model.sample import Batch
from tabib.stores.series.store import SqliteSeries

SUBJECTS = 40
NOISY = (
    "memory_bytes", "memory_rss_bytes", "memory_cache_bytes", "processes", "threads",
    "open_files", "memory_swap_bytes", "writable_layer_bytes",
)  # fmt: skip


def ticks(first: int, count: int) -> Iterable[Batch]:
    for tick in range(first, first + count):
        # Noise: what compresses well would not fill a disk.
        noise = {name: int.from_bytes(os.urandom(4), "big") for name in NOISY}
        read = values(cpu_us=tick, **noise)
        yield batch(tick * 10, *((subject(number), read) for number in range(SUBJECTS)))


async def seen(series: SqliteSeries, since_s: float = 0) -> list[int | None]:
    found = await series.samples(subject(), after(since_s), after(10**6))
    return [read[0] for _, read in found]


async def waits(folder: Path) -> None:
    """Nothing to let go of: batches wait in memory, and are written when there is room."""
    state = folder / "state"
    state.mkdir()
    series = await SqliteSeries.open(state, floor_bytes=0, reserve_bytes=0)
    await recorded(series, ticks(0, 5))
    ballast = fill(folder)
    await recorded(series, ticks(5, 70))
    status = series.status()
    assert status.unwritten > 0
    assert "no space left" in status.trouble
    assert status.dropped == 0
    ((_, read), *_) = await series.latest(ENGINE, "container")
    assert read[0] == 74
    assert await seen(series) == list(range(75))

    ballast.unlink()
    await recorded(series, ticks(75, 1))
    status = series.status()
    assert (status.unwritten, status.dropped, status.trouble) == (0, 0, "")
    await series.close()
    series = await SqliteSeries.open(state, floor_bytes=0, reserve_bytes=0)
    assert await seen(series) == list(range(76))
    await series.close()


async def makes_room(folder: Path) -> None:
    """The oldest detail pays for the newest: recording goes on on a disk that stays full."""
    state = folder / "state"
    state.mkdir()
    series = await SqliteSeries.open(state, floor_bytes=7 * MIB, reserve_bytes=8 * MIB)
    assert (state / "series.reserve").stat().st_size == 8 * MIB
    await recorded(series, ticks(0, 900))
    # Opened anew its WAL is empty, and needs room before anything can be let go of.
    await series.close()
    series = await SqliteSeries.open(state, floor_bytes=7 * MIB, reserve_bytes=8 * MIB)
    ballast = fill(folder)
    await recorded(series, ticks(900, 180))
    assert not (state / "series.reserve").exists()
    status = series.status()
    assert (status.unwritten, status.dropped, status.trouble) == (0, 0, ""), status
    assert status.oldest_raw is not None
    assert status.oldest_raw > NOON, "the oldest detail must have gone"
    newest = await seen(series, 9000)
    assert newest == list(range(900, 1080))

    ballast.unlink()
    await recorded(series, ticks(1080, 1))
    assert (state / "series.reserve").exists()
    await series.close()
    series = await SqliteSeries.open(state, floor_bytes=0, reserve_bytes=0)
    assert await seen(series, 9000) == list(range(900, 1081))
    await series.close()


async def leaves_the_floor(folder: Path) -> None:
    """What the journal's reserve frees is not eaten by the series."""
    state = folder / "state"
    state.mkdir()
    floor = 12 * MIB
    series = await SqliteSeries.open(state, floor_bytes=floor, reserve_bytes=0)
    await recorded(series, ticks(0, 1800))
    free = os.statvfs(folder)
    with (folder / "ballast").open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, free.f_bavail * free.f_frsize - floor + MIB)
    before = os.statvfs(folder).f_bavail
    await recorded(series, ticks(1800, 900))
    after_ = os.statvfs(folder)
    grown = (before - after_.f_bavail) * after_.f_frsize
    assert grown <= 6 * MIB, f"only the WAL may grow, not by {grown}"
    assert series.status().unwritten == 0
    assert (await seen(series, 18_000))[-1] == 2699
    await series.close()


async def start_full(folder: Path) -> None:
    """Nothing can be made: it records in memory, and begins its file when there is room."""
    state = folder / "state"
    state.mkdir()
    ballast = fill(folder)
    series = await SqliteSeries.open(state, floor_bytes=0, reserve_bytes=0)
    assert "no space left" in series.status().trouble
    await recorded(series, ticks(0, 20))
    assert len(await series.latest(ENGINE, "container")) == SUBJECTS
    ballast.unlink()
    await recorded(series, ticks(20, 1))
    assert series.status().trouble == ""
    assert await seen(series) == list(range(21))
    await series.close()


async def read_only(folder: Path) -> None:
    """A file system that turned read-only, and one that is from the start."""
    state = folder / "state"
    state.mkdir()
    series = await SqliteSeries.open(state, floor_bytes=0, reserve_bytes=0)
    await recorded(series, ticks(0, 20))
    await series.close()
    for way in ("ro", "rw"):
        remount = await asyncio.create_subprocess_exec("mount", "-o", f"remount,{way}", str(folder))
        assert await remount.wait() == 0
        series = await SqliteSeries.open(state, floor_bytes=0, reserve_bytes=0)
        await recorded(series, ticks(20, 5))
        assert ("cannot be written" in series.status().trouble) is (way == "ro")
        assert len(await series.latest(ENGINE, "container")) == SUBJECTS
        if way == "rw":
            assert await seen(series) == list(range(25))
        await series.close()


STORIES = (waits, makes_room, leaves_the_floor, start_full, read_only)

if __name__ == "__main__":
    story = next(one for one in STORIES if one.__name__ == sys.argv[1])
    asyncio.run(story(Path(sys.argv[2])))
    print(f"{story.__name__}: told to its end")
