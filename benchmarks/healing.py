"""Healing: from the death to its being seen, and from the decision to the new container."""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks import floor
from benchmarks.bench import TABIB, Bench, Row

IMAGE = "busybox:1.36"
COMPOSE = f"""services:
  a: {{image: "{IMAGE}", command: ["sleep", "1000000"], init: true}}
  b: {{image: "{IMAGE}", command: ["sleep", "1000000"], init: true}}
"""
PATIENCE_S = 60.0


def measure(bench: Bench) -> list[Row]:
    """Kill a process from outside, remove a container; read the times from the incidents."""
    seen, healed, raw = [], [], []
    for number in range(bench.runs):
        project = f"tabib-heal{number}"
        file = _file(bench.folder, project)
        bench.project(file)
        bench.tabib("-f", str(file), "up")
        time.sleep(2.0)
        died = _kill(bench, f"{project}-a-1")
        incident = _incident(bench, project, "exit.killed")
        seen.append(_time(incident["seen_at"]) - died)
        bench.output("docker", "rm", "-f", f"{project}-b-1")
        incident = _incident(bench, project, "config.drift")
        treatment = incident["treatments"][0]
        healed.append(_time(treatment["ended_at"]) - _time(treatment["started_at"]))
        raw.append(asyncio.run(floor.replace(IMAGE)))
        bench.tabib("-f", str(file), "down", "--timeout", "0")
    return [
        Row("from death to seen", statistics.median(seen), target="≤ 0.100 s"),
        Row(
            "healing a removed container, from the decision on",
            statistics.median(healed),
            "the engine's own create + start",
            statistics.median(raw),
            "≤ 1.5×",
        ),
    ]


def _file(folder: Path, project: str) -> Path:
    file = folder / project / "compose.yaml"
    file.parent.mkdir()
    file.write_text(f"name: {project}\n{COMPOSE}", encoding="utf-8")
    return file


def _kill(bench: Bench, container: str) -> float:
    """Kill the process under the container's init; the wall time just before."""
    inspected = bench.output("docker", "inspect", "-f", "{{.State.Pid}}", container).strip()
    child = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", inspected], capture_output=True, text=True, check=True
    ).stdout.split()[0]
    before = time.time()
    subprocess.run(["kill", "-9", child], check=True)
    return before


def _incident(bench: Bench, project: str, code: str) -> dict[str, Any]:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        found = json.loads(bench.output(TABIB, "-p", project, "incidents", "--all", "--json"))
        for incident in found:
            if incident["cause"]["code"] == code and incident["outcome"] == "recovered":
                return dict(incident)
        time.sleep(0.5)
    raise SystemExit(f"no recovered incident {code} in {project} within {PATIENCE_S:.0f} s")


def _time(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
