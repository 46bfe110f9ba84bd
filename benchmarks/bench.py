"""What scenarios share: a warm daemon of its own, the peer, timing, cleaning up."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TABIB = str(Path(sys.executable).with_name("tabib"))
TIMEOUT_S = 900


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. ``ratio`` is tabib's median over the reference's."""

    what: str
    tabib_s: float
    reference: str = ""
    reference_s: float | None = None
    target: str = ""
    unit: str = "s"

    @property
    def ratio(self) -> float | None:
        if not self.reference_s:
            return None
        return self.tabib_s / self.reference_s


class Bench:
    """A temporary state folder with a warm daemon; ``close`` leaves nothing behind."""

    def __init__(self, folder: Path, runs: int, data: Path | None = None) -> None:
        self.folder = folder
        self.data = data
        self.runs = runs
        self.environment = {
            **os.environ,
            "TABIB_STATE_DIR": str(folder / "state"),
            "COMPOSE_PROGRESS": "quiet",
            "NO_COLOR": "1",
        }
        # As users have it: Python keeps its compiled files.
        self.environment.pop("PYTHONDONTWRITEBYTECODE", None)
        self._projects: list[Path] = []

    @property
    def compose(self) -> str:
        """The peer, Docker Compose 2.40.3."""
        from setup import compose_peer

        found = compose_peer.ensure()
        if found is None:
            raise SystemExit("Docker Compose 2.40.3 cannot be had here: nothing to compare with")
        return str(found)

    def project(self, file: Path) -> Path:
        """Remember a project's file, so that it is taken down at the end whatever happens."""
        self._projects.append(file)
        return file

    def run(self, *command: str) -> float:
        """Run to the end and return its wall time in seconds; a failure ends the benchmark."""
        begun = time.perf_counter()
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=TIMEOUT_S
        )
        seconds = time.perf_counter() - begun
        if done.returncode:
            raise SystemExit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr}")
        return seconds

    def tabib(self, *arguments: str) -> float:
        return self.run(TABIB, *arguments)

    def output(self, *command: str) -> str:
        return subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=True
        ).stdout

    def volume(self, name: str) -> Path:
        """The folder that a volume of tabib's lies in."""
        form = "{{ .Options.device }}"
        return Path(self.output("docker", "volume", "inspect", "-f", form, name).strip())

    def close(self) -> None:
        for file in self._projects:
            subprocess.run(
                [TABIB, "-f", str(file), "down", "-v", "--yes", "--timeout", "0"],
                env=self.environment,
                capture_output=True,
                timeout=TIMEOUT_S,
            )
        subprocess.run([TABIB, "daemon", "stop"], env=self.environment, capture_output=True)


def interleaved(
    runs: int, measures: Sequence[Callable[[], float | Sequence[float]]], settle_s: float = 0.0
) -> list[list[float]]:
    """The median of each measure's figures over ``runs`` rounds, each round in turn.

    A measure returns one figure or several. The order rotates, and turns round every second time,
    so that no measure always comes after the same other one. ``settle_s``: before each, for the
    engine and the kernel to clear away what the one before left (network namespaces, mounts).
    """
    figures: list[list[list[float]]] = [[] for _ in measures]
    for number in range(runs):
        shift = number % len(measures)
        order = [*range(shift, len(measures)), *range(shift)]
        for index in order if number % 2 == 0 else reversed(order):
            time.sleep(settle_s)
            found = measures[index]()
            figures[index].append([found] if isinstance(found, float) else list(found))
    return [[statistics.median(column) for column in zip(*found, strict=True)] for found in figures]
