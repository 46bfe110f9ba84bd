"""A command at a terminal of its own, as a person has it."""

from __future__ import annotations

import fcntl
import os
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tabib.client.waiting import wait_for


def at_terminal(
    argv: Sequence[str], *, cwd: Path, env: Mapping[str, str], timeout_s: float = 60.0
) -> tuple[int, str]:
    """Run ``argv`` with a terminal for all three streams; its exit code and all that it showed.

    :raises AssertionError: it did not end in time.
    """
    master, slave = os.openpty()
    process = subprocess.Popen(
        list(argv), cwd=cwd, env=dict(env), stdin=slave, stdout=slave, stderr=slave,
        start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )  # fmt: skip
    os.close(slave)
    shown = b""
    deadline = time.monotonic() + timeout_s
    try:
        while time.monotonic() < deadline:
            ready = wait_for([master], timeout_s=0.05).reading
            try:
                shown += os.read(master, 65536) if ready else b""
            except OSError:  # The other end is closed.
                break
            if not ready and process.poll() is not None:
                break
        code = process.wait(max(1.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired as error:
        process.kill()
        raise AssertionError(f"{argv} did not end: {shown[-500:]!r}") from error
    finally:
        os.close(master)
    return code, shown.decode("utf-8", "replace")
