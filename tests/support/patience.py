"""How long a test waits for something that must come: on a busy machine, longer.

A fixed deadline is a speed, and a machine that runs several tests at once has none to promise. The
kernel tells how long tasks waited for a processor or a disk (pressure stall information); of that
time a fifth counts. What never comes is still told, at the latest after five times as long.
"""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

_STALLED_COUNTS = 0.2
_PRESSURE = (Path("/proc/pressure/cpu"), Path("/proc/pressure/io"))
_ROUND_S = 0.5


class Patience:
    """``seconds`` of a machine that has nothing else to do; ``told_in``: where the kernel says how
    much else it has."""

    def __init__(self, seconds: float, told_in: Sequence[Path] = _PRESSURE) -> None:
        self._left_s = seconds
        self._told_in = told_in
        self._at = time.monotonic()
        self._stalled_s = stalled_s(told_in)

    @property
    def over(self) -> bool:
        now, stalled = time.monotonic(), stalled_s(self._told_in)
        elapsed = now - self._at
        lost = min(max(stalled - self._stalled_s, 0.0), elapsed)
        self._left_s -= elapsed - (1 - _STALLED_COUNTS) * lost
        self._at, self._stalled_s = now, stalled
        return self._left_s <= 0


def stalled_s(told_in: Sequence[Path] = _PRESSURE) -> float:
    """For how long some task waited for a processor or a disk, since the boot; 0 where the kernel
    does not tell."""
    found = 0.0
    for path in told_in:
        try:
            some = path.read_text().splitlines()[0]
        except (OSError, IndexError):
            continue
        found += int(some.rpartition("total=")[2]) / 1e6
    return found


def outcome(
    process: subprocess.Popen[str], seconds: float, given: str | None = None
) -> tuple[str, str]:
    """What a process said until its end; it is killed where that does not come. ``given``: its
    input, where that is a pipe.

    :raises AssertionError: it did not come in time.
    """
    if given is not None and process.stdin:
        # `communicate` forgets the rest of an input when it is called again.
        feed = threading.Thread(target=_feed, args=(process.stdin, given), daemon=True)
        process.stdin = None
        feed.start()
    patience = Patience(seconds)
    while True:
        try:
            out, err = process.communicate(timeout=_ROUND_S)
            return out or "", err or ""
        except subprocess.TimeoutExpired:
            if patience.over:
                process.kill()
                out, err = process.communicate()
                said = f"{out or ''}{err or ''}"
                raise AssertionError(f"{process.args!r} did not end: {said[-2000:]}") from None
        except BaseException:
            process.kill()
            raise


def _feed(stdin: IO[str], given: str) -> None:
    with suppress(BrokenPipeError), stdin:
        stdin.write(given)
