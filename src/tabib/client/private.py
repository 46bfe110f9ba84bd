"""A private daemon for the length of one command (``--no-daemon``); nothing is left running."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from tabib.client.daemon import DaemonOptions, command_line, wait_for
from tabib.client.transport import DaemonAddress

_STOP_TIMEOUT_S = 30.0
"""An operation in flight ends at its next safe step within this time; then it is killed."""


@contextmanager
def private_daemon(options: DaemonOptions) -> Iterator[DaemonAddress]:
    """A daemon of our own on a socket in a new temporary folder, stopped at the end.

    :raises TabibError: it did not start; its own error.
    """
    folder = tempfile.mkdtemp(prefix="tabib-")
    own = replace(options, socket=os.path.join(folder, "tabib.sock"), private=True)
    log = os.path.join(folder, "daemon.log")
    process: subprocess.Popen[bytes] | None = None
    try:
        with open(log, "wb") as file:
            process = subprocess.Popen(
                command_line(own, "--private"),
                # The daemon ends when this pipe does, so also when the command is killed.
                stdin=subprocess.PIPE,
                stdout=file,
                stderr=file,
                # Its own session: Ctrl-C on the terminal reaches the command alone, which then
                # asks for a stop at a safe step.
                start_new_session=True,
            )
        wait_for(own, process, lambda: _text(log))
        yield own.address
    finally:
        if process is not None:
            end(process)
        shutil.rmtree(folder, ignore_errors=True)


def end(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM, a while to end by itself, SIGKILL."""
    process.terminate()
    if process.stdin is not None:
        process.stdin.close()
    try:
        process.wait(_STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _text(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()
