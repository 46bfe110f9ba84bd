"""What the whole daemon costs with 50 idle containers: care, samples, processes, logs; beside it
cAdvisor over the same time, which does a part of that."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from benchmarks.bench import TABIB, Bench, Row
from benchmarks.sampling import cadvisor, cpu_shares

CONTAINERS = 50
SETTLE_S = 20.0
WATCHED_S = 120.0
USUAL_S = 300.0
COMPOSE = """name: tabib-idle
services:
  idle:
    image: busybox:1.36
    command: ["sleep", "1000000"]
    init: true
    deploy: {replicas: 50}
"""


def measure(bench: Bench) -> list[Row]:
    """The daemon's own figures, before and after two minutes in which nothing happens."""
    file = bench.folder / "idle" / "compose.yaml"
    file.parent.mkdir()
    file.write_text(COMPOSE, encoding="utf-8")
    bench.project(Path(file))
    # A daemon that has done nothing before: its memory is what is measured.
    bench.tabib("daemon", "stop")
    bench.tabib("-f", str(file), "up")
    _until_usual(bench)
    pid = int(_status(bench)["pid"])
    with cadvisor() as peer:
        time.sleep(SETTLE_S)
        shares = cpu_shares([[pid], *([[peer]] if peer else [])], WATCHED_S)
    memory = _status(bench)["memory_bytes"]
    bench.tabib("-f", str(file), "down", "--timeout", "0")
    what = f"daemon with {CONTAINERS} idle, all recorded each 5 s"
    return [
        Row(f"{what}: CPU", shares[0] * 100, target="≤ 0.5 %", unit="%"),
        *(
            [Row(f"{what}: CPU", shares[0] * 100, "cAdvisor, samples only", shares[1] * 100,
                 unit="%")]
            if peer
            else []
        ),
        Row(f"{what}: memory", memory / 1e6, target="≤ 120 MB", unit="MB"),
    ]  # fmt: skip


def _until_usual(bench: Bench) -> None:
    """After a release it is looked at each second for a while."""
    until = time.monotonic() + USUAL_S
    while _status(bench)["engines"][0]["recorder"]["why"] != "usual":
        if time.monotonic() > until:
            raise SystemExit("the recorder never came back to its usual rhythm")
        time.sleep(2)


def _status(bench: Bench) -> dict[str, Any]:
    return dict(json.loads(bench.output(TABIB, "daemon", "status", "--json")))
