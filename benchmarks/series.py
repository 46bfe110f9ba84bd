"""What the flight recorder's store costs: a simulated day of 1,000 containers, and reading it.

``python -m benchmarks.series FOLDER [HOURS]`` prints the figures as JSON; ``measure`` runs it as a
program of its own, so that memory is the store's alone.
"""

from __future__ import annotations

import asyncio
import json
import random
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.bench import Bench, Row
from tabib.model.metrics import CONTAINER, COUNTER
from tabib.model.sample import Batch, Reading, Subject
from tabib.stores.series.store import SqliteSeries

START = datetime(2026, 5, 4, 0, 0, 3, 141592, tzinfo=UTC)
TWELVE = (
    "cpu_us", "cpu_user_us", "cpu_system_us", "memory_bytes", "memory_working_set_bytes",
    "memory_rss_bytes", "block_read_bytes", "block_written_bytes", "network_received_bytes",
    "network_sent_bytes", "processes", "threads",
)  # fmt: skip
SHOWN = TWELVE[:1] + TWELVE[4:5] + TWELVE[6:10]
READS = 40
QUARTER_TICKS = 90
READ_EVERY_S = 0.4
WRITE_EVERY_S = 10.0


class Container:
    """One container's figures: busy, quiet or nearly idle; most of it noise around a level."""

    def __init__(self, number: int, metrics: tuple[str, ...]) -> None:
        self.chance = random.Random(number)
        self.subject = Subject(
            kind="container", id=f"{number:064x}", engine_id="engine", name=f"shop-web-{number}",
            project="shop", service="web", slot=number, image="shop/web:1",
        )  # fmt: skip
        self.busy = self.chance.choice((0.0, 0.02, 0.1, 1.0))
        self.values: list[int | None] = [None] * len(CONTAINER)
        self.live = [place for place, one in enumerate(CONTAINER) if one.name in metrics]
        for place in self.live:
            metric = CONTAINER[place]
            big = metric.unit == "bytes" and metric.kind != COUNTER
            self.values[place] = self.chance.randrange(2**24, 2**28) if big else 3
        self.steps = [self._step(place) for place in self.live]

    def _step(self, place: int) -> tuple[int, bool, float, int]:
        """Column, whether it counts, how often it moves, and by how much."""
        metric = CONTAINER[place]
        often = min(1.0, self.busy * self.chance.choice((1.0, 3.0, 10.0)))
        if metric.kind == COUNTER:
            size = {"us": 400_000, "bytes": 60_000, "": 20}[metric.unit]
            return place, True, often, int(size * max(self.busy, 0.05))
        return place, False, often * 0.5, 300_000 if metric.unit == "bytes" else 2

    def read(self) -> Reading:
        chance, values = self.chance.random, self.values
        for place, counts, often, size in self.steps:
            if chance() < often:
                moved = int(chance() * size) if counts else int((chance() - 0.5) * size)
                values[place] = max((values[place] or 0) + moved, 0)
        return Reading(subject=self.subject, values=tuple(values))


def batches(count: int, metrics: tuple[str, ...], every_s: float) -> Iterator[Batch]:
    """Without end; ticks are as unpunctual as real ones."""
    containers = [Container(number, metrics) for number in range(count)]
    late = random.Random(0)
    tick = 0
    while True:
        at = START + timedelta(seconds=tick * every_s + late.random() * 0.02)
        yield Batch(at=at, readings=tuple(one.read() for one in containers))
        tick += 1


async def recorded(
    series: SqliteSeries, source: Iterator[Batch], ticks: int, figures: dict[str, float]
) -> datetime:
    """Write so many ticks; CPU of appending and sealing, and the longest append beside sealing."""
    append_s = seal_s = worst_seal_s = 0.0
    at = START
    for _ in range(ticks):
        batch = next(source)
        at = batch.at
        begun = time.process_time()
        await series.append(batch)
        middle = time.process_time()
        await series.maintain()
        ended = time.process_time()
        append_s += middle - begun
        seal_s += ended - middle
        worst_seal_s = max(worst_seal_s, ended - middle)
    figures["append_ms"] = append_s / ticks * 1000
    figures["seal_s"] = worst_seal_s
    figures["cpu_s"] = append_s + seal_s
    return at


async def timed(action: Callable[[int], Awaitable[object]], every_s: float = READ_EVERY_S) -> float:
    """95th percentile of milliseconds."""
    found = []
    for number in range(READS):
        begun = time.perf_counter()
        await action(number)
        found.append((time.perf_counter() - begun) * 1000)
        await asyncio.sleep(every_s)
    return statistics.quantiles(found, n=20)[-1]


async def reads(
    series: SqliteSeries, source: Iterator[Batch], now: datetime, figures: dict[str, float]
) -> None:
    """Both questions, while ticks are written as often as in life; and while it is sealed."""

    async def write() -> None:
        while True:
            await series.append(next(source))
            await series.maintain()
            await asyncio.sleep(WRITE_EVERY_S)

    def hour(number: int) -> Awaitable[object]:
        subject = Container(number * 20, TWELVE).subject
        return series.charts([subject], SHOWN, now - timedelta(hours=1), now, 240)

    def day(number: int) -> Awaitable[object]:
        metric = TWELVE[number % 5]
        since = now - timedelta(hours=24)
        return series.top("engine", "container", metric, since, now, 10)

    writing = asyncio.ensure_future(write())
    figures["hour_ms"] = await timed(hour)
    figures["top_ms"] = await timed(day)
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)
    for _ in range(QUARTER_TICKS):
        await series.append(next(source))
    sealing = asyncio.ensure_future(series.maintain())
    figures["hour_sealing_ms"] = await timed(hour, every_s=0.01)
    await sealing


async def day(folder: Path, hours: float) -> dict[str, float]:
    figures: dict[str, float] = {}
    series = await SqliteSeries.open(folder)
    source = batches(1000, TWELVE, 10)
    # To the middle of a quarter: it is not sealed just as it is read.
    ticks = int(hours * 360) + QUARTER_TICKS // 2
    now = await recorded(series, source, ticks, figures)
    figures["bytes_a_value"] = series.status().bytes / (ticks * 1000 * len(TWELVE))
    await reads(series, source, now, figures)
    figures["memory_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    begun = time.perf_counter()
    await series.close()
    series = await SqliteSeries.open(folder)
    figures["open_s"] = time.perf_counter() - begun
    await series.close()
    return figures


async def fifty(folder: Path, hours: float) -> dict[str, float]:
    figures: dict[str, float] = {}
    series = await SqliteSeries.open(folder)
    metrics = tuple(metric.name for metric in CONTAINER)
    await recorded(series, batches(50, metrics, 5), int(hours * 720), figures)
    figures["fifty_percent"] = figures["cpu_s"] / (hours * 3600) * 100
    await series.close()
    return figures


def measure(bench: Bench) -> list[Row]:
    """A day of 1,000 containers with 12 figures each every 10 s, and an hour of 50 with all."""
    folder = bench.folder / "series"
    command = [sys.executable, "-m", "benchmarks.series", str(folder)]
    found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    rows = (
        ("on disk, a value", "bytes_a_value", "≤ 4 bytes", "bytes"),
        ("an hour of one container, beside writing, p95", "hour_ms", "≤ 20 ms", "ms"),
        ("the same while a quarter is sealed, p95", "hour_sealing_ms", "", "ms"),
        ("top 10 of 1,000 over 24 h, beside writing, p95", "top_ms", "≤ 300 ms", "ms"),
        ("CPU to write a tick of 1,000", "append_ms", "", "ms"),
        ("CPU to seal a quarter of an hour of 1,000", "seal_s", "", "s"),
        ("memory with 1,000", "memory_mb", "", "MB"),
        ("closing and opening with 1,000", "open_s", "", "s"),
        ("50 containers, all figures, every 5 s: CPU", "fifty_percent", "≤ 1 %", "%"),
    )
    return [
        Row(f"series: {what}", found[name], target=target, unit=unit)
        for what, name, target, unit in rows
    ]


def main() -> None:
    folder = Path(sys.argv[1])
    hours = float(sys.argv[2]) if len(sys.argv) > 2 else 24.0
    found: dict[str, float] = {}
    for name, run, length in (("fifty", fifty, min(hours, 1.0)), ("day", day, hours)):
        (folder / name).mkdir(parents=True)
        found |= asyncio.run(run(folder / name, length))
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
