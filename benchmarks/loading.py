"""Reading Compose files, as commands: ``tabib config -q`` beside ``docker compose config -q``."""

from __future__ import annotations

import resource
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.bench import TABIB, Bench, Row, interleaved

_TARGETS = {3: "≤ 1.0×", 200: "≤ 0.5×"}


def measure(bench: Bench) -> list[Row]:
    """Wall and CPU time of a small file and of a large one."""
    rows: list[Row] = []
    for count, target in _TARGETS.items():
        file = _write(bench.folder / f"load{count}", count)
        rounds = max(bench.runs, 15)
        mine, peer = interleaved(
            rounds, [_timed(bench, TABIB, file), _timed(bench, bench.compose, file)]
        )
        rows += [
            Row(f"config of {count} services, {kind}", mine[at], "docker compose", peer[at], target)
            for at, kind in enumerate(("wall", "CPU"))
        ]
    return rows


def _timed(bench: Bench, program: str, file: Path) -> Callable[[], Sequence[float]]:
    def run() -> Sequence[float]:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        wall_s = bench.run(program, "-f", str(file), "config", "-q")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        user_s, system_s = after.ru_utime - before.ru_utime, after.ru_stime - before.ru_stime
        return wall_s, user_s + system_s

    return run


def _write(folder: Path, count: int) -> Path:
    """A project of ``count`` services that use what services usually use."""
    folder.mkdir()
    services = "".join(_SERVICE.format(name=f"s{i:03}", port=8000 + i) for i in range(count - 1))
    file = folder / "compose.yaml"
    file.write_text(f"services:\n  base: {{image: redis:7}}\n{services}{_REST}", "utf-8")
    return file


_SERVICE = """\
  {name}:
    image: registry.example.com/team/{name}:${{TAG:-1.0}}
    command: [serve, --port, "80"]
    ports: ["{port}:80"]
    environment: {{MODE: production, WORKERS: 2, URL: "http://${{HOST:-localhost}}/{name}"}}
    volumes: ["data:/data", "./conf:/etc/app:ro"]
    networks: [front, back]
    labels: [team=shop, "traefik.enable=true"]
    restart: unless-stopped
    healthcheck: {{test: [CMD, "true"], interval: 5s, timeout: 2s, retries: 3}}
    depends_on: [base]
    deploy: {{resources: {{limits: {{cpus: "0.5", memory: 128M}}}}}}
"""
_REST = "networks: {front: , back: }\nvolumes: {data: }\n"
