"""``tabib notify``: what it asks the daemon, and what it says."""

from __future__ import annotations

import json
from pathlib import Path

from cli.conftest import Tabib
from support.protocol import ProtocolServer

ROW = {
    "id": "0123456789ab", "destination": "json://****", "project": "shop",
    "on": ["open", "recovery"], "min_severity": "warning", "quiet_hours": "22:00-07:00",
    "timezone": None, "state": "failing", "error": "nobody is there", "failures": 3,
    "retry_at": "2030-01-09T12:00:00Z", "delivered_at": None, "failed_at": None, "waiting": 2,
    "given_up": 0,
}  # fmt: skip


def test_ls_shows_who_is_told_and_what_is_wrong(
    tabib: Tabib, daemon: ProtocolServer, project: Path
) -> None:
    daemon.on("GET /v1/notify", [ROW])
    done = tabib("notify", "ls")
    assert done.code == 0
    assert "json://****" in done.out
    assert "open, recovery" in done.out
    assert "failing json://**** (0123456789ab) after 3 attempts: nobody is there" in done.out
    assert daemon.to("GET /v1/notify")[0].query == {"project": ["shop"]}
    assert tabib("notify", "ls", "--json", "--project", "other").json == [ROW]
    assert daemon.to("GET /v1/notify")[1].query == {"project": ["other"]}


def test_ls_says_when_nobody_is_told(tabib: Tabib, daemon: ProtocolServer, project: Path) -> None:
    daemon.on("GET /v1/notify", [])
    done = tabib("notify", "ls")
    assert (done.code, done.out) == (0, "")
    assert "nobody is told about shop" in done.err


def test_test_says_for_each_how_it_went(
    tabib: Tabib, daemon: ProtocolServer, project: Path
) -> None:
    good = {"destination": "json://****", "project": "shop", "delivered": True, "why": None,
            "seconds": 0.2}  # fmt: skip
    bad = {**good, "destination": "tgram://****", "project": None, "delivered": False,
           "why": "error 404"}  # fmt: skip
    daemon.on("POST /v1/notify/test", [good, bad])
    done = tabib("notify", "test")
    assert done.code == 1
    assert "delivered  json://**** (shop)" in done.out
    assert "failed     tgram://****  error 404" in done.out
    daemon.on("POST /v1/notify/test", [good])
    assert tabib("notify", "test", "--url", "json://x", "--json").code == 0
    bodies = [json.loads(one.body) for one in daemon.to("POST /v1/notify/test")]
    assert bodies == [{"project": "shop", "url": ""}, {"project": "", "url": "json://x"}]
