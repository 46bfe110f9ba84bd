"""What it costs to care for 50 idle containers: CPU of a core, and memory."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from benchmarks.bench import TABIB, Bench, Row

CONTAINERS = 50
SETTLE_S = 20.0
WATCHED_S = 60.0
COMPOSE = """name: tabib-idle
services:
  idle:
    image: busybox:1.36
    command: ["sleep", "1000000"]
    init: true
    deploy: {replicas: 50}
"""


def measure(bench: Bench) -> list[Row]:
    """The daemon's own figures, before and after a minute in which nothing happens."""
    file = bench.folder / "idle" / "compose.yaml"
    file.parent.mkdir()
    file.write_text(COMPOSE, encoding="utf-8")
    bench.project(Path(file))
    # A daemon that has done nothing before: its memory is what is measured.
    bench.tabib("daemon", "stop")
    bench.tabib("-f", str(file), "up")
    time.sleep(SETTLE_S)
    before, begun = _status(bench), time.monotonic()
    time.sleep(WATCHED_S)
    after, ended = _status(bench), time.monotonic()
    share = (after["cpu_seconds"] - before["cpu_seconds"]) / (ended - begun)
    bench.tabib("-f", str(file), "down", "--timeout", "0")
    return [
        Row(f"caring for {CONTAINERS} idle: CPU", share * 100, target="≤ 1 %", unit="%"),
        Row(
            f"caring for {CONTAINERS} idle: memory",
            after["memory_bytes"] / 1e6,
            target="≤ 110 MB",
            unit="MB",
        ),
    ]


def _status(bench: Bench) -> dict[str, Any]:
    return dict(json.loads(bench.output(TABIB, "daemon", "status", "--json")))
