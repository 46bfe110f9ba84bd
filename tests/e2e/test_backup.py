"""Snapshots as a person takes and reads them: the real command and daemon, on a real engine."""

from __future__ import annotations

import io
import os
import random
import signal
import tarfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from support.installation import COMMAND, Installation, until
from support.real_engine import ensure_images
from support.terminal import at_terminal

pytestmark = [pytest.mark.root, pytest.mark.slow]

CREDENTIAL = "canary-credential-5up3r"
DB_PASSWORD = "canary-database-5up3r"
SHOP = f"""
x-tabib:
  backup:
    schedule: never
    drill: never
    before_change: never
    repositories:
      - url: %(repository)s
        environment: {{AWS_SECRET_ACCESS_KEY: {CREDENTIAL}}}
services:
  db:
    image: postgres:15
    environment: {{POSTGRES_PASSWORD: {DB_PASSWORD}}}
    volumes: ["db-data:/var/lib/postgresql/data"]
    healthcheck:
      test: ["CMD-SHELL", "pg_isready -q -h 127.0.0.1 -U postgres"]
      interval: 0.5s
      start_period: 60s
  app:
    image: postgres:15
    init: true
    environment: {{PGPASSWORD: {DB_PASSWORD}, PGHOST: db, PGUSER: postgres}}
    depends_on: {{db: {{condition: service_healthy}}}}
    x-tabib: {{backup: false}}
    command:
      - sh
      - -c
      - |
        psql -qc 'create table if not exists orders (id bigserial primary key, at text)'
        while :; do
          psql -qtAc "insert into orders (at) values (now())" >/dev/null 2>&1
        done
  files:
    image: busybox:1.36
    init: true
    command:
      - sh
      - -c
      - mkdir -p /data/in; echo hello > /data/in/word; n=0;
        while :; do n=$$((n+1)); echo $$n > /data/in/$$((n%%100)); done
    volumes: ["uploads:/data"]
volumes: {{db-data: {{}}, uploads: {{}}}}
"""
STILL = """
x-tabib:
  backup:
    {schedule: never, drill: never, before_change: never, together: true, keep: {last: 100}}
services:
  files:
    image: busybox:1.36
    init: true
    command:
      - sh
      - -c
      - head -c %(bytes)s /dev/urandom > /data/much; n=0;
        while :; do n=$$((n+1)); echo $$n > /data/$$((n%%100)); sleep 0.2; done
    volumes: ["uploads:/data"]
volumes: {uploads: {}}
"""
CONTRACT = {
    "id", "project", "services", "volumes", "taken_at", "trigger", "consistent", "size_bytes",
    "verified_at", "repository",
}  # fmt: skip
SAMPLE = random.Random(20_26)
DEATHS = int(os.environ.get("DEATHS", "4"))


@pytest.fixture(autouse=True)
def _images() -> None:
    ensure_images("restic/restic:0.18.1", "postgres:15")


def helpers(tabib: Installation) -> list[str]:
    return tabib.helpers()


def paused(tabib: Installation) -> list[str]:
    return [name for name, one in tabib.containers().items() if one["State"] == "paused"]


def snapshots(tabib: Installation) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = tabib("-p", tabib.prefix, "snapshots", "--json").json
    return found


def key_of(tabib: Installation) -> str:
    return (tabib.state / "keys" / "repository.key").read_text().strip()


@contextmanager
def watching_arguments(*secrets: str) -> Iterator[list[str]]:
    """Command lines of any process, seen while the block runs, that hold one of ``secrets``."""
    found: list[str] = []
    over = threading.Event()

    def watch() -> None:
        while not over.is_set():
            for pid in filter(str.isdigit, os.listdir("/proc")):
                try:
                    words = Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace")
                except OSError:
                    continue
                found.extend(words for secret in secrets if secret in words)
            time.sleep(0.005)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield found
    finally:
        over.set()
        thread.join()


def leaks(state: Path, *secrets: str) -> list[str]:
    """Files of the state folder that hold a secret, but for the key's own and users' data."""
    found = []
    for file in state.rglob("*"):
        inside = file.relative_to(state).parts[0]
        if inside in ("keys", "volumes", "backups") or not file.is_file():
            continue
        content = file.read_bytes()
        found += [f"{secret} in {file}" for secret in secrets if secret.encode() in content]
    return found


# ── as a person takes and reads them ───────────────────────────────────────────────────────────


def test_a_backup_under_writes_and_all_that_can_be_read_of_it(
    tabib: Installation, tmp_path: Path
) -> None:
    repository = tmp_path / "repository"
    folder = tabib.project(tmp_path / "p", SHOP % {"repository": repository})
    tabib("up", cwd=folder).well()
    plan = tabib("backup", "--plan", cwd=folder).ended(0, "2 of 3 data sets", "by PostgreSQL")
    assert "made by the first backup" in plan.out
    assert not repository.exists() or not any(repository.iterdir()), "to look makes nothing"

    # The first, at a terminal: the key is shown.
    code, shown = at_terminal([str(COMMAND), "backup"], cwd=folder, env=tabib.env)
    assert code == 0, shown
    key = key_of(tabib)
    assert shown.count(key) == 1
    assert "outside of this machine" in shown
    assert f"snapshot {snapshots(tabib)[0]['id']}" in shown

    # The second, by a program: no key, no word of it in any command line.
    with watching_arguments(key, CREDENTIAL, DB_PASSWORD) as seen:
        done = tabib("backup", cwd=folder).ended(0, "data      db-data  copying", "db-data  copied")
    assert seen == []
    assert key not in done.out + done.err
    assert "nobody has seen the key" not in done.err

    newest, oldest = rows = snapshots(tabib)
    assert set(newest) >= CONTRACT
    assert all(row["trigger"] == "manual" and row["complete"] for row in rows)
    assert newest["repository"] == str(repository)
    assert newest["consistencies"] == {"db-data": "database", "uploads": "live"}
    assert newest["added_bytes"] < oldest["added_bytes"], "what is there already is not added again"
    table = tabib("snapshots", cwd=folder).ended(0, newest["id"], "by hand", "not verified")
    assert "PROJECT" not in table.out
    tabib("snapshot", newest["id"]).ended(0, "postgres 15", "1 table with")

    # What is in it.
    id = newest["id"][:6]
    tabib("snapshot", id, "ls").ended(0, "db-data", "uploads/")
    tabib("snapshot", id, "ls", "uploads/in").ended(0, "uploads/in/word", "-rw-r--r--")
    assert tabib("snapshot", id, "cat", "uploads/in/word").well().out == "hello\n"
    out = tmp_path / "out"
    out.mkdir()
    tabib("snapshot", id, "export", "-o", str(out)).ended(0, "wrote", "2 files")
    assert len(os.listdir(out)) == 2
    [base] = [one for one in out.iterdir() if one.name.endswith("base.tar")]
    with tarfile.open(base) as archive:
        assert {"PG_VERSION", "backup_label"} <= {one.lstrip("./") for one in archive.getnames()}
    [tree] = [one for one in out.iterdir() if one != base]
    with tarfile.open(tree) as archive:
        word = next(one for one in archive if one.name.endswith("in/word"))
        assert (archive.extractfile(word) or io.BytesIO()).read() == b"hello\n"

    # What is not there.
    tabib("snapshot", "zz").ended(2, "no such snapshot", "tabib snapshots")
    tabib("snapshot", id, "cat", "uploads/in/wort").ended(2, "Did you mean uploads/in/word?")
    tabib("snapshot", id, "ls", "upload").ended(2, "db-data, uploads")
    tabib("backup", "fils", cwd=folder).ended(2, "Did you mean files?")
    tabib("-p", f"{tabib.prefix}x", "backup").ended(2, "no such project", "Did you mean")
    tabib("-p", tabib.prefix, "backup", "app").ended(2, "nothing of app holds data", "--plan")

    # The key once more, and the repository by itself.
    tabib("backup", "--key").ended(3, "no terminal")
    code, refused = at_terminal([str(COMMAND), "backup", "--key"], cwd=folder, env=tabib.env)
    assert (code, key in refused) == (3, False)
    assert tabib("backup", "--key", "--yes").well().out == f"{key}\n"
    (tmp_path / "key").write_text(key)
    args = ("snapshots", "--repository", str(repository), "--json")
    read = tabib(*args, "--key-file", str(tmp_path / "key")).json
    assert [one["id"] for one in read] == [one["id"] for one in rows]
    (tmp_path / "wrong").write_text("not-the-key-at-all")
    tabib(*args, "--key-file", str(tmp_path / "wrong")).ended(4, "key")

    # Held, let go.
    tabib("snapshot", id, "--hold").well()
    tabib("snapshot", id, "rm").ended(3, "rm --yes")
    tabib("snapshot", id, "rm", "--yes").ended(3, "held")
    tabib("snapshot", id, "--unhold").well()
    tabib("snapshot", id, "rm", "--yes").well()
    tabib("snapshot", oldest["id"], "rm", "--yes").ended(3, "last good copy")
    assert [one["id"] for one in snapshots(tabib)] == [oldest["id"]]

    # No secret is told anywhere.
    tabib("backup", "--plan", "--json", cwd=folder).well()
    said = [
        tabib(*words, cwd=folder).out
        for words in (
            ("backup", "--plan", "--json"),
            ("snapshots", "--json"),
            ("snapshot", oldest["id"], "--json"),
            ("report", "--project", tabib.prefix, "--format", "json", "-o", "-"),
            ("incidents", "--all", "--json"),
            ("events", "--json"),
            ("processes", "--json"),
        )
    ]
    for secret in (key, CREDENTIAL, DB_PASSWORD):
        assert not [text[:80] for text in said if secret in text], secret
    assert leaks(tabib.state, key, CREDENTIAL) == []
    assert helpers(tabib) == []


# ── ends that nobody wished for ────────────────────────────────────────────────────────────────


def test_ctrl_c_in_the_middle_leaves_nothing(tabib: Installation, tmp_path: Path) -> None:
    folder = tabib.project(tmp_path / "p", STILL % {"bytes": 300_000_000})
    tabib("up", cwd=folder).well()
    backup = tabib.begin("backup", cwd=folder)
    until(lambda: helpers(tabib), 30, "the first helper")
    time.sleep(1.0)
    begun = time.monotonic()
    os.kill(backup.pid, signal.SIGINT)
    said, _ = backup.communicate(timeout=60)
    assert time.monotonic() - begun < 10
    assert backup.returncode == 130, said
    assert "Traceback" not in said
    assert (helpers(tabib), paused(tabib), snapshots(tabib)) == ([], [], [])
    tabib("backup", cwd=folder, timeout_s=240).well()
    assert len(snapshots(tabib)) == 1
    assert paused(tabib) == []


@pytest.mark.timeout(900)
def test_a_daemon_that_is_killed_at_any_moment_of_a_backup(
    tabib: Installation, tmp_path: Path
) -> None:
    folder = tabib.project(tmp_path / "p", STILL % {"bytes": 5_000_000})
    tabib("up", cwd=folder).well()
    first = tabib("backup", cwd=folder, timeout_s=240).well()
    key = tmp_path / "key"
    key.write_text(key_of(tabib))
    stood_still = 0
    for death in range(DEATHS):
        pid = tabib.pid
        backup = tabib.begin("backup", cwd=folder)
        moment = SAMPLE.uniform(0.1, first.seconds * 0.9)
        time.sleep(moment)
        os.kill(pid, signal.SIGKILL)
        said, _ = backup.communicate(timeout=60)
        assert "Traceback" not in said, said
        stood_still += bool(paused(tabib))
        told = f"death {death} after {moment:.2f} s: {said}"
        before = {one["id"] for one in snapshots(tabib)}
        again = tabib("backup", cwd=folder, timeout_s=240)
        if "unable to freeze" in again.err:  # runc gives up on a machine that is short of CPU.
            again = tabib("backup", cwd=folder, timeout_s=240)
        again.well()
        print(f"{told.splitlines()[0]}; the next took {again.seconds:.1f} s")
        after = snapshots(tabib)
        # One more where the last one was whole, and its daemon died before it wrote that down.
        assert len(after) - len(before) in (1, 2), told
        assert all(one["complete"] and one["volumes"] == ["uploads"] for one in after), told
        assert paused(tabib) == [], told
        assert helpers(tabib) == [], told
        assert tabib.running(f"{tabib.prefix}-files-1"), told
    # What the repository tells itself is what is listed: nothing half, nothing unknown.
    repository = snapshots(tabib)[0]["repository"]
    words = ("--repository", repository, "--key-file", str(key), "--json")
    stored = tabib("snapshots", *words, timeout_s=300).json
    assert {one["id"] for one in stored} == {one["id"] for one in snapshots(tabib)}
    for one in snapshots(tabib)[:2]:
        tabib("snapshot", one["id"], "ls", "uploads").ended(0, "uploads/much")
    assert tabib.incidents(tabib.prefix) == []


MOVED = """
x-tabib: {backup: {schedule: never, drill: never, before_change: never, repository: %s}}
services:
  files:
    image: busybox:1.36
    init: true
    command: [sleep, "1000000"]
    volumes: ["uploads:/data"]
volumes: {uploads: {}}
"""


def test_another_repository_in_the_file_is_used_from_the_next_up_on(
    tabib: Installation, tmp_path: Path
) -> None:
    folder = tabib.project(tmp_path / "moved", MOVED % f"{tmp_path}/first")
    tabib("up", cwd=folder).well()
    tabib("backup", cwd=folder).well()
    tabib.project(folder, MOVED % f"{tmp_path}/second")
    said = tabib("up", cwd=folder).well().err
    assert "nothing to do, 1 container running; release 2" in said
    assert f"to {tmp_path}/second" in tabib("backup", cwd=folder).well().err
    assert "release" not in tabib("up", cwd=folder).well().err
