"""Processes, events, inspect and kept logs, for people and for programs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.conftest import Tabib
from support.protocol import Asked, ProtocolServer, of_error, of_json, of_stream
from tabib.cli.console import Console
from tabib.cli.moments import parse_moment
from tabib.cli.render.events import EventPrinter
from tabib.cli.render.processes import select
from tabib.decide.process_tree import folded, in_tree

NOW = datetime.now(UTC)
PLAIN = Console("never")


def at(seconds: float) -> str:
    return (NOW - timedelta(minutes=5) + timedelta(seconds=seconds)).isoformat()


def ran(pid: int, begun: float = 0, **more: Any) -> dict[str, Any]:
    return {
        "pid": pid, "ppid": 1, "container": "shop-web-1", "command": f"work {pid}",
        "started_at": at(begun), "ended_at": at(begun + 1), "exit_code": 0, "signal": None,
        "killed_by": "", "cpu_seconds": 0.5, "peak_memory_bytes": 1_000_000,
        "container_id": "a" * 64, "started_ns": int(begun * 1e9) + pid, "command_complete": True,
        "assumed": False, "name": "work", **more,
    }  # fmt: skip


ROWS = [
    ran(10, ended_at=None, exit_code=None, command="server"),
    ran(11, 1, ppid=10, exit_code=3),
    ran(12, 2, ppid=11, signal=9, exit_code=None, killed_by="oom"),
    ran(13, 3, ppid=10, command_complete=False, command="/bin/check"),
    ran(14, 4, ppid=10, assumed=True, exit_code=None, command="evil\x1b[2J\nname"),
]


def test_processes(tabib: Tabib, daemon: ProtocolServer, project: Path) -> None:
    daemon.on("GET /v1/processes", ROWS)
    done = tabib("processes", "web")
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert lines[0].split()[:4] == ["STARTED", "CONTAINER", "PID", "ENDED"]
    ends = ["running", "exit 3", "SIGKILL by oom", " 0 ", " ? "]
    assert [end in line for end, line in zip(ends, lines[1:], strict=False)] == [True] * 5
    assert lines[4].rstrip().endswith("/bin/check*")
    assert any(line.startswith("* ") for line in lines)
    assert any(line.startswith("? ") for line in lines)
    assert "\x1b" not in done.out
    assert [row["pid"] for row in tabib("processes", "--failed", "--json").json] == [11, 12]
    assert [row["pid"] for row in tabib("processes", "--running", "--json").json] == [10]
    assert tabib("processes", "--failed", "--running").code == 2
    query = daemon.to("GET /v1/processes")[0].query
    assert (query["target"], query["project"]) == (["web"], ["shop"])
    assert "since" in query
    daemon.on("GET /v1/processes", [])
    assert tabib("processes").out == ""
    assert tabib("processes", "--json").json == []


def test_the_tree(tabib: Tabib, daemon: ProtocolServer, project: Path) -> None:
    daemon.on("GET /v1/processes", ROWS)
    lines = tabib("processes", "--tree").out.splitlines()
    assert [line.partition("MB   ")[2] for line in lines[1:4]] == [
        "server", "  work 11", "    work 12"]  # fmt: skip
    assert [(row["pid"], depth) for row, depth in in_tree(ROWS)] == [
        (10, 0), (11, 1), (12, 2), (13, 1), (14, 1)]  # fmt: skip


def test_a_number_that_was_used_twice_has_the_parent_of_its_time() -> None:
    rows = [ran(7, 0, command="old"), ran(8, 1, ppid=7), ran(7, 5, command="new"),
            ran(9, 6, ppid=7)]  # fmt: skip
    assert [(row["command"], depth) for row, depth in in_tree(rows)] == [
        ("old", 0), ("work 8", 1), ("new", 0), ("work 9", 1)]  # fmt: skip


_PIDS = st.integers(1, 5)


@given(st.lists(st.tuples(_PIDS, _PIDS, st.integers(0, 9), st.sampled_from([0, 0, 0, 1, None]))))
def test_every_process_is_in_the_tree_once_and_folding_loses_none(
    made: list[tuple[int, int, int, int | None]],
) -> None:
    rows = [ran(pid, t, ppid=ppid, exit_code=code, command="same") for pid, ppid, t, code in made]
    tree = in_tree(rows)
    assert sorted(id(row) for row, _ in tree) == sorted(id(row) for row in rows)
    kept = folded(rows)
    assert sum(times for _, times in kept) == len(rows)
    failed = [row for row in rows if row["exit_code"]]
    assert [row for row, _ in kept if row["exit_code"]] == failed


def test_what_repeats_is_one_line_with_all_its_cpu() -> None:
    rows = [ran(n, n, command="check") for n in range(24)] + [ran(99, 30)]
    (check, times), (other, once) = folded(rows)
    assert (check["pid"], check["cpu_seconds"], times) == (23, 12.0, 24)
    assert (other["pid"], once) == (99, 1)
    assert select(rows, failed=True) == []


def happened(action: str, **more: Any) -> dict[str, Any]:
    return {"at": at(0), "kind": "container", "action": action, "id": "a" * 64,
            "name": "shop-web-1",
            "project": "shop", "service": "web", "slot": 1, "attributes": {}, **more}  # fmt: skip


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (happened("die", attributes={"exitCode": "137"}), "died with exit code 137 (SIGKILL)"),
        (happened("die", attributes={"exitCode": "0"}), "exited with 0"),
        (happened("kill", attributes={"signal": "15"}), "got SIGTERM"),
        (happened("create", attributes={"image": "nginx:1"}), "created from nginx:1"),
        (happened("connect", kind="network", name="shop_default",
                  attributes={"container": "b" * 64}), "connected to bbbbbbbbbbbb"),
        (happened("something_new"), "something new"),
    ],
)  # fmt: skip
def test_events_in_words(row: dict[str, Any], words: str) -> None:
    assert words in EventPrinter(PLAIN).format(row)


def test_health_checks_that_say_the_same_are_left_out() -> None:
    def said(health: str) -> dict[str, Any]:
        return happened("health_status", attributes={"health": health})

    rows = [said("healthy"), said("healthy"), said("unhealthy"), happened("mount", kind="volume"),
            happened("start"), said("unhealthy")]  # fmt: skip
    printer = EventPrinter(PLAIN)
    assert [bool(printer.format(row)) for row in rows] == [True, False, True, False, True, True]
    everything = EventPrinter(PLAIN, everything=True)
    assert all(everything.format(row) for row in rows)


def test_events(tabib: Tabib, daemon: ProtocolServer, project: Path) -> None:
    daemon.on("GET /v1/events", of_stream(happened("start"), happened("mount")))
    assert tabib("events").out.count("\n") == 1
    assert tabib("events", "--json").out.count("\n") == 2
    daemon.on("GET /v1/events", of_stream(happened("start"), {"type": "error", "error": {
        "kind": "state_unusable", "happened": "it is damaged"}}))  # fmt: skip
    assert tabib("events", "-f").code == 8


def container(**more: Any) -> dict[str, Any]:
    return {"name": "shop-web-1", "id": "a" * 64, "state": "running", "health": "healthy",
            "image": "nginx:1", "cpu_cores": 0.5, "memory_working_set_bytes": 2_000_000,
            "memory_share": 0.25, "processes": 1, "restarts": 0, "exists": True,
            "processes_then": [], **more}  # fmt: skip


def test_inspect(tabib: Tabib, daemon: ProtocolServer, project: Path) -> None:
    setup = {"Config": {"Image": "nginx:1", "Cmd": ["nginx"], "Env": ["A=1"]}, "HostConfig": {}}
    answer = {"target": {"kind": "container", "name": "shop-web-1"}, "at": at(0),
              "node": {"name": "vm", "cpus": 2, "cpu_cores": 1.0, "disks": []},
              "containers": [container(exists=False, processes_then=[ran(7)])],
              "inspection": setup}  # fmt: skip
    daemon.on("GET /v1/inspect", answer)
    done = tabib("inspect", "shop-web-1", "--at", "2h")
    assert done.code == 0, done.err
    for part in ("vm at", "gone now", "running (healthy)", "work 7", "command", "A=1"):
        assert part in done.out
    assert "at" in daemon.to("GET /v1/inspect")[-1].query
    # What is gone has no inspection of the engine's: what was kept is told.
    assert tabib("inspect", "shop-web-1", "--json").json["inspection"] == setup
    answer["containers"] = [container()]
    daemon.on("GET /v1/inspect", answer)
    daemon.on(f"GET /v1/containers/{'a' * 64}", {"Id": "a" * 64})
    assert tabib("inspect", "shop-web-1", "--json").json == [{"Id": "a" * 64}]
    assert tabib("inspect", "shop-web-1", "--at", "1m", "--json").json["at"] == answer["at"]


# ── logs ───────────────────────────────────────────────────────────────────────────────────────


def said(text: str, name: str = "shop-old-1", **more: Any) -> dict[str, Any]:
    return {"container": name, "service": name.split("-")[1], "slot": 1, "stream": "stdout",
            "text": text, "at": at(0), "container_id": "d" * 64, "gone": True, **more}  # fmt: skip


MISSING = of_error(404, kind="not_found", happened="no container of service old",
                   attempted="read logs of", target="shop", advice="See ps.")  # fmt: skip


def test_logs_of_what_is_gone(tabib: Tabib, daemon: ProtocolServer, project: Path) -> None:
    daemon.on("GET /v1/projects/shop/logs", MISSING)
    daemon.on("GET /v1/containers", [])
    daemon.on("GET /v1/kept-logs", of_stream(said("last words")))
    done = tabib("logs", "old", "-n", "5")
    assert (done.code, done.out) == (0, "old-1  | last words\n")
    assert done.err.count("\n") == 1
    assert "old does not exist any more" in done.err
    assert daemon.to("GET /v1/kept-logs")[0].query["limit"] == ["5"]
    daemon.on("GET /v1/kept-logs", of_error(404, kind="not_found", happened="nothing"))
    nothing = tabib("logs", "old")
    assert (nothing.code, "no container of service old" in nothing.err) == (2, True)


def test_logs_of_what_lives_beside_what_is_gone(
    tabib: Tabib, daemon: ProtocolServer, project: Path
) -> None:
    web = {"name": "shop-web-1", "service": "web", "id": "e" * 64}

    def logs(asked: Asked) -> Any:
        if "old" in asked.query.get("service", []):
            return MISSING
        return of_stream(said("alive", "shop-web-1", at=at(1)))

    daemon.on("GET /v1/projects/shop/logs", logs)
    daemon.on("GET /v1/containers", [web])
    daemon.on("GET /v1/kept-logs", of_stream(said("dead")))
    done = tabib("logs", "web", "old", "--no-log-prefix")
    assert done.out == "dead\nalive\n"


def test_logs_without_a_project_are_found_by_id(
    tabib: Tabib, daemon: ProtocolServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    daemon.on("GET /v1/kept-logs", of_stream(said("by id")))
    assert "by id" in tabib("logs", "dddd").out
    assert daemon.to("GET /v1/kept-logs")[0].query["target"] == ["dddd"]
    assert tabib("logs").code == 4


def test_logs_searched_and_as_patterns(tabib: Tabib, daemon: ProtocolServer, project: Path) -> None:
    daemon.on("GET /v1/kept-logs", of_stream(said("it timed out")))
    assert tabib("logs", "--search", "timed out", "-n", "7").out == "old-1  | it timed out\n"
    query = daemon.to("GET /v1/kept-logs")[0].query
    assert (query["search"], query["project"], query["limit"]) == (["timed out"], ["shop"], ["7"])
    daemon.on("GET /v1/log-patterns", of_json([
        {"count": 3, "level": "error", "container": "shop-old-1", "last_at": at(0), "gone": True,
         "template": "request <n> failed"}]))  # fmt: skip
    assert "request <n> failed" in tabib("logs", "--patterns").out
    assert tabib("logs", "--patterns", "--json").json[0]["count"] == 3
    assert tabib("logs", "--patterns", "--search", "x").code == 2
    assert tabib("logs", "--search", "x", "-f").code == 2


def test_metrics(tabib: Tabib, daemon: ProtocolServer, tmp_path: Path) -> None:
    daemon.on("GET /metrics", lambda asked: of_json(asked.query["format"]))
    assert tabib("metrics").out == '["openmetrics"]'
    assert tabib("metrics", "-o", str(tmp_path / "a.prom")).out == ""
    assert (tmp_path / "a.prom").read_text() == '["prometheus"]'
    assert (tmp_path / "a.prom").stat().st_mode & 0o777 == 0o644
    assert [path.name for path in tmp_path.glob("*.prom*")] == ["a.prom"]
    assert tabib("metrics", "--json").json == ["json"]
    assert tabib("metrics", "-o", "/nowhere/x").code == 2


def test_the_time_of_day_is_the_last_one() -> None:
    noon = datetime.now().astimezone().replace(hour=12, minute=0, second=0, microsecond=0)
    now = noon.astimezone(UTC)
    wanted = {
        "11:30": noon - timedelta(minutes=30),
        "9:05": noon.replace(hour=9, minute=5),
        "12:00:01": noon - timedelta(days=1) + timedelta(seconds=1),
    }
    for text, moment in wanted.items():
        told = parse_moment(text, now)
        assert told is not None
        assert datetime.fromisoformat(told) == moment


def test_daemon_status_tells_of_the_recorder(tabib: Tabib, daemon: ProtocolServer) -> None:
    store = {"bytes": 2_000_000, "oldest": at(0), "unwritten": 0, "dropped": 0, "trouble": ""}
    recorder = {
        "interval_s": 5.0, "why": "usual", "containers": 3, "tick_seconds": 0.008, "ticks": 9,
        "processes": 12, "processes_lost": 1, "trouble": [], "series": store,
        "logs": {**store, "trouble": "the disk is full"},
        "missing": [{"what": "processes", "why": "no right", "how": "Run it as root."}],
    }  # fmt: skip
    engine = {"endpoint": "unix:///e.sock", "connected": True, "owner": "me", "mode": "act",
              "events_seen": 9, "resyncs": 1, "projects": ["shop"]}  # fmt: skip
    status = {"version": "0.1.0", "pid": 7, "state": {}, "engines": [
        {**engine, "recorder": recorder}, {**engine, "recorder": recorder},
        {**engine, "recorder": None}]}  # fmt: skip
    daemon.on("GET /v1/daemon/status", status)
    out = tabib("daemon", "status").out
    for part in ("every 5 s", "3 containers in 8 ms", "12 processes", "series 2.0 MB",
                 "trouble: the disk is full", "→ Run it as root.", ": off"):  # fmt: skip
        assert part in out
    assert out.count("no right") == 1
