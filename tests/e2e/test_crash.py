"""SIGKILL at random journal entries, on a real engine: the daemon's, and the command's own.

The memory engine has every entry (``tests/operations/test_crash.py``); this is a sample.
"""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from support.installation import Installation, until

SHOP = """
services:
  db:
    image: busybox:1.36
    command: ["sleep", "3600"]
    init: true
    environment: {GENERATION: "%(generation)s"}
    volumes: ["data:/data", "/anonymous"]
    healthcheck: {test: ["CMD", "true"], interval: 0.2s}
  job:
    image: busybox:1.36
    command: ["true"]
    depends_on: {db: {condition: service_healthy}}
  api:
    image: busybox:1.36
    command: ["sleep", "3600"]
    init: true
    environment: {GENERATION: "%(generation)s"}
    depends_on: {job: {condition: service_completed_successfully}}
  web:
    image: busybox:1.36
    command: ["sleep", "3600"]
    init: true
    depends_on: [api]
    volumes: ["/anonymous"]
volumes: {data: {}}
"""
SAMPLE = random.Random(20_26)
LAST_ENTRY = 24
"""Of an ``up`` of this project, roughly: a later death finds it done."""
END_S = 60.0


def shop(tabib: Installation, folder: Path, generation: int) -> Path:
    return tabib.project(folder, SHOP % {"generation": generation})


def entries(tabib: Installation) -> int:
    """How many entries the journal has, read beside the daemon."""
    path = f"file:{tabib.state}/journal.sqlite3?mode=ro"
    with closing(sqlite3.connect(path, uri=True)) as journal:
        found = journal.execute("SELECT count(*) FROM entry").fetchone()
    return int(found[0])


def reach(tabib: Installation, number: int, up: subprocess.Popen[str]) -> None:
    """Return once the journal has ``number`` entries, or the command has ended."""
    deadline = time.monotonic() + END_S
    while entries(tabib) < number and up.poll() is None:
        assert time.monotonic() < deadline, f"entry {number} was never written"


def mounts(tabib: Installation) -> dict[tuple[str, str], str]:
    """(container, target) → volume."""
    found = {}
    for name in tabib.containers(tabib.prefix):
        inspection: dict[str, Any] = tabib.inspect(name) or {}
        found |= {(name, m["Destination"]): m["Name"] for m in inspection["Mounts"]}
    return found


def ids(tabib: Installation) -> dict[str, str]:
    return {name: one["Id"] for name, one in tabib.containers(tabib.prefix).items()}


def check(tabib: Installation, generation: int) -> None:
    """Each container once, under its own name, of this generation, and nothing else happened."""
    prefix = tabib.prefix
    assert set(ids(tabib)) == {f"{prefix}-{name}-1" for name in ("db", "job", "api", "web")}
    for name in ("db", "api", "web"):
        assert tabib.running(f"{prefix}-{name}-1"), name
    for name in ("db", "api"):
        environment = (tabib.inspect(f"{prefix}-{name}-1") or {})["Config"]["Env"]
        assert f"GENERATION={generation}" in environment
    assert tabib.incidents(prefix) == []


@pytest.mark.parametrize("seed", range(2))
def test_a_daemon_killed_at_some_journal_entry(
    tabib: Installation, tmp_path: Path, seed: int
) -> None:
    tabib("daemon", "start").well()
    folder = shop(tabib, tmp_path / "p", 0)
    kept: dict[tuple[str, str], str] = {}
    for generation in range(3):
        shop(tabib, folder, generation)
        number = entries(tabib) + SAMPLE.randrange(1, LAST_ENTRY)
        pid = tabib.pid
        up = tabib.begin("up", cwd=folder)
        reach(tabib, number, up)
        os.kill(pid, signal.SIGKILL)
        said, _ = up.communicate(timeout=END_S)
        assert "Traceback" not in said, said
        tabib("up", cwd=folder).well()
        check(tabib, generation)
        kept = kept or mounts(tabib)
        assert mounts(tabib) == kept, f"killed at entry {number}"
        before = ids(tabib)
        tabib("up", cwd=folder).well()
        assert ids(tabib) == before


def test_a_daemon_that_was_killed_completes_what_it_was_asked(
    tabib: Installation, tmp_path: Path
) -> None:
    """No command asks for it again: one that only looks starts the next daemon."""
    tabib("daemon", "start").well()
    folder = shop(tabib, tmp_path / "p", 0)
    pid = tabib.pid
    up = tabib.begin("up", cwd=folder)
    until(lambda: tabib.running(f"{tabib.prefix}-db-1"), END_S, "the first container")
    os.kill(pid, signal.SIGKILL)
    up.communicate(timeout=END_S)
    tabib("ps", cwd=folder).well()
    until(lambda: tabib.running(f"{tabib.prefix}-web-1"), END_S, "the last container")
    tabib("up", cwd=folder).well()
    check(tabib, 0)
    releases = tabib("-p", tabib.prefix, "releases", "--json").json
    assert {one["verdict"] for one in releases} <= {"good", "pending"}
    assert releases[0]["verdict"] == "good"


def test_a_command_that_is_killed_leaves_the_daemon_to_complete_it(
    tabib: Installation, tmp_path: Path
) -> None:
    tabib("daemon", "start").well()
    folder = shop(tabib, tmp_path / "p", 0)
    for generation in range(3):
        shop(tabib, folder, generation)
        number = entries(tabib) + SAMPLE.randrange(1, 10)
        up = tabib.begin("up", cwd=folder)
        reach(tabib, number, up)
        os.kill(up.pid, signal.SIGKILL)
        up.communicate(timeout=END_S)
        until(
            lambda: tabib("daemon", "status", "--json").json["operations"] == [], END_S, "its end"
        )
        check(tabib, generation)
        before = ids(tabib)
        tabib("up", cwd=folder).well()
        assert ids(tabib) == before
