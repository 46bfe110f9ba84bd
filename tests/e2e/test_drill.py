"""Drills: a good copy is verified by one, a bad one is an incident, and neither leaves anything."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from e2e.test_restore import FILES, SHOP, Shop
from support.installation import Installation, until
from support.real_engine import ensure_images

pytestmark = [pytest.mark.root, pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(autouse=True)
def _images() -> None:
    ensure_images("restic/restic:0.18.1", "postgres:15", "redis:7", "busybox:1.36")


@pytest.fixture
def shop(tabib: Installation, tmp_path: Path) -> Iterator[Callable[..., Shop]]:
    def make(text: str = SHOP) -> Shop:
        return Shop(tabib, tmp_path / "p", text)

    yield make
    tabib("-p", tabib.prefix, "down", "-v", "--yes", timeout_s=120)


def left(it: Shop) -> list[str]:
    """Helpers, and volumes of theirs."""
    found = it.tabib.engine.call("GET", "/volumes", query=[("filters", it.tabib.of_helpers())])
    return [*it.helpers(), *(one["Name"] for one in found.get("Volumes") or ())]


def row(it: Shop, id: str) -> dict[str, Any]:
    (found,) = [one for one in it("snapshots", "--json").json if one["id"] == id]
    return dict(found)


def test_a_good_copy_is_verified_and_nothing_is_left(shop: Callable[..., Shop]) -> None:
    it = shop()
    it("up", timeout_s=180).well()
    it.write("good")
    taken = it.backup()
    before = {name: one["Id"] for name, one in it.tabib.containers(it.name).items()}
    assert row(it, taken)["verified_at"] is None
    (found,) = it("drill", "--json").json
    assert found["id"] == taken
    assert found["verified_at"]
    assert found["drill"]["outcome"] == "passed"
    assert found["drill"]["rto_seconds"] > 0
    assert [one["name"] for one in found["drill"]["phases"]] == ["restore", "check"]
    text = "\n".join(found["drill"]["checks"])
    for part in ("rows: starts", "rows: tables", "cache: starts", "more: files"):
        assert part in text, text
    assert row(it, taken)["verified_at"] == found["verified_at"]
    assert left(it) == []
    assert {n: one["Id"] for n, one in it.tabib.containers(it.name).items()} == before
    assert it.tabib.incidents(it.name) == []
    it("drill", "--all").ended(0, taken, "passed")
    it("drill", "--all", "--snapshot", taken).ended(2)


def test_a_copy_with_a_pack_missing_is_an_incident_until_another_passes(
    shop: Callable[..., Shop],
) -> None:
    it = shop(FILES)
    it("up").well()
    it.sh("keeper", "head -c 3000000 /dev/urandom > /one/much; echo good > /two/word")
    taken = it.backup()
    packs = list((it.tabib.state / "backups" / "repository" / "data").glob("*/*"))
    max(packs, key=lambda one: one.stat().st_size).unlink()
    it("drill").ended(1, "FAILED", taken, "NOT OK")
    assert row(it, taken)["drill"]["outcome"] == "failed"
    assert row(it, taken)["verified_at"] is None
    assert left(it) == []
    (incident,) = it.tabib.incidents(it.name)
    assert (incident["cause"]["code"], incident["outcome"]) == (
        "backup.drill-failed",
        "needs_human",
    )
    assert taken in incident["findings"][0]["evidence"][0]["text"]
    it("restore", "--yes").ended(3, "no good snapshot")
    it.sh("keeper", "head -c 3000000 /dev/urandom > /one/much")
    it.backup()
    it("drill").ended(0, "passed")
    (incident,) = it.tabib.incidents(it.name)
    assert incident["closed_at"]
    assert left(it) == []


def test_a_copy_that_is_not_what_was_counted_fails(shop: Callable[..., Shop]) -> None:
    it = shop()
    it("up", timeout_s=180).well()
    it.write("good")
    taken = it.backup()
    # As if rows had got lost on the way: the record says more than there is.
    it("daemon", "stop").well()
    with sqlite3.connect(it.tabib.state / "journal.sqlite3") as base:
        (text,) = base.execute("select body from snapshot where id = ?", (taken,)).fetchone()
        body = json.loads(text)
        changed = 0
        for part in body["parts"]:
            if part["dataset"]["kind"] == "files":
                part["record"]["files"] += 1
                changed += 1
        assert changed
        base.execute(
            "update snapshot set body = ? where id = ?", (json.dumps(body).encode(), taken)
        )
    base.close()
    it("daemon", "start").well()
    it("drill").ended(1, "NOT OK", "that were copied")
    assert left(it) == []


def test_a_drill_that_is_killed_is_swept_and_proves_nothing(shop: Callable[..., Shop]) -> None:
    it = shop()
    it("up", timeout_s=180).well()
    it.write("good")
    taken = it.backup()
    for after_s in (0.8, 2.5, 4.0):
        began = it.tabib.begin("drill", cwd=it.folder)
        time.sleep(after_s)
        os.kill(it.tabib.pid, signal.SIGKILL)
        began.communicate(timeout=60)
        it("daemon", "start").well()
        until(lambda: not left(it), 30, "nothing of the drill is left")
        found = row(it, taken)["drill"]
        assert found is None or found["outcome"] == "passed"
    began = it.tabib.begin("drill", cwd=it.folder)
    until(lambda: left(it), 60, "it is under way")
    began.send_signal(signal.SIGINT)
    said = began.communicate(timeout=60)[0]
    assert began.returncode == 130, said
    assert left(it) == []
    it("drill").ended(0, "passed")
    assert it.tabib.incidents(it.name) == []


def test_what_cannot_be_drilled_is_said(shop: Callable[..., Shop]) -> None:
    it = shop(FILES)
    it("up").well()
    it("drill").ended(3, "no snapshot")
    it("drill", "--snapshot", "nosuch").ended(2, "no such snapshot")
