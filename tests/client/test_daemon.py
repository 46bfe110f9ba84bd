"""Starting the daemon, agreeing with it, and leaving nothing behind."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.patience import Patience, outcome
from support.protocol import Answer, Asked, ProtocolServer, of_json
from tabib import __version__
from tabib.client import daemon
from tabib.client.daemon import DaemonOptions, startup_error, version_of
from tabib.model import errors, paths

TIMEOUT_S = 60


class Home:
    """A state folder, and the command with it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.options = DaemonOptions(state_dir=str(folder))

    def launch(self, *argv: str, **more: Any) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "tabib", "--state-dir", str(self.folder), *argv],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more,
        )  # fmt: skip

    def run(self, *argv: str) -> tuple[int, str, str]:
        process = self.launch(*argv)
        out, err = outcome(process, TIMEOUT_S)
        return process.returncode, out, err

    def version(self) -> dict[str, Any]:
        found = version_of(self.options.address)
        assert found is not None
        return dict(found)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    monkeypatch.delenv("TABIB_HOST", raising=False)
    found = Home(tmp_path / "state")
    yield found
    try:
        daemon.stop(found.options.address)
    except errors.TabibError:
        assert version_of(found.options.address) is None


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False


def gone(pid: int) -> bool:
    patience = Patience(TIMEOUT_S)
    while alive(pid) and not patience.over:
        time.sleep(0.05)
    return not alive(pid)


@pytest.mark.parametrize("taken", ["journal", "everything"])
def test_a_daemon_whose_state_was_taken_away_ends(home: Home, taken: str) -> None:
    """It would go on acting, on a journal that nobody can read, and answer to nobody."""
    home.run("daemon", "start")
    pid = home.version()["pid"]
    time.sleep(2.5)
    assert alive(pid)
    if taken == "journal":
        (home.folder / "journal.sqlite3").unlink()
    else:
        shutil.rmtree(home.folder)
    assert gone(pid)
    assert home.run("daemon", "start")[0] == 0


def test_once_there_is_room_again_it_acts_again_within_seconds(home: Home) -> None:
    home.run("daemon", "start")
    reserve = home.folder / "reserve"
    reserve.unlink()  # what a full disk makes the daemon do
    patience = Patience(12)
    while not reserve.exists() and not patience.over:
        time.sleep(0.1)
    assert reserve.exists()


def test_start_status_stop(home: Home) -> None:
    assert home.run("daemon", "status")[0] == 1
    code, _, err = home.run("daemon", "start")
    assert code == 0
    assert err.startswith("starting the tabib daemon … (")
    version = home.version()
    assert (version["version"], version["background"]) == (__version__, True)
    # It is in a session of its own: closing the terminal does not reach it.
    assert os.getsid(version["pid"]) == version["pid"]
    assert "starting" not in home.run("daemon", "start")[2]
    assert home.version()["pid"] == version["pid"]
    assert json.loads(home.run("daemon", "status", "--json")[1])["pid"] == version["pid"]
    assert f"pid {version['pid']}" in home.run("daemon", "stop", "--dry-run")[1]
    assert home.run("daemon", "stop")[2] == "the daemon has stopped\n"
    assert gone(version["pid"])
    assert home.run("daemon", "stop")[2] == "no daemon runs\n"


def test_commands_at_once_start_one_daemon(home: Home) -> None:
    commands = [home.launch("daemon", "start") for _ in range(4)]
    ended = [(outcome(c, TIMEOUT_S)[1], c.returncode) for c in commands]
    assert [code for _, code in ended] == [0, 0, 0, 0], ended
    pid = home.version()["pid"]
    running = subprocess.run(
        ["pgrep", "-f", "--", f"--state-dir {home.folder} daemon run"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert [int(found) for found in running.stdout.split()] == [pid]


def test_a_background_daemon_of_another_version_is_replaced(home: Home) -> None:
    home.folder.mkdir()
    old = ProtocolServer(home.options.socket_path, version="0.0.1")

    def stop(_: Asked) -> Answer:
        def leave() -> None:
            old.close()
            os.unlink(home.options.socket_path)

        threading.Thread(target=leave).start()
        return of_json({})

    old.on("POST /v1/daemon/stop", stop)
    code, _, err = home.run("daemon", "start")
    assert code == 0
    assert f"replacing the tabib daemon 0.0.1 by {__version__}" in err
    assert home.version()["version"] == __version__


def test_an_installed_daemon_of_another_version_is_named(home: Home) -> None:
    home.folder.mkdir()
    old = ProtocolServer(home.options.socket_path, version="0.0.1")
    old.on("GET /v1/version", {"version": "0.0.1", "background": False, "pid": 1})
    try:
        code, _, err = home.run("ls")
    finally:
        old.close()
        os.unlink(home.options.socket_path)
    assert code == 3
    assert "it is version 0.0.1" in err
    assert "systemctl restart tabib" in err


def test_a_socket_that_a_dead_daemon_left_is_no_obstacle(home: Home) -> None:
    home.run("daemon", "start")
    pid = home.version()["pid"]
    os.kill(pid, signal.SIGKILL)
    assert gone(pid)
    assert Path(home.options.socket_path).exists()
    assert home.run("daemon", "start")[0] == 0
    assert home.version()["pid"] != pid


def test_a_state_folder_that_cannot_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TABIB_HOST", raising=False)
    (tmp_path / "file").write_text("")
    code, _, err = Home(tmp_path / "file" / "state").run("ls")
    assert code == 8
    assert "--state-dir" in err


def test_the_daemons_own_reason_is_shown(home: Home) -> None:
    home.run("daemon", "start")
    home.run("daemon", "stop")
    journal = sqlite3.connect(home.folder / "journal.sqlite3")
    journal.execute("PRAGMA user_version = 9999")
    journal.commit()
    journal.close()
    code, _, err = home.run("ls")
    assert code == 8, err
    assert "format" in err
    assert "Traceback" not in err


def test_last_words_without_json() -> None:
    options = DaemonOptions(state_dir="/s")
    error = startup_error(1, "one\nModuleNotFoundError: no module\n", options)
    assert isinstance(error, errors.Bug)
    assert "ModuleNotFoundError: no module" in error.happened
    assert paths.log_path("/s") in error.advice
    wire = errors.StateUnusable("it is full", target="/s").to_wire()
    kept = startup_error(1, "noise\n" + json.dumps(wire) + "\n", options)
    assert (type(kept), kept.happened) == (errors.StateUnusable, "it is full")
    full = startup_error(paths.NO_ROOM_TO_SAY, '{"kind": "state_un', options)
    assert isinstance(full, errors.StateUnusable)
    assert "free" in full.happened


@pytest.mark.engine
def test_no_daemon_leaves_nothing_running(home: Home) -> None:
    code, out, err = home.run("--no-daemon", "ls", "--json")
    assert code == 0, err
    assert isinstance(json.loads(out), list)
    assert version_of(home.options.address) is None
    assert private_daemons(home) == []


@pytest.mark.engine
def test_a_private_daemon_ends_with_a_command_that_is_killed(home: Home) -> None:
    command = home.launch("--no-daemon", "-p", "tbnothing", "logs", "-f")
    deadline = time.monotonic() + TIMEOUT_S
    try:
        while not (found := private_daemons(home)) and time.monotonic() < deadline:
            time.sleep(0.05)
    finally:
        command.kill()
        command.communicate()
    assert len(found) == 1
    assert gone(found[0])


def private_daemons(home: Home) -> list[int]:
    running = subprocess.run(
        ["pgrep", "-f", "--", f"--state-dir {home.folder} daemon run --private"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return [int(found) for found in running.stdout.split()]
