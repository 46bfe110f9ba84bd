"""Scenario ``checkup``: fifty containers that ten things are wrong with, looked at by a private
daemon and by a warm one; beside it ``docker inspect`` of all of them, which judges nothing."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from benchmarks.bench import Bench, Row, interleaved

CONTAINERS = 50
COMPOSE = f"""name: tabib-checkup
services:
  patient:
    image: busybox:1.36
    command: ["sleep", "1000000"]
    init: true
    environment: {{API_TOKEN: not-a-real-one-8812}}
    volumes: ["data:/var/lib/mysql"]
    deploy: {{replicas: {CONTAINERS}}}
volumes: {{data: {{}}}}
"""


def measure(bench: Bench) -> list[Row]:
    """Wall times from the command's start to its end."""
    file = bench.folder / "checkup" / "compose.yaml"
    file.parent.mkdir()
    file.write_text(COMPOSE, encoding="utf-8")
    bench.project(Path(file))
    bench.tabib("-f", str(file), "up")
    # A private daemon wants the state folder for itself.
    alone = ["--state-dir", str(bench.folder / "alone"), "--no-daemon"]
    look = ["checkup", "--all", "--fail-on", "never"]
    ids = bench.output("docker", "ps", "-q").split()
    private, offline, warm, raw = interleaved(
        bench.runs,
        [
            lambda: bench.tabib(*alone, *look),
            lambda: bench.tabib(*alone, *look, "--offline"),
            lambda: bench.tabib(*look),
            lambda: _inspect(ids),
        ],
    )
    peer = f"docker inspect of all {len(ids)}"
    what = f"checkup of {CONTAINERS}"
    return [
        Row(f"{what}, private daemon", private[0], peer, raw[0], target="≤ 2 s"),
        Row(f"{what}, private daemon, --offline", offline[0], peer, raw[0], target="≤ 2 s"),
        Row(f"{what}, warm daemon", warm[0], peer, raw[0], target="≤ 1 s"),
    ]


def _inspect(ids: list[str]) -> float:
    begun = time.perf_counter()
    subprocess.run(["docker", "inspect", *ids], capture_output=True, check=True)
    return time.perf_counter() - begun
