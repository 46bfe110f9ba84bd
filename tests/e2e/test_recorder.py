"""The flight recorder as a user has it: what happened in containers, told after they are gone."""

from __future__ import annotations

import json
import os
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from support.installation import Installation, until

pytestmark = pytest.mark.root

CANARY = "canary-8f3a11bd"
SICK = f"""
services:
  api:
    image: busybox:1.36
    environment: {{DB_PASSWORD: {CANARY}}}
    command:
      - sh
      - -c
      - |
        echo "connecting with $$DB_PASSWORD" >&2
        sh -c 'exit 7' --password "$$DB_PASSWORD"
        sh -c 'kill -SEGV $$$$'
        sleep 4
        echo "2026-01-01 ERROR cannot reach order 4711" >&2
        exit 3
    labels: {{tabib.care: advise}}
"""
IDLE = """
services:
  web:
    image: busybox:1.36
    init: true
    command: ["sh", "-c", "echo served request 17; sleep 3600"]
"""
SOON_S = 20.0


def rows(tabib: Installation, *words: str) -> Any:
    return tabib(*words, "--json").json


def recorded(tabib: Installation, container: str) -> list[dict[str, Any]]:
    return [row for row in rows(tabib, "processes", container) if row["ended_at"]]


def test_a_case_holds_the_minutes_before(tabib: Installation, tmp_path: Path) -> None:
    folder = tabib.project(tmp_path, SICK)
    tabib("up", cwd=folder)
    name = f"{tabib.prefix}-api-1"
    incident = until(lambda: tabib.incidents(tabib.prefix), SOON_S, "an incident")[-1]
    case = tabib("incident", incident["id"], "--case").json
    kept = case["recorded"]
    assert "memory_bytes" in kept["container"]["metrics"]
    assert len(kept["container"]["rows"]) >= 2
    assert "load_1m_hundredths" in kept["node"]["metrics"]
    ends = {(row["exit_code"], row["signal"]) for row in kept["processes"]}
    assert {(7, None), (None, 11), (3, None)} <= ends, kept["processes"]
    assert any("cannot reach order" in one["example"] for one in kept["patterns"])
    assert CANARY not in str(case)
    assert CANARY not in str(rows(tabib, "processes", name))
    assert CANARY not in tabib("logs", name, cwd=folder).well().err


def test_what_is_gone_is_still_told_of(tabib: Installation, tmp_path: Path) -> None:
    folder = tabib.project(tmp_path, IDLE)
    tabib("up", cwd=folder).well()
    name = f"{tabib.prefix}-web-1"
    tabib("exec", "-T", "web", "sh", "-c", "exit 5", cwd=folder)
    until(lambda: _points(tabib, name) >= 3, SOON_S, "some readings")
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    tabib("down", cwd=folder).well()
    assert tabib.inspect(name) is None

    assert _points(tabib, name) >= 2
    ended = until(lambda: recorded(tabib, name), SOON_S, "records of processes")
    codes = {row["exit_code"] for row in ended if row["signal"] is None}
    assert 5 in codes
    assert any(row["command"].startswith("sh -c 'exit 5'") for row in ended), ended
    assert "served request 17" in tabib("logs", name).well().out
    assert "served request 17" in tabib("logs", "--search", "request served").well().out
    events = tabib("events", name, "--json").well().out
    assert '"destroy"' in events
    assert '"die"' in events
    of_project = tabib("events", tabib.prefix, "--json").well().out.splitlines()
    networks = {one["action"] for one in map(json.loads, of_project) if one["kind"] == "network"}
    assert networks >= {"connect", "disconnect", "destroy"}
    then = rows(tabib, "inspect", "--at", moment)
    assert [row["name"] for row in then["containers"] if row["project"] == tabib.prefix] == [name]


def test_a_killed_daemon_loses_nothing_and_the_gap_is_a_gap(
    tabib: Installation, tmp_path: Path
) -> None:
    folder = tabib.project(tmp_path, IDLE)
    tabib("up", cwd=folder).well()
    name = f"{tabib.prefix}-web-1"
    until(lambda: _points(tabib, name) >= 4, SOON_S, "some readings")
    before = _readings(tabib, name)
    last = before[-1]["at"]
    tabib.kill_daemon()
    after = until(
        lambda: [one for one in _readings(tabib, name) if one["at"] > last][1:],
        SOON_S,
        "new readings",
    )
    assert after
    moved = [datetime.fromisoformat(one[0]["at"]) for one in (before, _readings(tabib, name))]
    # The chart's columns move with the time it is asked for, by less than one of them.
    assert abs(moved[1] - moved[0]) < timedelta(seconds=10)
    sleepers = [row for row in rows(tabib, "processes", name) if "sleep 3600" in row["command"]]
    assert sleepers, "what ran before the restart runs on in the records"
    assert all(row["ended_at"] is None for row in sleepers)


def test_the_status_names_what_is_missing_and_a_private_daemon_records_nothing(
    tabib: Installation, tmp_path: Path
) -> None:
    folder = tabib.project(tmp_path, IDLE)
    tabib("up", cwd=folder).well()
    status = rows(tabib, "daemon", "status")
    recorder = status["engines"][0]["recorder"]
    assert recorder["interval_s"] in (1.0, 5.0)
    assert recorder["trouble"] == []
    for one in recorder["missing"]:
        assert one["what"]
        assert one["how"]
    files = set(os.listdir(tabib.state))
    assert {"series.sqlite3", "logs.sqlite3"} <= files


def test_settings_that_are_wrong_are_told(tabib: Installation, tmp_path: Path) -> None:
    file = tmp_path / "tabib.toml"
    file.write_text("[recorder]\nintervall_s = 3\n", "utf-8")
    done = tabib("daemon", "start", env={"TABIB_CONFIG": str(file)})
    done.ended(4, "tabib.toml:2", "interval_s")


def _points(tabib: Installation, name: str) -> int:
    return len(_readings(tabib, name))


def _readings(tabib: Installation, name: str) -> list[dict[str, Any]]:
    """Points of the memory chart that hold something."""
    words = ("history", name, "--since", "10m", "--metric", "memory_bytes", "--json")
    done = tabib(*words)
    charts = done.json["charts"] if not done.code else []
    return [point for chart in charts for point in chart["points"] if point["mean"] is not None]
