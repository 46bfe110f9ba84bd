"""Runs the `tabib` command as a person would, and turns its exit codes into advice."""

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from setup.run import ROOT
from setup.say import SetupError

TABIB = ROOT / ".venv" / "bin" / "tabib"
COMPOSE_FILE = Path("examples") / "shop" / "compose.yaml"

_ADVICE = {
    3: "tabib refused, for the reason above. If another installation cares for this engine, stop\n"
    "it (tabib daemon stop, as its user), or choose another engine with DOCKER_HOST.",
    4: "The Compose file or tabib's configuration is wrong, as said above.",
    5: "tabib does not reach the engine: docker context ls, DOCKER_HOST, rights on the socket.",
    6: "A service did not start or did not become healthy, as said above: tabib ps, tabib logs.",
    8: "tabib cannot use its state folder: free space or rights, or TABIB_STATE_DIR=… make demo.",
    70: "That is a bug of ours: please report it with what stands above.",
}


def show(*words: str, extra: Mapping[str, str] | None = None) -> None:
    """Run a command with its output on the person's terminal. Raises SetupError when it fails."""
    code = subprocess.run(_words(words), cwd=ROOT, env=_environment(extra), check=False).returncode
    if code:
        raise _failure(words, code)


def ask(*words: str) -> list[dict[str, Any]]:
    """Run a reading command with --json and give what it says. Raises SetupError."""
    done = _run((*words, "--json"))
    if done.returncode:
        raise _failure(words, done.returncode, done.stderr)
    try:
        return list(json.loads(done.stdout))
    except ValueError as error:
        said = f"tabib {' '.join(words)} --json did not print JSON: {done.stdout[:200]!r}"
        raise SetupError(said, _ADVICE[70]) from error


def succeeds(*words: str) -> bool:
    """Whether a command ends with 0; what it prints is of no interest."""
    return _run(words).returncode == 0


def _run(words: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            _words(words),
            cwd=ROOT,
            env=_environment(None),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise SetupError(
            f"tabib {' '.join(words)} gave no answer within a minute",
            "Is its daemon well? tabib daemon status",
        ) from error


def _words(words: tuple[str, ...]) -> list[str]:
    if not TABIB.exists():
        raise SetupError("the tabib command is not installed here", "make dev")
    return [str(TABIB), *words]


def _environment(extra: Mapping[str, str] | None) -> dict[str, str]:
    return {**os.environ, **(extra or {})}


def _failure(words: tuple[str, ...], code: int, said: str = "") -> SetupError:
    advice = "\n".join(filter(None, [said.strip(), _ADVICE.get(code, "")]))
    return SetupError(f"tabib {' '.join(words)} ended with {code}", advice, code)
