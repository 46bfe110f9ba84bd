"""Docker Compose 2.40 as the judge of the loader: found or fetched, and run within bounds."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from setup import compose_peer

_MEMORY_BYTES = 8 << 30
_CPU_S = 20
_WALL_S = 60


@cache
def program() -> Path:
    """The program. :raises AssertionError: it is not to be had; such a test never passes unseen."""
    named = os.environ.get("TABIB_COMPOSE_PEER")
    found = Path(named) if named else compose_peer.ensure()
    assert found is not None, "Docker Compose 2.40 is not to be had: set TABIB_COMPOSE_PEER"
    assert found.exists(), f"{found}, where Docker Compose 2.40 should be, is not there"
    return found


@dataclass(frozen=True, slots=True)
class Answer:
    code: int
    out: str
    err: str


def ask(
    args: list[str],
    *,
    cwd: Path,
    env: dict[str, str],
    stdin: bytes = b"",
    timeout_s: float = _WALL_S,
) -> Answer:
    """Run Compose with a limit on memory, processor time and wall time."""
    done = subprocess.run(
        # By a program: a `preexec_fn` copies the page tables of the whole test run, each time.
        ["prlimit", f"--as={_MEMORY_BYTES}", f"--cpu={_CPU_S}", str(program()), *args],
        cwd=cwd,
        env={"PATH": "/usr/bin:/bin", **env},
        input=stdin,
        capture_output=True,
        timeout=timeout_s,
        check=False,
    )
    return Answer(done.returncode, done.stdout.decode(), done.stderr.decode())
