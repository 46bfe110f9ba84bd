"""Copies of a database: streamed, beside the same stream into restic by hand; what a running copy
does to the database; and from the decision to restore until it is healthy."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.bench import TABIB, Bench, Row, interleaved
from benchmarks.by_hand import ByHand, cold

MILLION_ROWS = float(os.environ.get("BENCH_MROWS", "3"))
"""Of 290 bytes."""
ROUNDS = 3
PROJECT = "tabib-bench-database"
CONTAINER = f"{PROJECT}-db-1"
VOLUME = f"{PROJECT}_data"
IMAGE = "postgres:15"
HEALTHY = ["pg_isready", "-q", "-h", "127.0.0.1", "-U", "postgres"]
DATABASE = f"""name: {PROJECT}
x-tabib: {{{{backup: {{{{schedule: never, drill: {{{{schedule: never}}}}, repository: "{{repository}}"}}}}}}}}
services:
  db:
    image: {IMAGE}
    environment: {{{{POSTGRES_PASSWORD: bench}}}}
    command: [postgres, -c, max_wal_size=4GB]
    volumes: [data:/var/lib/postgresql/data]
    healthcheck:
      test: [CMD, {", ".join(HEALTHY)}]
      interval: 1s
      retries: 30
      start_period: 60s
  seed:
    image: busybox:1.36
    command: [sleep, "1000000"]
    init: true
    volumes: [seed:/data]
volumes: {{{{data: {{{{}}}}, seed: {{{{}}}}}}}}
"""  # noqa: E501
_FILL = (
    "create table if not exists big as select i, md5(i::text) || md5((i + 1)::text) ||"
    " md5((i + 2)::text) || repeat(md5(i::text), 5) as words"
    " from generate_series(1, {rows}) i"
)
_DUMP = "pg_basebackup -U postgres -D - -Ft -X fetch -c fast"
PGBENCH_S = int(os.environ.get("BENCH_PGBENCH_S", "20"))


def measure(bench: Bench) -> list[Row]:
    file = bench.folder / "database" / "compose.yaml"
    file.parent.mkdir()
    _use(file, bench.folder / "database-0")
    bench.project(file)
    bench.tabib("-f", str(file), "up")
    _sql(bench, _FILL.format(rows=int(MILLION_ROWS * 1e6)))
    _sql(bench, "checkpoint")
    try:
        return [*_copies(bench, file), *_latency(bench, file), *_restores(bench, file)]
    finally:
        bench.tabib("-f", str(file), "down", "-v", "--yes", "--no-backup", "--timeout", "0")


def _use(file: Path, repository: Path) -> None:
    file.write_text(DATABASE.format(repository=repository), encoding="utf-8")


# ── copies ─────────────────────────────────────────────────────────────────────────────────────


def _copies(bench: Bench, file: Path) -> list[Row]:
    number = 0
    hand = ByHand(bench, bench.folder / "database-by-hand")

    def ours() -> float:
        nonlocal number
        shutil.rmtree(bench.folder / f"database-{number}", ignore_errors=True)
        number += 1
        _use(file, bench.folder / f"database-{number}")
        bench.tabib("-f", str(file), "up")
        bench.tabib("-f", str(file), "backup", "seed")
        cold(bench.volume(VOLUME))
        return bench.tabib("-f", str(file), "backup", "db")

    def by_hand() -> float:
        hand.begin()
        cold(bench.volume(VOLUME))
        into = " ".join(hand.command("restic", stdin=True))
        into += " --no-cache backup --stdin --stdin-filename base.tar"
        return bench.run(
            "bash", "-o", "pipefail", "-c", f"docker exec {CONTAINER} {_DUMP} | {into}"
        )

    def alone() -> float:
        cold(bench.volume(VOLUME))
        return bench.run("docker", "exec", CONTAINER, "sh", "-c", f"{_DUMP} > /dev/null")

    size = int(_sql(bench, "select sum(pg_database_size(datname)) from pg_database"))
    (ours_s,), (hand_s,), (alone_s,) = interleaved(min(bench.runs, ROUNDS), [ours, by_hand, alone])
    return [
        Row(
            f"copy of a PostgreSQL of {size / 1e6:.0f} MB ({size / 1e6 / ours_s:.0f} MB/s, by hand "
            f"{size / 1e6 / hand_s:.0f} MB/s; pg_basebackup into /dev/null {alone_s:.1f} s)",
            ours_s,
            "pg_basebackup | restic backup --stdin by hand",
            hand_s,
            "reported",
        )
    ]


def _latency(bench: Bench, file: Path) -> list[Row]:
    """p99 of pgbench's transactions, at rest and while a copy is made again and again."""
    _pgbench(bench, "-i", "-q", "-s", "10")
    quiet = _p99(bench)
    stop = threading.Event()
    copies = 0

    def copy() -> None:
        nonlocal copies
        while not stop.is_set():
            bench.tabib("-f", str(file), "backup", "db")
            copies += 1

    worker = threading.Thread(target=copy)
    worker.start()
    try:
        busy = _p99(bench)
    finally:
        stop.set()
        worker.join()
    what = f"p99 of a transaction while it is copied again and again ({copies} in {PGBENCH_S} s)"
    return [Row(what, busy, "with no copy", quiet, "reported", unit="ms")]


def _p99(bench: Bench) -> float:
    _pgbench(bench, "-c", "4", "-j", "2", "-T", str(PGBENCH_S), "-l", "--log-prefix=/tmp/p")
    text = bench.output("docker", "exec", CONTAINER, "sh", "-c", "cat /tmp/p.*; rm -f /tmp/p.*")
    times = sorted(int(line.split()[2]) for line in text.splitlines() if line)
    return times[int(len(times) * 0.99)] / 1000


# ── restores ───────────────────────────────────────────────────────────────────────────────────


def _restores(bench: Bench, file: Path) -> list[Row]:
    bench.tabib("-f", str(file), "backup", "db")
    undrilled = _restore(bench, file, "db")
    bench.tabib("-f", str(file), "backup")
    bench.tabib("-f", str(file), "drill")
    known = json.loads(bench.output(TABIB, "-p", PROJECT, "snapshots", "--json"))
    drilled = next(one["id"] for one in known if one["verified_at"] and one["drill"])
    found: list[Mapping[str, Any]] = []
    parts: list[tuple[float, float]] = []

    def ours() -> float:
        cold(_repository(file))
        found.append(_restore(bench, file, "--snapshot", drilled, "db"))
        return float(found[-1]["rto_seconds"])

    def by_hand() -> float:
        cold(_repository(file))
        parts.append(_by_hand(bench, file, drilled))
        return sum(parts[-1])

    (ours_s,), (hand_s,) = interleaved(min(bench.runs, ROUNDS), [ours, by_hand])
    fetch, start = (statistics.median(column) for column in zip(*parts, strict=True))
    return [
        Row(
            f"decision to healthy, drilled snapshot ({_phases(found)}; by hand fetch {fetch:.1f}, "
            f"start {start:.1f})",
            ours_s,
            "restic by hand + container start",
            hand_s,
            "≤ 1.2×",
        ),
        Row(
            f"decision to healthy, undrilled snapshot, checked on the way ({_phases([undrilled])})",
            float(undrilled["rto_seconds"]),
            target="reported",
        ),
    ]


def _restore(bench: Bench, file: Path, *words: str) -> Mapping[str, Any]:
    told = bench.output(TABIB, "-f", str(file), "restore", "--yes", "--json", *words)
    return dict(json.loads(told))


def _phases(found: list[Mapping[str, Any]]) -> str:
    took = [{one["name"]: one["seconds"] for one in each["phases"]} for each in found]
    return ", ".join(
        f"{name} {statistics.median(one.get(name, 0.0) for one in took):.1f}" for name in took[-1]
    )


def _by_hand(bench: Bench, file: Path, drilled: str) -> tuple[float, float]:
    """The archive from tabib's own repository, unpacked and started by hand, until the same health
    check passes: seconds of each."""
    state = Path(bench.environment["TABIB_STATE_DIR"])
    key = (state / "keys" / "repository.key").read_text().strip()
    hand = ByHand(bench, _repository(file), key)
    target = bench.folder / "by-hand-data"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    listed = hand.command("restic"), ("--no-cache", "--no-lock", "snapshots", "--json")
    stored = next(
        one["id"]
        for one in json.loads(bench.output(*listed[0], *listed[1]))
        if one["paths"] == ["/base.tar"] and f"set={drilled}" in one["tags"]
    )
    dump = f"restic --no-cache --no-lock dump {stored} /base.tar"
    script = f"{dump} | tar -x -p -C /to && sync -f /to"
    fetched = hand.shell(script, mount=f"{target}:/to")
    name = "tabib-bench-by-hand"
    begun = time.perf_counter()
    health = ["--health-cmd", " ".join(HEALTHY), "--health-interval", "1s"]
    mount = ["-v", f"{target}:/var/lib/postgresql/data"]
    bench.run("docker", "run", "-d", "--name", name, *health, *mount, IMAGE)
    try:
        state_of = ["docker", "inspect", "-f", "{{.State.Health.Status}}", name]
        while bench.output(*state_of).strip() != "healthy":
            time.sleep(0.05)
        return fetched, time.perf_counter() - begun
    finally:
        subprocess.run(["docker", "rm", "-f", "-v", name], capture_output=True)
        shutil.rmtree(target, ignore_errors=True)


def _repository(file: Path) -> Path:
    lines = file.read_text(encoding="utf-8").splitlines()
    return next(Path(line.split('"')[1]) for line in lines if "repository" in line)


def _pgbench(bench: Bench, *words: str) -> None:
    bench.run("docker", "exec", CONTAINER, "pgbench", "-U", "postgres", *words, "postgres")


def _sql(bench: Bench, text: str) -> str:
    return bench.output("docker", "exec", CONTAINER, "psql", "-U", "postgres", "-Atc", text).strip()
