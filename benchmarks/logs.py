"""Scenario ``logs``: what it costs to keep the output of fifty containers.

The files are written here as the engine writes them, so that only the keeping is measured.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from benchmarks.bench import Bench, Row
from tabib.decide.redact import Redactor
from tabib.host.clock import SystemClock
from tabib.operations.monitor.log_keeper import LogKeeper
from tabib.stores.logs import SqliteLogs

CONTAINERS = 50
TICKS = 40
LINES = 200
"""Of each of ten containers in each tick."""
WORDS = ("order", "payment", "session", "cache", "query", "rows", "customer", "invoice", "done")


def measure(bench: Bench) -> list[Row]:
    rows: list[Row] = []
    for level in ("INFO", "ERROR"):
        folder = bench.folder / f"logs-{level}"
        rows += asyncio.run(_kept(folder, level))
    return rows


async def _kept(folder: Path, level: str) -> list[Row]:
    folder.mkdir()
    store = await SqliteLogs.open(folder, SystemClock())
    redactor = Redactor.knowing(["a-secret-of-the-environment"])
    async with asyncio.TaskGroup() as group:
        keeper = LogKeeper(
            None,  # type: ignore[arg-type]  # files only: the engine is not asked
            store,
            SystemClock(),
            group,
            "engine",
            lambda _: redactor,
        )
        files = [_file(folder, number) for number in range(CONTAINERS)]
        for number, file in enumerate(files):
            keeper.watch(str(number), f"c{number}", "json-file", str(file))
        await keeper.collect()
        chance, size, spent = random.Random(1), 0, 0.0
        for tick in range(TICKS):
            size += sum(_write(file, chance, level, tick) for file in files[:10])
            spent += await _cpu(keeper.collect)
        idle = await _cpu(keeper.collect, 200) / 200
        asked = time.perf_counter()
        await store.search("engine", "payment invoice", limit=200)
        asked = time.perf_counter() - asked
        keeper.close()
    await store.close()
    lines = TICKS * LINES * 10
    return [
        Row(f"logs: CPU for a MB of {level} lines", spent / (size / 1e6)),
        Row(f"logs: CPU of an idle tick, {CONTAINERS} containers", idle),
        Row(f"logs: a search in {lines} {level} lines", asked),
        Row(
            f"logs: on the disk, {size / lines:.0f} bytes a line",
            store.status().bytes / lines,
            unit="B",
        ),
    ]


def _file(folder: Path, number: int) -> Path:
    path = folder / "engine" / str(number) / f"{number}-json.log"
    path.parent.mkdir(parents=True)
    path.touch()
    return path


def _write(file: Path, chance: random.Random, level: str, tick: int) -> int:
    """How many bytes of output."""
    size = 0
    with file.open("a") as log:
        for number in range(LINES):
            stamp = f"2026-05-04T12:{tick // 60:02}:{tick % 60:02}.{number:03}456789Z"
            text = f"{stamp} {level} shop.{chance.choice(WORDS)} id={chance.getrandbits(64):016x} "
            text += f"{' '.join(chance.choices(WORDS, k=6))} took {chance.randint(1, 999)} ms"
            log.write(json.dumps({"log": f"{text}\n", "stream": "stdout", "time": stamp}) + "\n")
            size += len(text)
    return size


async def _cpu(action: Callable[[], Awaitable[Any]], times: int = 1) -> float:
    """Seconds of CPU of all threads."""
    begun = time.process_time()
    for _ in range(times):
        await action()
    return time.process_time() - begun
