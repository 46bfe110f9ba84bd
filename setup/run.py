"""Runs a program, keeps what it printed for the error message, and hides it otherwise."""

import os
import subprocess
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from setup.say import SetupError

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache"
SBIN = "/usr/local/sbin:/usr/sbin:/sbin"


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment, with the system folders on PATH that a bare shell may lack."""
    path = os.environ.get("PATH", "/usr/local/bin:/usr/bin:/bin")
    return {**os.environ, "PATH": f"{path}:{SBIN}", **(extra or {})}


def quietly(
    command: Sequence[str | Path],
    *,
    what: str,
    extra: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    on_line: Callable[[str], None] | None = None,
) -> None:
    """Run to the end. Raises SetupError with the last lines that it printed when it fails."""
    last: deque[str] = deque(maxlen=15)
    try:
        process = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=environment(extra),
            cwd=cwd,
        )
    except OSError as error:
        raise SetupError(f"{what}: {command[0]}: {error.strerror}") from error
    assert process.stdout
    try:
        for text in process.stdout:
            last.append(text.rstrip())
            if on_line:
                on_line(text.rstrip())
        code = process.wait()
    except BaseException:
        process.terminate()
        process.wait()
        raise
    if code:
        raise SetupError(f"{what}: {command[0]} ended with {code}", "\n".join(last))


def output(command: Sequence[str | Path], timeout: float = 20) -> str | None:
    """What a program prints on stdout, or None when it is not there, fails or takes too long."""
    try:
        done = subprocess.run(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            env=environment(),
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
