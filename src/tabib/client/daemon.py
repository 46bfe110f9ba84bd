"""Finding the daemon, and starting one where none answers.

Two commands at once start one daemon only: they take turns by a lock, and the second finds it
running. Should two be started all the same (``tabib daemon run`` by hand), each daemon locks its
state folder; the loser exits with :data:`tabib.model.paths.ALREADY_RUNNING` and its command uses
the winner.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tabib import __version__
from tabib.client.api import Client, unreachable
from tabib.client.transport import DaemonAddress, connect_unix, nobody_listens
from tabib.model import paths
from tabib.model.errors import Bug, Refused, StateUnusable, TabibError, from_wire

if TYPE_CHECKING:
    import subprocess

START_TIMEOUT_S = 20.0
"""How long a daemon may take to answer; reading a large journal on a slow disk included."""
STOP_TIMEOUT_S = 30.0
_POLL_S = 0.02

Say = Callable[[str], None]
"""Writes text beside the command's answer as it stands, line ends included."""


@dataclass(frozen=True, slots=True)
class DaemonOptions:
    """How a daemon is started. ``socket`` empty: the one in the state folder."""

    state_dir: str
    log_level: str = ""
    socket: str = ""
    private: bool = False

    @property
    def socket_path(self) -> str:
        return self.socket or paths.socket_path(self.state_dir)

    @property
    def address(self) -> DaemonAddress:
        path = self.socket_path
        return DaemonAddress(url=f"unix://{path}", path=path)


def version_of(address: DaemonAddress) -> Mapping[str, Any] | None:
    """What ``GET /v1/version`` says; None where no daemon listens.

    :raises TabibError: there is one, but it cannot be spoken to.
    """
    if address.local:
        try:
            connect_unix(address.path, 5.0).close()
        except OSError as error:
            if nobody_listens(error):
                return None
            raise unreachable(address, error) from error
    answer: Mapping[str, Any] = Client(address).get("/v1/version", timeout=10.0)
    return answer


def ensure(options: DaemonOptions, say: Say) -> None:
    """A background daemon of this version answers on return.

    :raises Refused: an installed daemon of another version answers.
    :raises TabibError: it could not be started; the daemon's own error where it has one.
    """
    running = version_of(options.address)
    if running is not None:
        if running.get("version") == __version__:
            return
        _replace(options, running, say)
    start(options, say)


def _replace(options: DaemonOptions, running: Mapping[str, Any], say: Say) -> None:
    theirs = str(running.get("version", "?"))
    if not running.get("background"):
        raise Refused(
            f"it is version {theirs}, this command is {__version__}",
            attempted="use the installed tabib daemon",
            advice="Restart it with the new version: `systemctl restart tabib`.",
        )
    say(f"replacing the tabib daemon {theirs} by {__version__}\n")
    stop(options.address)


def stop(address: DaemonAddress) -> bool:
    """Ask a background daemon to stop and wait until it is gone; False where none ran."""
    try:
        connect_unix(address.path, 5.0).close()
    except OSError as error:
        if nobody_listens(error):
            return False
        raise unreachable(address, error) from error
    Client(address).post("/v1/daemon/stop")
    deadline = time.monotonic() + STOP_TIMEOUT_S
    while time.monotonic() < deadline:
        try:
            connect_unix(address.path, 5.0).close()
        except OSError:
            # It listens no more, yet it may still be writing: the next daemon needs its lock.
            if _lock_is_free(os.path.dirname(address.path)):
                return True
        time.sleep(_POLL_S)
    raise Refused(
        f"it still runs after {STOP_TIMEOUT_S:.0f} s",
        attempted="stop the tabib daemon",
        advice="An operation may be at work: see `tabib daemon status`.",
    )


def _lock_is_free(state_dir: str) -> bool:
    """Whether no daemon holds the state folder (any more)."""
    import fcntl

    try:
        descriptor = os.open(os.path.join(state_dir, paths.LOCK_NAME), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def start(options: DaemonOptions, say: Say) -> None:
    """Start one in the background, detached from this terminal, and wait until it answers.

    Idempotent: one that another command started meanwhile is as good.
    """
    with _taking_turns(options.state_dir):
        if version_of(options.address) is None:
            _start_alone(options, say)


def _start_alone(options: DaemonOptions, say: Say) -> None:
    log = paths.log_path(options.state_dir)
    begun = time.monotonic()
    offset, process = _spawn_background(options, log)
    say("starting the tabib daemon …")
    try:
        wait_for(options, process, lambda: _read_from(log, offset))
    except BaseException:
        say("\n")
        raise
    say(f" ({time.monotonic() - begun:.1f} s)\n")


def _spawn_background(options: DaemonOptions, log: str) -> tuple[int, subprocess.Popen[bytes]]:
    import subprocess

    descriptor = _open_for_append(log, options.state_dir)
    try:
        offset = os.fstat(descriptor).st_size
        process = subprocess.Popen(
            command_line(options, "--background"),
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            cwd="/",
            start_new_session=True,
        )
    finally:
        os.close(descriptor)
    return offset, process


def _open_for_append(path: str, state_dir: str) -> int:
    """:raises StateUnusable: the state folder cannot be made or written."""
    try:
        os.makedirs(state_dir, mode=0o700, exist_ok=True)
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StateUnusable(
            error.strerror or str(error),
            attempted="use the state folder",
            target=state_dir,
            advice="Name another one with --state-dir or TABIB_STATE_DIR.",
        ) from error


@contextmanager
def _taking_turns(state_dir: str) -> Iterator[None]:
    """One command at a time; a lock ends with its process, however that ends."""
    import fcntl

    descriptor = _open_for_append(os.path.join(state_dir, "start.lock"), state_dir)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def command_line(options: DaemonOptions, *flags: str) -> list[str]:
    """The argv of ``tabib daemon run`` for ``options``."""
    argv = [sys.executable, "-m", "tabib", "--state-dir", options.state_dir]
    if options.log_level:
        argv += ["--log-level", options.log_level]
    argv += ["daemon", "run", *flags]
    if options.socket:
        argv += ["--socket", options.socket]
    return argv


def wait_for(
    options: DaemonOptions, process: subprocess.Popen[bytes], log: Callable[[], str]
) -> None:
    """Return once the daemon answers.

    :raises TabibError: it ended before (its own error, read from the last line of ``log``), or
        did not answer within :data:`START_TIMEOUT_S`.
    """
    deadline = time.monotonic() + START_TIMEOUT_S
    lost_race = False
    while time.monotonic() < deadline:
        if _answers(options.address):
            return
        code = process.poll()
        if code == paths.ALREADY_RUNNING:
            lost_race = True
        if code is not None and not lost_race:
            raise startup_error(code, log(), options)
        time.sleep(_POLL_S)
    if not lost_race:
        process.terminate()
    raise StateUnusable(
        f"no answer within {START_TIMEOUT_S:.0f} s",
        attempted="start the tabib daemon",
        target=options.socket_path,
        advice=f"Its log is {paths.log_path(options.state_dir)}.",
    )


def _answers(address: DaemonAddress) -> bool:
    try:
        return version_of(address) is not None
    except TabibError:
        return False


def startup_error(code: int, log: str, options: DaemonOptions) -> TabibError:
    """The error of a daemon that ended with ``code`` before it answered.

    The daemon writes its fatal error as JSON on the last line; without one, its last words.
    """
    lines = [line for line in log.splitlines() if line.strip()]
    if lines:
        try:
            wire = json.loads(lines[-1])
        except ValueError:
            wire = None
        if isinstance(wire, dict) and "kind" in wire and "happened" in wire:
            return from_wire(wire)
    if code == paths.NO_ROOM_TO_SAY:
        return StateUnusable(
            "nothing is free on its disk, not even room for the daemon's log",
            attempted="use the state folder",
            target=options.state_dir,
            advice="Free space there, or name another folder with --state-dir.",
            details={"code": "full"},
        )
    last = " | ".join(lines[-3:])[-400:]
    return Bug(
        f"it ended with code {code}" + (f": {last}" if last else ""),
        attempted="start the tabib daemon",
        advice=f"Its log is {paths.log_path(options.state_dir)}.",
    )


def _read_from(path: str, offset: int) -> str:
    try:
        with open(path, "rb") as file:
            file.seek(offset)
            return file.read()[-20_000:].decode("utf-8", "replace")
    except OSError:
        return ""
