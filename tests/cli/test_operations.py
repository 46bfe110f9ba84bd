"""Commands that change something: what they ask for, and how its way is shown."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.conftest import Tabib
from support.protocol import Answer, Asked, ProtocolServer, of_json, of_stream
from tabib.client.waiting import wait_for

UP = "POST /v1/projects/shop/up"
PLAN = {
    "type": "plan",
    "project": "shop",
    "release": 3,
    "steps": [
        {"id": "1", "verb": "pull_image", "subject": "nginx:1", "reason": "not there", "after": []},
        {"id": "2", "verb": "create_network", "subject": "shop_default", "reason": "missing",
         "after": []},
        {"id": "3", "verb": "create_container", "subject": "shop-web-1", "reason": "missing",
         "after": ["1", "2"], "service": "web"},
        {"id": "4", "verb": "start_container", "subject": "shop-web-1", "reason": "created",
         "after": ["3"], "service": "web"},
        {"id": "5", "verb": "wait", "subject": "shop-web-1", "reason": "health", "after": ["4"]},
    ],
    "notes": ["web has no restart policy: only the daemon restarts it"],
}  # fmt: skip


def step(number: str, state: str, **more: Any) -> dict[str, Any]:
    planned = next(entry for entry in PLAN["steps"] if entry["id"] == number)  # type: ignore[attr-defined]
    return {"type": "step", "id": number, "state": state, "subject": planned["subject"],
            "verb": planned["verb"], **more}  # fmt: skip


UP_STREAM = [
    {"type": "operation", "id": "op1", "name": "up", "project": "shop"},
    PLAN,
    step("1", "started"),
    *(
        {"type": "progress", "id": "1", "subject": "nginx:1", "text": "pulling",
         "current_bytes": number * 1000, "total_bytes": 50_000_000}
        for number in range(200)
    ),
    step("1", "done"),
    step("2", "started"),
    step("2", "done"),
    step("3", "started"),
    step("3", "done"),
    step("4", "started"),
    step("4", "done"),
    step("5", "started"),
    {"type": "container", "name": "shop-web-1", "service": "web", "status": "running",
     "health": "starting"},
    {"type": "container", "name": "shop-web-1", "service": "web", "status": "running",
     "health": "healthy"},
    step("5", "done"),
    {"type": "note", "level": "warning", "text": "the disk is nearly full"},
    {"type": "result", "release": 3, "created": ["shop-web-1"], "recreated": [], "removed": [],
     "changed": True, "seconds": 6.21,
     "containers": {"total": 2, "running": 2, "healthy": 2, "finished": 0}},
]  # fmt: skip


def test_up_sends_the_project_and_what_was_asked(
    tabib: Tabib, project: Path, daemon: ProtocolServer
) -> None:
    daemon.on(UP, of_stream(*UP_STREAM))
    done = tabib("up", "--scale", "web=2", "--force-recreate", "-t", "5", "--no-wait", "web")
    assert done.code == 0
    body = daemon.to(UP)[0].json
    assert set(body["project"]["services"]) >= {"web"}
    assert body["project"]["working_dir"] == str(project)
    assert body["services"] == ["web"]
    assert body["scale"] == {"web": 2}
    assert (body["force_recreate"], body["timeout_s"], body["no_wait_lease"]) == (True, 5, True)
    assert body["by"].startswith("ada@")
    assert body["wait"] is True


def test_plain_lines_one_for_each_change(
    tabib: Tabib, project: Path, daemon: ProtocolServer
) -> None:
    daemon.on(UP, of_stream(*UP_STREAM))
    lines = tabib("up").err.splitlines()
    assert lines[0] == "note: web has no restart policy: only the daemon restarts it"
    assert lines[1] == "image     nginx:1  pulling"
    # Two hundred messages about bytes are one line.
    assert lines[2] == "image     nginx:1  pulling 0 B of 50.0 MB"
    assert lines[3].startswith("image     nginx:1  pulled")
    assert lines[4] == "network   shop_default  creating"
    assert lines[5].startswith("network   shop_default  created")
    assert lines[6:10] == [
        "container shop-web-1  creating",
        "container shop-web-1  created",
        "container shop-web-1  starting",
        "container shop-web-1  started",
    ]
    assert lines[10] == "container shop-web-1  started, not yet healthy"
    assert lines[11].startswith("container shop-web-1  healthy")
    assert lines[12] == "warning: the disk is nearly full"
    assert lines[13] == "2 containers healthy in 6.2 s; release 3 (1 created)"
    assert len(lines) == 14


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ((4, 4, 4, 0), "shop: nothing to do, 4 containers healthy\n"),
        ((3, 2, 1, 1), "shop: nothing to do, 2 containers running, 1 finished\n"),
        ((2, 1, 1, 0), "shop: nothing to do, 1 container healthy, 1 not running\n"),
    ],
)
def test_nothing_to_do(
    counts: tuple[int, ...], words: str, tabib: Tabib, project: Path, daemon: ProtocolServer
) -> None:
    named = dict(zip(("total", "running", "healthy", "finished"), counts, strict=True))
    result = {"type": "result", "project": "shop", "changed": False, "containers": named}
    daemon.on(UP, of_stream(result))
    assert tabib("up").err == words


def test_a_release_that_changes_no_container(
    tabib: Tabib, project: Path, daemon: ProtocolServer
) -> None:
    named = {"total": 1, "running": 1, "healthy": 0, "finished": 0}
    result = {"type": "result", "project": "shop", "changed": False, "containers": named}
    daemon.on(UP, of_stream({**result, "release": 2}))
    words = "shop: nothing to do, 1 container running; release 2\n"
    assert tabib("up").err == words


def test_quiet_says_only_what_is_wrong(tabib: Tabib, project: Path, daemon: ProtocolServer) -> None:
    daemon.on(UP, of_stream(*UP_STREAM))
    done = tabib("up", "-q")
    assert done.err == "warning: the disk is nearly full\n"
    assert done.out == ""


def test_progress_json_passes_messages_on(
    tabib: Tabib, project: Path, daemon: ProtocolServer
) -> None:
    import json

    daemon.on(UP, of_stream(*UP_STREAM))
    done = tabib("up", "--progress", "json")
    assert [json.loads(line) for line in done.out.splitlines()] == UP_STREAM


def test_dry_run_prints_each_step_with_its_reason(
    tabib: Tabib, project: Path, daemon: ProtocolServer
) -> None:
    daemon.on(UP, of_stream(UP_STREAM[0], PLAN, {"type": "result", "dry_run": True}))
    done = tabib("up", "--dry-run")
    assert daemon.to(UP)[0].json["dry_run"] is True
    lines = done.out.splitlines()
    assert lines[0] == "shop: 4 steps, release 3"
    assert lines[1].split() == ["STEP", "ON", "WHY"]
    assert lines[2].split(maxsplit=3) == ["pull", "image", "nginx:1", "not there"]
    assert lines[-1] == "note: web has no restart policy: only the daemon restarts it"


def test_dry_run_with_nothing_to_do(tabib: Tabib, project: Path, daemon: ProtocolServer) -> None:
    daemon.on(UP, of_stream({"type": "plan", "project": "shop", "steps": []}, {"type": "result"}))
    assert tabib("up", "--dry-run").out == "shop: nothing to do\n"


def test_a_failed_step_and_its_error(tabib: Tabib, project: Path, daemon: ProtocolServer) -> None:
    error = {"kind": "port_taken", "happened": "port 8080 is in use by nginx (pid 7)",
             "attempted": "start container", "target": "shop-web-1", "advice": "Stop it.",
             "details": {}}  # fmt: skip
    daemon.on(
        UP,
        of_stream(
            PLAN, step("4", "started"), step("4", "failed", error=error), step("5", "skipped"),
            {"type": "error", "error": error},
        ),
    )  # fmt: skip
    done = tabib("up")
    assert done.code == 6
    assert "container shop-web-1  failed: port 8080 is in use by nginx (pid 7)" in done.err
    assert done.err.endswith(
        "tabib: cannot start container shop-web-1: port 8080 is in use by nginx (pid 7)\n"
        "  → Stop it.\n"
    )


def test_a_stream_that_breaks_off_is_an_error(
    tabib: Tabib, project: Path, daemon: ProtocolServer
) -> None:
    daemon.on(UP, of_stream(*UP_STREAM[:5]))
    assert tabib("up").code == 5


@pytest.mark.parametrize(
    ("argv", "verb", "options"),
    [
        (["start"], "start", {"wait": False}),
        (["stop", "-t", "3"], "stop", {"timeout_s": 3.0}),
        (["restart", "--no-deps"], "restart", {"no_deps": True}),
        (["kill", "-s", "HUP"], "kill", {"signal": "HUP"}),
        (["pause"], "pause", {}),
        (["unpause"], "unpause", {}),
        (["rm", "-fsv"], "rm", {"stop": True, "volumes": True}),
        (["scale", "web=3"], "scale", {"replicas": {"web": 3}, "no_deps": False}),
    ],
)
def test_actions(
    argv: list[str], verb: str, options: dict[str, Any], tabib: Tabib, project: Path,
    daemon: ProtocolServer,
) -> None:  # fmt: skip
    route = "POST /v1/projects/shop/actions"
    daemon.on(route, of_stream({"type": "result", "containers": ["shop-web-1"]}))
    done = tabib(*argv)
    assert done.code == 0
    body = daemon.to(route)[0].json
    assert (body["verb"], body["options"]) == (verb, options)
    assert body["project"]["name"] == "shop"
    assert done.err.splitlines()[-1].endswith("1 container")


def test_actions_by_name_alone(
    tabib: Tabib, daemon: ProtocolServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    route = "POST /v1/projects/other/actions"
    daemon.on(route, of_stream({"type": "result", "containers": []}))
    assert tabib("-p", "other", "stop").code == 0
    assert daemon.to(route)[0].json["project"] is None


def test_a_service_that_is_not_there(tabib: Tabib, project: Path) -> None:
    done = tabib("stop", "wbe")
    assert done.code == 2
    assert "Did you mean web?" in done.err


def test_down(tabib: Tabib, project: Path, daemon: ProtocolServer) -> None:
    route = "POST /v1/projects/shop/down"
    daemon.on(route, of_stream({"type": "result", "removed": ["a", "b"], "volumes": ["v"]}))
    done = tabib("down", "-v", "--yes")
    body = daemon.to(route)[0].json
    assert (body["volumes"], body["yes"]) == (True, True)
    assert done.err == "shop is down: 2 removed, with 1 volume\n"


def test_adopt(tabib: Tabib, daemon: ProtocolServer) -> None:
    route = "POST /v1/projects/old/adopt"
    daemon.on(route, of_stream({"type": "result", "containers": ["x", "y"], "mode": "observe"}))
    done = tabib("adopt", "old", "--mode", "observe")
    assert daemon.to(route)[0].json["mode"] == "observe"
    assert done.err == "old is in care (observe): 2 containers\n"


# ── signals and terminals, in a process of its own ─────────────────────────────────────────────


class Operation:
    """An ``up`` that goes on until it is asked to stop."""

    def __init__(self, daemon: ProtocolServer) -> None:
        self.begun, self.asked = threading.Event(), threading.Event()
        daemon.on(UP, self.stream)
        daemon.on("POST /v1/operations/op1/stop", self.stop)

    def stream(self, _: Asked) -> Answer:
        def messages() -> Iterator[dict[str, Any]]:
            yield UP_STREAM[0]
            yield PLAN
            yield step("1", "started")
            self.begun.set()
            assert self.asked.wait(30)
            yield step("1", "done")
            yield {"type": "error", "error": {"kind": "interrupted", "happened": "stopped"}}

        answer = of_stream()
        import json

        answer.chunks = (json.dumps(message).encode() + b"\n" for message in messages())
        return answer

    def stop(self, _: Asked) -> Answer:
        self.asked.set()
        return of_json({})


@pytest.fixture
def operation(daemon: ProtocolServer) -> Iterator[Operation]:
    found = Operation(daemon)
    yield found
    found.asked.set()


def launch(daemon: ProtocolServer, *argv: str, **more: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tabib", *argv],
        env=os.environ | {"TABIB_HOST": daemon.url, "NO_COLOR": "1"},
        stderr=subprocess.PIPE,
        text=True,
        **more,
    )


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_first_signal_asks_to_stop_and_reads_on(
    number: signal.Signals, code: int, project: Path, daemon: ProtocolServer, operation: Operation
) -> None:
    process = launch(daemon, "up")
    assert operation.begun.wait(30)
    process.send_signal(number)
    err = process.communicate(timeout=30)[1]
    assert process.returncode == code
    assert "stopping at the next safe step" in err
    assert "image     nginx:1  pulled" in err
    assert len(daemon.to("POST /v1/operations/op1/stop")) == 1


def test_the_second_signal_leaves(
    project: Path, daemon: ProtocolServer, operation: Operation
) -> None:
    got = threading.Event()
    daemon.on("POST /v1/operations/op1/stop", lambda _: (got.set(), of_json({}))[1])
    process = launch(daemon, "up")
    assert operation.begun.wait(30)
    process.send_signal(signal.SIGINT)
    assert got.wait(30)
    process.send_signal(signal.SIGINT)
    err = process.communicate(timeout=30)[1]
    assert process.returncode == 130
    assert "the operation goes on in the daemon" in err


def on_a_terminal(daemon: ProtocolServer, *argv: str) -> tuple[int, str]:
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "tabib", *argv],
        env=os.environ | {"TABIB_HOST": daemon.url, "TERM": "xterm-256color", "COLUMNS": "100"},
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    os.close(slave)
    out = b""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if not wait_for([master], timeout_s=1.0).reading:
            continue
        try:
            data = os.read(master, 65_536)
        except OSError:  # Linux says EIO once the other side is closed.
            break
        if not data:
            break
        out += data
    os.close(master)
    return process.wait(30), out.decode()


def test_a_terminal_gets_a_live_display(project: Path, daemon: ProtocolServer) -> None:
    daemon.on(UP, of_stream(*UP_STREAM))
    code, out = on_a_terminal(daemon, "up")
    assert code == 0
    assert "\x1b[?25l" in out  # The cursor is hidden while it moves …
    assert out.rstrip().endswith("(1 created)")
    assert "\x1b[?25h" in out  # … and shown at the end.
    assert "✔" in out
    assert "shop-web-1" in out
    assert "the disk is nearly full" in out


def test_a_failure_leaves_the_terminal_in_order(project: Path, daemon: ProtocolServer) -> None:
    daemon.on(UP, of_stream(PLAN, step("1", "started"), {"type": "error", "error": {
        "kind": "image_unavailable", "happened": "manifest unknown"}}))  # fmt: skip
    code, out = on_a_terminal(daemon, "up")
    assert code == 6
    assert "manifest unknown" in out
    assert out.rindex("\x1b[?25h") > out.rindex("\x1b[?25l")


def test_exit_code_from(project: Path, daemon: ProtocolServer) -> None:
    looks: list[int] = []

    def containers(asked: Asked) -> Answer:
        looks.append(1)
        ended = len(looks) > 2
        return of_json([{"name": "shop-web-1", "service": "web", "exit_code": 7 if ended else None,
                         "state": "exited" if ended else "running"}])  # fmt: skip

    daemon.on(UP, of_stream(*UP_STREAM))
    daemon.on("GET /v1/containers", containers)
    daemon.on("GET /v1/projects/shop/watch", of_stream({"type": "container"}))
    line = {
        "container": "shop-web-1",
        "service": "web",
        "text": "hello",
        "at": "2026-01-01T00:00:00Z",
    }
    daemon.on("GET /v1/projects/shop/logs", of_stream(line))
    daemon.on("POST /v1/projects/shop/actions", of_stream({"type": "result", "containers": []}))
    process = launch(daemon, "up", "--exit-code-from", "web", stdout=subprocess.PIPE)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 7
    assert out == "web-1  | hello\n"
    assert "shop-web-1 exited with code 7; stopping the rest" in err
    assert daemon.to(UP)[0].json["wait"] is False
    assert daemon.to(UP)[0].json["care"] == "observe"
    # Only what this run writes is shown, not the history of containers that were there.
    assert daemon.to("GET /v1/projects/shop/logs")[0].query["since"][0].startswith("20")
    assert daemon.to("POST /v1/projects/shop/actions")[0].json["verb"] == "stop"
