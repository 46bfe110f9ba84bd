"""Bad input: its exit code, what is wrong in words, what to do next, and nothing half-done."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from setup import engine_api

from support.installation import Installation

SLEEPER = """
services:
  main:
    image: busybox:1.36
    command: ["sleep", "3600"]
    init: true
"""
PUBLISHED = """
services:
  web:
    image: busybox:1.36
    command: ["sleep", "3600"]
    init: true
    ports: ["{port}:80"]
"""
NOBODY = 65534


# ── the file ───────────────────────────────────────────────────────────────────────────────────


def test_no_file(tabib: Installation, tmp_path: Path) -> None:
    tabib("up", cwd=tmp_path).ended(4, "no Compose file in", "→", "-f")
    tabib("up", "-f", "elsewhere.yaml", cwd=tmp_path).ended(4, "elsewhere.yaml", "→")


def test_a_service_without_image(tabib: Installation, tmp_path: Path) -> None:
    folder = tabib.project(tmp_path / "p", "services:\n  main:\n    command: [sleep, '1']\n")
    tabib("up", cwd=folder).ended(4, "main", "image")
    assert not tabib.containers()


def test_a_dependency_cycle_is_printed(tabib: Installation, tmp_path: Path) -> None:
    text = "services:\n" + "".join(
        f"  {name}: {{image: busybox:1.36, depends_on: [{other}]}}\n"
        for name, other in (("one", "two"), ("two", "three"), ("three", "one"))
    )
    folder = tabib.project(tmp_path / "p", text)
    tabib("up", cwd=folder).ended(4, "compose.yaml:3:", "one → two → three → one", "  → ")


def test_an_unknown_key_is_shown_where_it_stands(tabib: Installation, tmp_path: Path) -> None:
    text = "services:\n  main:\n    image: busybox:1.36\n    enviroment: {A: b}\n"
    folder = tabib.project(tmp_path / "p", text)
    tabib("up", cwd=folder).ended(4, "compose.yaml:5:5", "enviroment", "environment", "→")


def test_yaml_that_is_none_and_a_variable_that_is_missing(
    tabib: Installation, tmp_path: Path
) -> None:
    folder = tabib.project(tmp_path / "p", "services:\n  main: {image: [\n")
    tabib("up", cwd=folder).ended(4, "compose.yaml:")
    text = "services:\n  main:\n    image: ${WANTED:?say which image}\n"
    folder = tabib.project(tmp_path / "q", text)
    tabib("up", cwd=folder).ended(4, "say which image", "WANTED")


def test_one_name_in_two_folders(tabib: Installation, tmp_path: Path) -> None:
    first = tabib.project(tmp_path / "first", SLEEPER)
    tabib("up", cwd=first).well()
    before = tabib.containers()
    second = tabib.project(tmp_path / "second", SLEEPER.replace("main:", "other:"))
    tabib("up", cwd=second).ended(3, "already runs from", str(first), "→", "-p")
    assert {n: c["Id"] for n, c in tabib.containers().items()} == {
        n: c["Id"] for n, c in before.items()
    }
    # The first one's file is gone: its folder was moved, and nobody is in the way.
    (first / "compose.yaml").unlink()
    tabib("up", "--remove-orphans", cwd=second).well()
    assert set(tabib.containers()) == {f"{tabib.prefix}-other-1"}


# ── the world ──────────────────────────────────────────────────────────────────────────────────


def test_a_port_that_another_process_has(
    tabib: Installation, tmp_path: Path, free_port: Callable[[], int]
) -> None:
    port = free_port()
    folder = tabib.project(tmp_path / "p", PUBLISHED.format(port=port))
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", port))
        taken.listen()
        done = tabib("up", cwd=folder).ended(6, str(port), "→")
        assert f"(pid {os.getpid()})" in done.err or f"pid {os.getpid()}" in done.err, str(done)
    tabib("up", cwd=folder).well()
    assert tabib.running(f"{tabib.prefix}-web-1")


def test_a_port_that_another_container_has(
    tabib: Installation, tmp_path: Path, free_port: Callable[[], int]
) -> None:
    port = free_port()
    first = tabib.project(tmp_path / "first", PUBLISHED.format(port=port), name="a")
    tabib("up", cwd=first).well()
    second = tabib.project(tmp_path / "second", PUBLISHED.format(port=port), name="b")
    tabib("up", cwd=second).ended(6, str(port), f"{tabib.prefix}a-web-1", "→")
    assert tabib.running(f"{tabib.prefix}a-web-1")
    tabib("down", cwd=first).well()
    tabib("up", cwd=second).well()


def test_an_image_that_cannot_be_had(tabib: Installation, tmp_path: Path) -> None:
    text = "services:\n  main: {image: '127.0.0.1:1/nothing/here:1'}\n"
    folder = tabib.project(tmp_path / "p", text)
    tabib("up", cwd=folder).ended(6, "127.0.0.1:1/nothing/here:1", "→")
    assert not tabib.containers(), "nothing half-done stays"
    tabib("up", "--pull", "never", cwd=folder).ended(6, "127.0.0.1:1/nothing/here:1", "→")


def test_a_container_that_does_not_get_healthy(tabib: Installation, tmp_path: Path) -> None:
    text = """
services:
  main:
    image: busybox:1.36
    command: ["sh", "-c", "echo I cannot go on; exit 9"]
    restart: "no"
    healthcheck: {test: ["CMD", "true"], interval: 1s}
"""
    folder = tabib.project(tmp_path / "p", text)
    tabib("up", cwd=folder).ended(6, "main-1", "exited with code 9", "I cannot go on", "→")


# ── the engine ─────────────────────────────────────────────────────────────────────────────────


def test_an_engine_that_is_down(engine: engine_api.Engine, tmp_path: Path) -> None:
    dead = tmp_path / "dead.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(dead))
    tabib = Installation(tmp_path / "s", engine, env={"DOCKER_HOST": f"unix://{dead}"})
    try:
        folder = tabib.project(tmp_path / "p", SLEEPER)
        for words in (("up",), ("ps",), ("down",)):
            tabib(*words, cwd=folder).ended(5, str(dead), "→")
        missing = {"DOCKER_HOST": f"unix://{tmp_path}/none.sock"}
        tabib("up", cwd=folder, env=missing).ended(5, "none.sock", "→")
        tabib("config", "-q", cwd=folder).well()
    finally:
        tabib("daemon", "stop").well()
        tabib.sweep()


def test_an_engine_that_never_answers(engine: engine_api.Engine, tmp_path: Path) -> None:
    """A deadline on every call: a command ends with a word, not never."""
    with _silent(tmp_path / "mute.sock") as path:
        tabib = Installation(tmp_path / "s", engine, env={"DOCKER_HOST": f"unix://{path}"})
        try:
            folder = tabib.project(tmp_path / "p", SLEEPER)
            tabib("ps", cwd=folder, timeout_s=60).ended(5, "→")
        finally:
            tabib("daemon", "stop").well()
            tabib.sweep()


@pytest.mark.root
def test_a_user_without_rights_on_the_socket(engine: engine_api.Engine, tmp_path: Path) -> None:
    # Pytest's own folders are the tester's alone.
    base = Path(tempfile.mkdtemp(prefix="tbn"))
    base.chmod(0o755)
    locked = base / "locked.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(locked))
        listener.listen()
        os.chmod(locked, 0o600)
        env = {"DOCKER_HOST": f"unix://{locked}", "HOME": str(base)}
        tabib = Installation(base / "s", engine, env=env, launcher=_as_nobody())
        try:
            for one in (base, base / "s"):
                os.chown(one, NOBODY, NOBODY)
            folder = tabib.project(base / "p", SLEEPER)
            tabib("up", cwd=folder).ended(5, "locked.sock", "docker", "→")
        finally:
            tabib("daemon", "stop").well()
            tabib.sweep()
            shutil.rmtree(base)


def test_a_second_installation_only_looks(
    tabib: Installation, engine: engine_api.Engine, tmp_path: Path
) -> None:
    folder = tabib.project(tmp_path / "p", SLEEPER)
    tabib("up", cwd=folder).well()
    name = f"{tabib.prefix}-main-1"
    second = Installation(tmp_path / "s2", engine)
    try:
        for words in (("up",), ("down",), ("stop",), ("restart",), ("up", "--force-recreate")):
            second(*words, cwd=folder).ended(3, str(tabib.state), "→", "tabib daemon takeover")
        assert [row["name"] for row in second("ps", "--json", cwd=folder).json] == [name]
        before = tabib.inspect(name)
        second("daemon", "takeover", "--dry-run").ended(0, "would take over")
        second("daemon", "takeover").well()
        second("up", cwd=folder).ended(0)
        tabib("up", cwd=folder).ended(3, str(second.state))
        after = tabib.inspect(name)
        assert before
        assert after
        assert before["Id"] == after["Id"], "a take-over recreates nothing"
        second("down", cwd=folder).well()
    finally:
        second.clear()


# ── the state folder ───────────────────────────────────────────────────────────────────────────


@pytest.mark.root
@pytest.mark.parametrize("left_bytes", [448_000, 16_384, 4096])
def test_a_state_folder_that_is_full(
    engine: engine_api.Engine, tmp_path: Path, left_bytes: int
) -> None:
    """Room for nothing: refused before anything is done. A command that only looks still may.

    Down to a log that takes no line: its last words, and why it ended, are then lost as well.
    """
    with _tmpfs(tmp_path / "small", "size=1m") as base:
        tabib = Installation(base / "s", engine)
        try:
            (base / "ballast").write_bytes(bytes(1024 * 1024 - left_bytes))
            folder = tabib.project(tmp_path / "p", SLEEPER)
            tabib("up", cwd=folder).ended(8, str(base), "→", "free")
            assert not tabib.containers()
        finally:
            tabib("daemon", "stop")
            tabib.sweep()


@pytest.mark.root
def test_a_state_folder_with_too_little_room_to_act(
    engine: engine_api.Engine, tmp_path: Path
) -> None:
    with _tmpfs(tmp_path / "small", "size=24m") as base:
        tabib = Installation(base / "s", engine)
        try:
            folder = tabib.project(tmp_path / "p", SLEEPER)
            tabib("up", cwd=folder).ended(8, str(base), "→", "free")
            assert not tabib.containers()
            tabib("ps", cwd=folder).well()
        finally:
            tabib("daemon", "stop").well()
            tabib.sweep()


@pytest.mark.root
def test_a_state_folder_that_is_read_only(engine: engine_api.Engine, tmp_path: Path) -> None:
    with _tmpfs(tmp_path / "ro", "size=1m") as base:
        tabib = Installation(base / "s", engine)
        subprocess.run(["mount", "-o", "remount,ro", str(base)], check=True)
        folder = tabib.project(tmp_path / "p", SLEEPER)
        tabib("up", cwd=folder).ended(8, str(base), "read-only", "→", "TABIB_STATE_DIR")
        tabib("--no-daemon", "ps", cwd=folder).ended(8, str(base))
        assert not tabib.containers()


def test_a_journal_from_a_newer_version(tabib: Installation, tmp_path: Path) -> None:
    folder = tabib.project(tmp_path / "p", SLEEPER)
    tabib("daemon", "start").well()
    tabib("daemon", "stop").well()
    journal = tabib.state / "journal.sqlite3"
    version = _user_version(journal)
    _user_version(journal, version + 1)
    tabib("up", cwd=folder).ended(8, "newer", "→")
    assert not tabib.containers()
    assert _user_version(journal) == version + 1, "what cannot be read is not touched"
    _user_version(journal, version)
    tabib("up", cwd=folder).well()


def test_a_state_folder_that_is_a_file(engine: engine_api.Engine, tmp_path: Path) -> None:
    tabib = Installation(tmp_path / "s", engine)
    (tmp_path / "file").write_text("")
    done = tabib("--state-dir", str(tmp_path / "file"), "ps", "-p", "any")
    done.ended(8, str(tmp_path / "file"), "→")
    shutil.rmtree(tabib.state)


# ── wrong usage ────────────────────────────────────────────────────────────────────────────────


def test_wrong_usage(tabib: Installation, tmp_path: Path) -> None:
    folder = tabib.project(tmp_path / "p", SLEEPER)
    tabib("upp", cwd=folder).ended(2, "upp", "up")
    tabib("up", "--nonsense", cwd=folder).ended(2, "--nonsense", "→")
    tabib("up", "nobody", cwd=folder).ended(2, "nobody", "main")
    tabib("down", "-p", f"{tabib.prefix}none", cwd=tmp_path).ended(2, "no such project", "→")
    tabib("incident", "fffffff", cwd=folder).ended(2, "fffffff", "→")
    tabib("exec", "main", "true", cwd=folder).ended(125, "main", "→")


# ── helpers ────────────────────────────────────────────────────────────────────────────────────


def _as_nobody() -> list[str]:
    """Another user, who may read what the tester may: the interpreter may be in a home folder.

    Connecting to a socket needs the right to write, which this capability does not give.
    """
    reads = "+dac_read_search"
    who = [f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    return ["setpriv", *who, f"--inh-caps={reads}", f"--ambient-caps={reads}"]


def _user_version(database: Path, wanted: int | None = None) -> int:
    connection = sqlite3.connect(database)
    try:
        if wanted is not None:
            connection.execute(f"PRAGMA user_version = {wanted}")
        return int(connection.execute("PRAGMA user_version").fetchone()[0])
    finally:
        connection.close()


@contextmanager
def _tmpfs(folder: Path, options: str) -> Iterator[Path]:
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@contextmanager
def _silent(path: Path) -> Iterator[Path]:
    """A socket that takes connections and says nothing."""
    taken: list[socket.socket] = []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def take() -> None:
            while True:
                try:
                    taken.append(listener.accept()[0])
                except OSError:
                    return

        thread = threading.Thread(target=take, daemon=True)
        thread.start()
        try:
            yield path
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            for one in taken:
                one.close()
