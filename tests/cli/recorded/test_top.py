"""The screen of top: it fits whatever its size, and keys do what the page says."""

from __future__ import annotations

import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from fcntl import ioctl
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.conftest import Tabib
from support.protocol import Answer, Asked, ProtocolServer, of_json, of_stream
from tabib.cli.render.top.columns import CONTAINERS, PROCESSES, fitting, short, widths
from tabib.cli.render.top.screen import page_of, screen
from tabib.cli.render.top.state import View, arranged, keys, prepared, press, scrolled
from tabib.client.waiting import wait_for

_RATE = "_bytes_per_second"


def row(number: int, **more: Any) -> dict[str, Any]:
    return {
        "project": "shop", "service": "web", "slot": number, "name": f"shop-web-{number}",
        "id": f"{number:064x}", "image": "nginx:1", "state": "running", "health": "healthy",
        "cpu_cores": number / 10, "memory_working_set_bytes": 1_000_000 - number,
        "memory_share": 0.5, f"network_received{_RATE}": 1234.5, "processes": number, **more,
    }  # fmt: skip


def tick(count: int = 3) -> dict[str, Any]:
    node = {"name": "vm", "cpus": 2, "cpu_cores": 1.0, "load_1m": 1.0, "load_5m": 1.0,
            "load_15m": 1.0, "memory_total_bytes": 10, "memory_used_bytes": 5,
            "disks": [{"name": "/", "size_bytes": 10, "free_bytes": 1}]}  # fmt: skip
    return {"type": "tick", "at": "2030-01-01T00:00:00Z", "interval_s": 1.0, "node": node,
            "containers": [row(n) for n in range(count)], "incidents_open": 1}  # fmt: skip


def names(rows: list[Any]) -> list[str]:
    return [str(one["name"]) for one in rows]


@given(st.integers(1, 220), st.integers(1, 60), st.integers(0, 200), st.booleans(),
       st.sampled_from([one.name for one in CONTAINERS]))  # fmt: skip
def test_the_screen_fits(width: int, height: int, count: int, typing: bool, sort: str) -> None:
    told = tick(count)
    view = View(sort=sort, typing=typing)
    rows = arranged([prepared(one) for one in told["containers"]], view)
    view = scrolled(view, rows, page_of(height))
    lines = screen(told, rows, view, width, height)
    assert len(lines) == height
    assert all(sum(len(text) for text, _ in line) <= width for line in lines)


@pytest.mark.parametrize("columns", [CONTAINERS, PROCESSES])
def test_letters_and_names_are_each_of_one_column(columns: Any) -> None:
    letters = [one.letter for one in columns]
    assert len(set(letters)) == len(letters)
    assert not {"q", "r", "/"} & set(letters)


@given(st.integers(20, 250), st.sampled_from([one.name for one in CONTAINERS]))
def test_the_column_that_is_sorted_by_is_always_there(width: int, needed: str) -> None:
    columns = fitting(CONTAINERS, width, needed)
    assert needed in {one.name for one in columns}
    assert "name" in {one.name for one in columns}
    if width >= 60:
        assert sum(widths(columns, width)) + len(columns) - 1 <= width


def test_at_80_columns_the_most_important_are_shown() -> None:
    shown = {one.name for one in fitting(CONTAINERS, 80, "cpu")}
    assert {"name", "state", "cpu", "memory", "share", "in", "out"} <= shown


def test_sorting_puts_the_unknown_last_both_ways() -> None:
    rows = [row(1), row(2, cpu_cores=None), row(3)]
    assert names(arranged(rows, View())) == ["shop-web-3", "shop-web-1", "shop-web-2"]
    assert names(arranged(rows, View(reverse=True))) == ["shop-web-1", "shop-web-3", "shop-web-2"]


def test_keys_of_terminals() -> None:
    assert keys(b"\x1b[A\x1bOBq\r\x7f/\x1b[5~\x1b[1;5Cx") == [
        "up", "down", "q", "enter", "backspace", "/", "page-up", "x"]  # fmt: skip
    assert keys(b"\x1b") == ["escape"]
    assert keys("é".encode()) == ["é"]


@given(st.binary(max_size=30))
def test_any_bytes_are_keys(data: bytes) -> None:
    view = View()
    rows = [prepared(row(n)) for n in range(3)]
    for key in keys(data):
        view = press(view, key, rows, 2)
    assert isinstance(view, View)


def typed(text: str, view: View | None = None, count: int = 30) -> tuple[View, list[Any]]:
    view = view or View()
    told = [prepared(row(n)) for n in range(count)]
    for key in keys(text.encode()):
        view = press(view, key, arranged(told, view), 10)
    rows = arranged(told, view)
    return scrolled(view, rows, 10), rows


def test_choosing_and_scrolling() -> None:
    view, rows = typed("\x1b[B\x1b[B")
    assert view.selected == rows[2]["id"]
    view, rows = typed("\x1b[6~\x1b[6~")
    assert (view.selected, view.first) == (rows[20]["id"], 11)
    view, rows = typed("\x1b[F\x1b[H", view)
    assert (view.selected, view.first) == (rows[0]["id"], 0)


def test_what_is_chosen_stays_when_the_order_changes() -> None:
    view, rows = typed("\x1b[B")
    chosen = rows[1]["id"]
    view, rows = typed("m", view)
    assert view.selected == chosen
    assert view.sort == "memory"
    assert names(rows)[0] == "shop-web-0"


def test_sorting_by_letters_arrows_and_r() -> None:
    assert typed("m")[0].sort == "memory"
    assert typed("mm")[0].reverse
    assert typed("r")[0].reverse
    assert typed("\x1b[C")[0].sort == "throttled"
    assert typed("\x1b[D\x1b[D")[0].sort == "name"
    assert names(typed("n")[1])[:2] == ["shop-web-0", "shop-web-1"]


def test_filter() -> None:
    view, rows = typed("/web-2\r")
    assert not view.typing
    assert len(rows) == 11
    view, rows = typed("/webx\x7f")
    assert (view.filter, len(rows)) == ("web", 30)
    assert typed("/q\x1b")[0] == View()


def test_processes_are_opened_and_left() -> None:
    view, rows = typed("\x1b[B\r")
    assert view.open == rows[1]["id"]
    assert view.columns == PROCESSES
    back = press(view, "escape", [], 10)
    assert (back.open, back.selected) == ("", rows[1]["id"])
    assert press(back, "q", [], 10).over


def test_commands_cannot_steer_the_terminal() -> None:
    evil = {"pid": 1, "command": "sh\x1b[2J\x07\n‮x", "name": "sh"}
    lines = screen(tick(), [evil], View(open="1"), 80, 20)
    told = "".join(text for line in lines for text, _ in line)
    assert "\x1b" not in told
    assert "\x07" not in told
    assert "‮" not in told


@pytest.mark.parametrize(("value", "text"), [
    (0, "0"), (950, "950"), (999.6, "1.0k"), (1234, "1.2k"), (99_999, "100k"), (5_000_000, "5.0M"),
    (None, ""), (2.5e15, "2P"),
])  # fmt: skip
def test_short(value: float | None, text: str) -> None:
    assert short(value) == text


# ── the command ────────────────────────────────────────────────────────────────────────────────


def test_one_look(tabib: Tabib, daemon: ProtocolServer, project: Path) -> None:
    daemon.on("GET /v1/top", of_stream(tick()))
    done = tabib("top", "--no-stream", "-n", "2")
    assert done.code == 0, done.err
    assert [line.split()[0] for line in done.out.splitlines()[-2:]] == ["shop-web-2", "shop-web-1"]
    assert "follow" not in daemon.to("GET /v1/top")[-1].query
    told = tabib("top", "--json", "--sort", "m").json
    assert [one["slot"] for one in told["containers"]] == [0, 1, 2]
    assert "condition" not in told["containers"][0]
    wrong = tabib("top", "--sort", "colour")
    assert (wrong.code, "memory" in wrong.err) == (2, True)


def ticks(asked: Asked) -> Answer:
    def chunks() -> Iterator[bytes]:
        while True:
            yield of_stream(tick(200)).chunks[0]  # type: ignore[index]
            time.sleep(0.1)

    return Answer(chunks(), kind="application/x-ndjson")


class Terminal:
    """The command on a terminal of its own."""

    def __init__(self, url: str, cwd: Path) -> None:
        self.master, slave = pty.openpty()
        self.before = termios.tcgetattr(slave)
        self.slave = slave
        self.resize(24, 80)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tabib", "top"],
            stdin=slave, stdout=slave, stderr=slave, cwd=cwd, start_new_session=True,
            env={**os.environ, "TABIB_HOST": url, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"},
        )  # fmt: skip
        self.seen = b""

    def resize(self, rows: int, columns: int) -> None:
        ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def until(self, pattern: bytes, seconds: float = 20) -> bytes:
        """What it wrote up to the first match after the last one."""
        end = time.monotonic() + seconds
        while not (match := re.search(pattern, self.seen)):
            assert time.monotonic() < end, self.seen[-2000:]
            if wait_for([self.master], timeout_s=0.1).reading:
                self.seen += os.read(self.master, 65_536)
        found, self.seen = self.seen[: match.end()], self.seen[match.end() :]
        return found

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def ended(self) -> int:
        self.until(rb"\x1b\[\?1049l")
        code = self.process.wait(20)
        assert termios.tcgetattr(self.slave) == self.before
        return code


@pytest.fixture
def terminal(daemon: ProtocolServer, tmp_path: Path) -> Iterator[Terminal]:
    daemon.on("GET /v1/top", ticks)
    daemon.on("GET /v1/top/processes", of_json([
        {"pid": 4711, "command": "python -m api", "cpu_cores": 0.1}]))  # fmt: skip
    made = Terminal(daemon.url, tmp_path)
    yield made
    made.process.kill()
    made.process.wait()
    os.close(made.master)
    os.close(made.slave)


def test_on_a_terminal(terminal: Terminal) -> None:
    terminal.until(rb"\x1b\[\?1049h")
    terminal.until(b"shop-web-199")
    terminal.type("\r")
    terminal.until(rb"python -m api")
    terminal.type("\x1b")
    terminal.until(b"shop-web-199")
    terminal.resize(40, 200)
    os.kill(terminal.process.pid, signal.SIGWINCH)
    terminal.until(b"IMAGE")
    terminal.type("q")
    assert terminal.ended() == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_terminal_is_given_back_on_a_signal(
    terminal: Terminal, number: signal.Signals, code: int
) -> None:
    terminal.until(b"shop-web-199")
    os.kill(terminal.process.pid, number)
    assert terminal.ended() == code
