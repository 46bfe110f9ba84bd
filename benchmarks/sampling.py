"""What it costs to watch idle containers every five seconds: CPU of a core.

In one run, over the same time: our sampler in a process of its own, cAdvisor at a fixed interval,
and ``docker stats`` with what it makes the engine do. CPU is what the kernel says that each process
used (``/proc/PID/stat``, children that ended included), less what it used at rest.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks.bench import Bench, Row

SIZES = (50, 200)
INTERVAL_S = 5.0
SETTLE_S = 6.0
WATCHED_S = 30.0
PARALLEL = 8
LABEL = "tabib.bench.sampling"
_CADVISOR_PORT = "18091"
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_SAMPLER = """
import json, sys, time
from tabib.host.sampling import KernelSampler
from tabib.model.sample import Subject, Target
targets = [
    Target(subject=Subject(kind="container", id=id, engine_id="e", name=id), pid=pid)
    for id, pid in json.loads(sys.stdin.readline())
]
sampler = KernelSampler("e", "node", ["/var/lib/docker"])
interval_s = float(sys.argv[1])
due = time.monotonic()
while True:
    begun = time.process_time_ns()
    readings = sampler.sample(targets)
    print(len(readings), time.process_time_ns() - begun, flush=True)
    due += interval_s
    time.sleep(max(0, due - time.monotonic()))
"""


@dataclass(frozen=True, slots=True)
class Watched:
    """CPU seconds per second that each way used over the same time."""

    sampler: float
    per_tick_s: float
    """The sampler's own CPU time in one tick, the median."""
    cadvisor: float | None
    stats: float
    """The client of ``docker stats``, and the engine above its rest."""


def measure(bench: Bench) -> list[Row]:
    """Each size in turn; rows in percent of a core."""
    rows: list[Row] = []
    for count in SIZES:
        with containers(count) as pids:
            time.sleep(SETTLE_S)
            found = watch(pids)
        what = f"watching {count} idle every {INTERVAL_S:.0f} s"
        for peer, share, aim in (
            ("cAdvisor", found.cadvisor, "≤ 0.2×"),
            ("docker stats", found.stats, ""),
        ):
            if share is not None:
                rows.append(Row(f"{what}: CPU", found.sampler * 100, peer, share * 100, aim, "%"))
        target = "≤ 5 ms" if count == 50 else "≤ 20 ms"
        rows.append(Row(f"{what}: one tick", found.per_tick_s * 1000, target=target, unit="ms"))
    return rows


def watch(pids: Sequence[tuple[str, int]]) -> Watched:
    """Run all ways side by side for :data:`WATCHED_S`; ``docker stats`` after the others, for it
    makes the engine work."""
    engine = _engine_pids()
    with _sampler(pids) as sampler, cadvisor() as peer:
        time.sleep(SETTLE_S)
        first = [each for each in (sampler.pid, peer) if each is not None]
        shares = cpu_shares([[pid] for pid in first] + [engine], WATCHED_S)
        rest = shares[-1]
        sampler.kill()
        ticks = sorted(int(line.split()[1]) for line in sampler.communicate()[0].splitlines()[1:])
    with _docker_stats() as client:
        time.sleep(SETTLE_S)
        busy = cpu_shares([[client], engine], WATCHED_S)
        stats = busy[0] + max(0.0, busy[1] - rest)
    return Watched(
        sampler=shares[0],
        per_tick_s=ticks[len(ticks) // 2] / 1e9,
        cadvisor=shares[1] if peer is not None else None,
        stats=stats,
    )


def cpu_shares(groups: Sequence[Sequence[int]], seconds: float) -> list[float]:
    """CPU seconds per second that each group of processes uses over ``seconds`` from now.

    For other scenarios too: a whole daemon is the group of its process.
    """
    before = [sum(map(cpu_seconds, group)) for group in groups]
    begun = time.monotonic()
    time.sleep(seconds)
    passed = time.monotonic() - begun
    after = [sum(map(cpu_seconds, group)) for group in groups]
    return [(a - b) / passed for a, b in zip(after, before, strict=True)]


def cpu_seconds(pid: int) -> float:
    """User and system time of a process, all threads, and of its children that it waited for."""
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        fields = file.read().rpartition(")")[2].split()
    return sum(int(fields[place]) for place in (11, 12, 13, 14)) / _TICKS_PER_S


@contextmanager
def containers(count: int) -> Iterator[list[tuple[str, int]]]:
    """(id, first process) of ``count`` idle containers; removed at the end."""
    _remove()
    try:
        names = "\n".join(f"tabib-bench-sampling-{number}" for number in range(count))
        run = ["docker", "run", "-d", "--label", LABEL, "--name", "{}", "busybox:1.36"]
        subprocess.run(
            ["xargs", "-P", str(PARALLEL), "-I{}", *run, "sleep", "1000000"],
            input=names, text=True, check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        inspected = _docker("inspect", "-f", "{{.Id}} {{.State.Pid}}", *_ids())
        rows = (line.split() for line in inspected.splitlines())
        yield [(row[0], int(row[1])) for row in rows]
    finally:
        _remove()


def _ids() -> list[str]:
    return _docker("ps", "-aq", "--no-trunc", "--filter", f"label={LABEL}").split()


def _remove() -> None:
    found = _ids()
    if found:
        _docker("rm", "-f", *found)


def _docker(*arguments: str) -> str:
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=True)
    return done.stdout


def _engine_pids() -> list[int]:
    """dockerd and containerd: what works when the engine is asked."""
    done = subprocess.run(["pgrep", "-x", "dockerd|containerd"], capture_output=True, text=True)
    return [int(word) for word in done.stdout.split()]


@contextmanager
def _sampler(pids: Sequence[tuple[str, int]]) -> Iterator[subprocess.Popen[str]]:
    """Our sampler, alone in a process; it prints the nanoseconds of each tick."""
    process = subprocess.Popen(
        [sys.executable, "-c", _SAMPLER, str(INTERVAL_S)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdin
        process.stdin.write(json.dumps(pids) + "\n")
        process.stdin.flush()
        yield process
    finally:
        process.kill()
        process.wait()


@contextmanager
def cadvisor() -> Iterator[int | None]:
    """cAdvisor's process; None where it cannot be had."""
    from setup import cadvisor_peer

    program = cadvisor_peer.ensure()
    if program is None:
        yield None
        return
    flags = [
        f"--housekeeping_interval={INTERVAL_S:.0f}s", "--allow_dynamic_housekeeping=false",
        "--listen_ip=127.0.0.1", f"--port={_CADVISOR_PORT}",
    ]  # fmt: skip
    command = [str(program), *flags]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait()


@contextmanager
def _docker_stats() -> Iterator[int]:
    """``docker stats`` of all containers, its output thrown away."""
    process = subprocess.Popen(["docker", "stats"], stdout=subprocess.DEVNULL)
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait()
