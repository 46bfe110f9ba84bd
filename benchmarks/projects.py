"""Whole projects: up, up with nothing to do, and down; beside Docker Compose and the raw engine."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks import floor
from benchmarks.bench import ROOT, Bench, Row, interleaved

SERVICES = 30
IMAGE = "busybox:1.36"
SETTLE_S = 2.0


def shop(bench: Bench) -> list[Row]:
    """The example shop: health checks and dependencies decide, not the orchestrator."""
    bench.environment["SHOP_PORT"] = "18080"
    file = bench.project(ROOT / "examples" / "shop" / "compose.yaml")
    mine, peer = interleaved(
        bench.runs, [_tabib(bench, file, "bench"), _compose(bench, file)], SETTLE_S
    )
    return _rows("shop", mine, peer, up_target="≤ 0.95×")


def many(bench: Bench) -> list[Row]:
    """30 small services on one network: the orchestrator's own cost, and the engine's floor."""
    file = bench.project(_many(bench.folder))
    mine, peer, raw = interleaved(
        bench.runs,
        [
            _tabib(bench, file, "many"),
            _compose(bench, file),
            lambda: asyncio.run(floor.up(SERVICES, IMAGE)),
        ],
        SETTLE_S,
    )
    rows = _rows(f"{SERVICES} services", mine, peer, up_target="≤ 0.9×")
    floor_row = Row(
        f"{SERVICES} services: up", mine[0], "raw engine calls", raw[0], target="≤ 1.1×"
    )
    return [rows[0], floor_row, *rows[1:]]


def _tabib(bench: Bench, file: Path, project: str):  # type: ignore[no-untyped-def]
    def measure() -> Sequence[float]:
        base = ["-f", str(file), "-p", f"tabib-{project}"]
        up = bench.tabib(*base, "up")
        again = bench.tabib(*base, "up")
        time.sleep(SETTLE_S)
        down = bench.tabib(*base, "down", "-v", "--yes", "--timeout", "1")
        return up, again, down

    return measure


def _compose(bench: Bench, file: Path):  # type: ignore[no-untyped-def]
    program = bench.compose

    def measure() -> Sequence[float]:
        base = [program, "-f", str(file), "-p", "compose-bench"]
        up = bench.run(*base, "up", "-d", "--wait")
        again = bench.run(*base, "up", "-d", "--wait")
        time.sleep(SETTLE_S)
        down = bench.run(*base, "down", "-v", "-t", "1")
        return up, again, down

    return measure


def _rows(name: str, mine: Sequence[float], peer: Sequence[float], up_target: str) -> list[Row]:
    compose = "docker compose 2.40.3"
    return [
        Row(f"{name}: up", mine[0], f"{compose} up -d --wait", peer[0], target=up_target),
        Row(f"{name}: up, nothing to do", mine[1], f"{compose}, the same", peer[1], "≤ 0.5×"),
        Row(f"{name}: down", mine[2], f"{compose} down", peer[2], "≤ 0.9×"),
    ]


def _many(folder: Path) -> Path:
    lines = ["services:"]
    for number in range(1, SERVICES + 1):
        lines += [
            f"  s{number:02}:",
            f"    image: {IMAGE}",
            '    command: ["sleep", "1000000"]',
            "    init: true",
        ]
    file = folder / "many" / "compose.yaml"
    file.parent.mkdir()
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file
