"""The daemon's life, and what signals and closed terminals do to an operation."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest
from setup import engine_api

from support.installation import COMMAND, Installation, until
from support.patience import Patience, outcome
from tabib.client.waiting import wait_for

SLEEPER = """
services:
  main:
    image: busybox:1.36
    command: ["sleep", "3600"]
    init: true
"""
UNWATCHED = """
services:
  crashes:
    image: busybox:1.36
    command: ["sh", "-c", "trap 'exit 9' USR1; while :; do sleep 0.1; done"]
    healthcheck: {test: ["CMD", "true"], interval: 1s}
  killed:
    image: busybox:1.36
    command: ["sleep", "3600"]
    init: true
  well:
    image: busybox:1.36
    command: ["sleep", "3600"]
    init: true
"""
# Healthy once a person says so: the file is made from outside.
SLOW = """
services:
  first:
    image: busybox:1.36
    command: ["sleep", "3600"]
    init: true
    healthcheck: {test: ["CMD", "test", "-e", "/ok"], interval: 0.2s, start_period: 300s}
  second:
    image: busybox:1.36
    command: ["sleep", "3600"]
    init: true
    depends_on: {first: {condition: service_healthy}}
"""
BACK_S = 60.0


def daemons(tabib: Installation) -> list[int]:
    """Every process that is a daemon of this installation."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0") if entry.name.isdigit() else []
        except OSError:
            continue
        if b"daemon" in words and b"run" in words and str(tabib.state).encode() in words:
            found.append(int(entry.name))
    return found


def test_two_commands_at_once_start_one_daemon(tabib: Installation) -> None:
    assert tabib("daemon", "status").code == 1
    running = [tabib.begin("ls", "-a", "--json") for _ in range(4)]
    outputs = [(outcome(one, BACK_S)[0], one.returncode) for one in running]
    assert all(code == 0 for _, code in outputs), outputs
    assert len(daemons(tabib)) == 1
    pid = tabib.pid
    assert "starting" not in tabib("ls").well().err
    assert tabib.pid == pid


def test_start_status_stop(tabib: Installation) -> None:
    tabib("daemon", "start").ended(0, "answers at", str(tabib.state / "tabib.sock"))
    status = tabib("daemon", "status", "--json").json
    assert status.keys() >= {"version", "pid", "started_at", "engines", "state", "memory_bytes"}
    assert status["state"]["dir"] == str(tabib.state)
    assert daemons(tabib) == [status["pid"]]
    tabib("daemon", "status").ended(0, str(status["pid"]))
    tabib("daemon", "start").well()
    assert tabib.pid == status["pid"], "a second start changes nothing"
    tabib("daemon", "stop").ended(0, "stopped")
    tabib("daemon", "start").ended(0, "answers at")
    assert tabib.pid != status["pid"], "stopped means gone: a new one can start at once"
    tabib("daemon", "stop").well()
    until(lambda: daemons(tabib) == [], BACK_S, "the end of the process")
    tabib("daemon", "stop").ended(0, "no daemon")
    assert tabib("daemon", "status", "--json").ended(1).out.strip() == "null"


@pytest.mark.root
def test_a_daemon_that_is_killed_harms_nothing(tabib: Installation, tmp_path: Path) -> None:
    folder = tabib.project(tmp_path / "p", UNWATCHED)
    name = tabib.prefix
    tabib("up", cwd=folder).well()
    before = {one: found["Id"] for one, found in tabib.containers(name).items()}
    tabib.kill_daemon()
    assert all(tabib.running(one) for one in before), "containers run on"
    _signal_from_host(tabib, f"{name}-crashes-1", signal.SIGUSR1)
    until(lambda: not tabib.running(f"{name}-crashes-1"), BACK_S, "the crash")
    tabib.engine.call("POST", f"/containers/{name}-killed-1/kill")
    assert not tabib.running(f"{name}-killed-1")

    # The next command starts the next daemon, which looks at what it had running.
    rows = tabib("ps", "-a", "--json", cwd=folder).json
    assert {row["service"] for row in rows} == {"crashes", "killed", "well"}
    until(lambda: tabib.running(f"{name}-crashes-1"), BACK_S, "the crashed one again")

    def told() -> dict[str, dict[str, object]] | None:
        found = {one["service"]: one for one in tabib.incidents(name)}
        ended = all(one["outcome"] != "open" for one in found.values())
        return found if len(found) == 2 and ended else None

    incidents = until(told, BACK_S, "both incidents' ends")
    assert incidents["crashes"]["outcome"] == "recovered"
    assert incidents["crashes"]["cause"]["code"] == "exit.app-error"  # type: ignore[index]
    assert incidents["killed"]["outcome"] == "needs_human", "by hand or not: nobody knows"
    offered = incidents["killed"]["treatments"][-1]  # type: ignore[index]
    assert (offered["action"], offered["outcome"]) == ("start", "offered")
    assert not tabib.running(f"{name}-killed-1")
    tabib("up", cwd=folder).well()
    assert tabib.running(f"{name}-killed-1")
    after = {one: found["Id"] for one, found in tabib.containers(name).items()}
    assert after == before, "nothing was recreated"


def test_a_private_daemon_leaves_nothing_running(
    tabib: Installation, engine: engine_api.Engine, tmp_path: Path
) -> None:
    folder = tabib.project(tmp_path / "p", SLEEPER)
    tabib("--no-daemon", "up", cwd=folder).well()
    name = f"{tabib.prefix}-main-1"
    assert tabib.running(name)
    assert daemons(tabib) == []
    assert [r["name"] for r in tabib("--no-daemon", "ps", "--json", cwd=folder).json] == [name]
    assert daemons(tabib) == []
    other = Installation(tmp_path / "s2", engine)
    try:
        other("--no-daemon", "up", cwd=folder).ended(3, "→")
        assert [r["name"] for r in other("--no-daemon", "ps", "--json", cwd=folder).json] == [name]
        assert daemons(other) == []
    finally:
        other.clear()
    tabib("--no-daemon", "down", cwd=folder).well()
    assert tabib.inspect(name) is None
    assert daemons(tabib) == []


def test_a_private_daemon_is_refused_beside_a_living_one(
    tabib: Installation, tmp_path: Path
) -> None:
    folder = tabib.project(tmp_path / "p", SLEEPER)
    tabib("up", cwd=folder).well()
    pid = tabib.pid
    for words in (("up",), ("down",), ("stop",)):
        tabib("--no-daemon", *words, cwd=folder).ended(3, str(pid), "→")
    assert tabib.running(f"{tabib.prefix}-main-1")
    assert daemons(tabib) == [pid]


# ── signals ────────────────────────────────────────────────────────────────────────────────────


def test_ctrl_c_stops_at_a_safe_step_and_up_goes_on(tabib: Installation, tmp_path: Path) -> None:
    folder = tabib.project(tmp_path / "p", SLOW)
    first, second = f"{tabib.prefix}-first-1", f"{tabib.prefix}-second-1"
    up = tabib.begin("up", cwd=folder)
    until(lambda: tabib.running(first), BACK_S, "the first container")
    os.kill(up.pid, signal.SIGINT)
    said, _ = outcome(up, BACK_S)
    assert up.returncode == 130, said
    assert "Traceback" not in said
    assert "stop" in said
    assert tabib.running(first), "what was done stays"
    assert not tabib.running(second)
    before = (tabib.inspect(first) or {})["Id"]
    _let(tabib, folder)
    tabib("up", cwd=folder).well()
    assert tabib.running(second)
    assert (tabib.inspect(first) or {})["Id"] == before
    assert len(tabib.containers(tabib.prefix)) == 2


def test_sigterm_stops_likewise(tabib: Installation, tmp_path: Path) -> None:
    folder = tabib.project(tmp_path / "p", SLOW)
    up = tabib.begin("up", cwd=folder)
    until(lambda: tabib.running(f"{tabib.prefix}-first-1"), BACK_S, "the first container")
    os.kill(up.pid, signal.SIGTERM)
    said, _ = outcome(up, BACK_S)
    assert up.returncode == 143, said
    assert "Traceback" not in said
    # Nothing holds the project: the next operation does not wait.
    tabib("--no-wait", "down", "-t", "0", cwd=folder).well()


def test_closing_the_terminal_does_not_stop_it(tabib: Installation, tmp_path: Path) -> None:
    folder = tabib.project(tmp_path / "p", SLOW)
    first, second = f"{tabib.prefix}-first-1", f"{tabib.prefix}-second-1"
    master, slave = os.openpty()
    up = subprocess.Popen(
        [str(COMMAND), "up"],
        cwd=folder,
        env=tabib.env,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        preexec_fn=lambda: _take_terminal(),
    )
    os.close(slave)
    drained = _drain(master, lambda: tabib.running(first))
    assert drained, "the display says something"
    os.close(master)  # the terminal's window is closed: the kernel sends SIGHUP
    until(lambda: up.poll() is not None, BACK_S, "the command's end")
    assert not tabib.running(second)
    _let(tabib, folder)
    until(lambda: tabib.running(second), BACK_S, "the operation's end, with nobody looking on")
    tabib("up", cwd=folder).ended(0, "nothing to do")


def test_a_second_operation_waits_its_turn(tabib: Installation, tmp_path: Path) -> None:
    folder = tabib.project(tmp_path / "p", SLOW)
    up = tabib.begin("up", cwd=folder)
    until(lambda: tabib.running(f"{tabib.prefix}-first-1"), BACK_S, "the first container")
    tabib("--no-wait", "down", cwd=folder).ended(3, tabib.prefix, "→")
    down = tabib.begin("down", "-t", "0", cwd=folder)
    assert down.stdout is not None
    assert "wait" in down.stdout.readline().lower()
    _let(tabib, folder)
    said, _ = outcome(up, BACK_S)
    assert up.returncode == 0, said
    said, _ = outcome(down, BACK_S)
    assert down.returncode == 0, said
    assert not tabib.containers(tabib.prefix)


def test_the_daemon_killed_during_up(tabib: Installation, tmp_path: Path) -> None:
    folder = tabib.project(tmp_path / "p", SLOW)
    up = tabib.begin("up", cwd=folder)
    until(lambda: tabib.running(f"{tabib.prefix}-first-1"), BACK_S, "the first container")
    before = (tabib.inspect(f"{tabib.prefix}-first-1") or {})["Id"]
    tabib.kill_daemon()
    said, _ = outcome(up, BACK_S)
    assert up.returncode == 5, said
    assert "Traceback" not in said
    assert "→" in said
    _let(tabib, folder)
    tabib("up", cwd=folder).well()
    assert tabib.running(f"{tabib.prefix}-second-1")
    assert (tabib.inspect(f"{tabib.prefix}-first-1") or {})["Id"] == before
    assert len(tabib.containers(tabib.prefix)) == 2


def _signal_from_host(tabib: Installation, container: str, number: signal.Signals) -> None:
    inspection = tabib.inspect(container)
    assert inspection is not None
    os.kill(int(inspection["State"]["Pid"]), number)


def _let(tabib: Installation, folder: Path) -> None:
    """Let the first service become healthy."""
    tabib("exec", "-T", "first", "touch", "/ok", cwd=folder).well()


def _take_terminal() -> None:
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    # Of tests that were started by `nohup`, it would ignore what it is to be told.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def _drain(master: int, done: object) -> bytes:
    """Read the terminal until ``done()``, as a person's window does."""
    assert callable(done)
    patience = Patience(BACK_S)
    found = b""
    while not (found and done()) and not patience.over:
        if wait_for([master], timeout_s=0.05).reading:
            found += os.read(master, 65536)
    return found
