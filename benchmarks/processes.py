"""The process recorder: a minute of a thousand starts a second in one container.

Every process must be in the records with the exit code that it had. The starter is compiled with
the machine's C compiler; the engine must run on this machine, and this as root.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.bench import Bench, Row
from tabib.decide.processes import ProcessTable
from tabib.host.heap import settle_heap
from tabib.host.processes import LinuxStreams
from tabib.model.process import ProcessRecord

IMAGE = "busybox:1.36"
RATE = 1000
SECONDS = int(os.environ.get("TABIB_BENCH_SECONDS", "60"))
FLAT_OUT = 5_000
IDLE_S = 10.0


Ended = tuple[str, int, int | None, bool, bool]
"""Container, parent, exit code, whether its use is known, whether its command line is complete."""


@dataclass(slots=True)
class Recorded:
    """What one run brought."""

    wall_s: float
    """As the starter measured it."""
    cpu_share: float
    """Of the recorder, of one core."""
    exits: float
    """Per cent of the processes that are recorded with their exit code."""
    usages: float
    commands: float
    longest_turn_s: float


def measure(bench: Bench) -> list[Row]:
    settle_heap()
    with _starter(bench.folder) as starter:
        total = RATE * SECONDS
        minute = asyncio.run(_recorded(starter, total, RATE))
        with _busy():
            saturated = asyncio.run(_recorded(starter, RATE * SECONDS // 4, RATE))
        idle = asyncio.run(_idle())
        # The same load, as fast as it goes, beside the recorder and without it, in turn.
        pairs = [
            (asyncio.run(_recorded(starter, FLAT_OUT, 0)), _unrecorded(starter, FLAT_OUT))
            for _ in range(3)
        ]
    beside = sorted(one.wall_s for one, _ in pairs)[1]
    alone = sorted(wall_s for _, wall_s in pairs)[1]
    what = f"{RATE} process starts/s for {SECONDS} s"
    return [
        Row(f"{what}: exits recorded", minute.exits, target="100 %", unit="%"),
        Row(f"{what}: with CPU, memory, I/O", minute.usages, target="100 %", unit="%"),
        Row(f"{what}: complete command lines", minute.commands, unit="%"),
        Row(f"{what}: the recorder, of a core", minute.cpu_share, target="≤ 15 %", unit="%"),
        Row(f"{what}: longest turn", minute.longest_turn_s * 1000, target="≤ 5 ms", unit="ms"),
        Row("the same on busy processors: exits recorded", saturated.exits, unit="%"),
        Row("the same on busy processors: command lines", saturated.commands, unit="%"),
        Row("recorder idle, of a core", idle, unit="%"),
        Row(f"{FLAT_OUT} starts flat out", beside, "without the recorder", alone),
        Row("flat out: exits recorded", pairs[0][0].exits, target="100 %", unit="%"),
    ]


class _Recorder:
    def __init__(self) -> None:
        now_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        self.table = ProcessTable(
            "bench", datetime.now(UTC) - timedelta(microseconds=now_ns // 1000)
        )
        self.streams = LinuxStreams()
        self.ended: list[Ended] = []

    async def __aenter__(self) -> _Recorder:
        self.streams.start(lambda events: self._keep(self.table.take(events, self.streams.look)))
        if self.streams.missing:
            raise SystemExit(f"processes cannot be recorded here: {self.streams.missing}")
        self._settling = asyncio.create_task(self._settle())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._settling.cancel()
        self.streams.close()

    async def _settle(self) -> None:
        while True:
            await asyncio.sleep(0.5)
            now_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
            self._keep(self.table.settle(now_ns, self.streams.look))

    def _keep(self, records: Sequence[ProcessRecord]) -> None:
        """As the daemon, which writes them: they are let go at once."""
        self.ended += [
            (
                one.container_id,
                one.ppid,
                one.exit_code,
                one.cpu_seconds is not None,
                one.command.startswith("starter child "),
            )
            for one in records
            if one.ended_at is not None
        ]


async def _recorded(starter: Path, total: int, rate: int) -> Recorded:
    async with _Recorder() as recorder:
        await asyncio.sleep(0.2)
        recorder.streams.longest_turn_s = 0.0
        begun, cpu = time.monotonic(), time.process_time()
        process = await asyncio.create_subprocess_exec(
            *_command(starter, total, rate), stdout=subprocess.PIPE
        )
        output, _ = await process.communicate()
        cpu_share = 100 * (time.process_time() - cpu) / (time.monotonic() - begun)
        await asyncio.sleep(2.5)
    ours = _of_run(recorder.ended)
    codes = sorted(code for _, _, code, _, _ in ours if code is not None)
    if len(codes) == total and codes != sorted(number % 256 for number in range(total)):
        raise SystemExit("exit codes were recorded that the processes did not have")
    return Recorded(
        wall_s=float(output),
        cpu_share=cpu_share,
        exits=100 * len(codes) / total,
        usages=100 * sum(measured for *_, measured, _ in ours) / total,
        commands=100 * sum(complete for *_, complete in ours) / total,
        longest_turn_s=recorder.streams.longest_turn_s,
    )


def _of_run(ended: list[Ended]) -> list[Ended]:
    """The ended children of the starter: those of the parent that has most."""
    families: dict[tuple[str, int], list[Ended]] = {}
    for one in ended:
        families.setdefault(one[:2], []).append(one)
    return max(families.values(), key=len, default=[])


async def _idle() -> float:
    async with _Recorder():
        await asyncio.sleep(0.5)
        cpu = time.process_time()
        await asyncio.sleep(IDLE_S)
        return 100 * (time.process_time() - cpu) / IDLE_S


def _unrecorded(starter: Path, total: int) -> float:
    done = subprocess.run(_command(starter, total, 0), capture_output=True, text=True, check=True)
    return float(done.stdout)


def _command(starter: Path, total: int, rate: int) -> list[str]:
    name = f"tabib-bench-processes-{uuid.uuid4().hex[:8]}"
    mount = f"{starter}:/starter:ro"
    return [
        "docker",
        "run",
        "--rm",
        "--name",
        name,
        "-v",
        mount,
        IMAGE,
        "/starter",
        str(total),
        str(rate),
    ]


@contextmanager
def _starter(folder: Path) -> Iterator[Path]:
    source = Path(__file__).with_name("starter.c")
    program = folder / "starter"
    command = ["cc", "-O2", "-static", "-o", str(program), str(source)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise SystemExit(f"the starter cannot be compiled: {error}") from error
    yield program


@contextmanager
def _busy() -> Iterator[None]:
    """Every processor has something else to do."""
    hogs = [
        subprocess.Popen(["sh", "-c", "while :; do :; done"]) for _ in range(os.cpu_count() or 1)
    ]
    try:
        yield
    finally:
        for hog in hogs:
            hog.kill()
            hog.wait()
