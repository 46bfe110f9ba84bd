"""Every kind of error has its exit code and its words; nothing shows a traceback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cli.conftest import Tabib
from support.protocol import ProtocolServer, of_error
from tabib.cli import exit_codes
from tabib.model import errors
from tabib.model.errors import TabibError


def tree(root: type[TabibError]) -> list[type[TabibError]]:
    return [root, *(cls for child in root.__subclasses__() for cls in tree(child))]


def test_the_table_has_every_kind_and_no_other() -> None:
    assert {cls.kind for cls in tree(TabibError)} == set(exit_codes.BY_KIND)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.UsageError, 2), (errors.NotFound, 2), (errors.OwnedElsewhere, 3),
        (errors.LeaseHeld, 3), (errors.NeedsConfirmation, 3), (errors.ConfigError, 4),
        (errors.EngineForbidden, 5), (errors.EngineTimeout, 5), (errors.PortTaken, 6),
        (errors.ImageUnavailable, 6), (errors.NotHealthy, 6), (errors.Damaged, 7),
        (errors.StateUnusable, 8), (errors.Bug, 70), (errors.Interrupted, 130),
    ],
)  # fmt: skip
def test_codes_are_those_of_the_design(error: type[TabibError], code: int) -> None:
    assert exit_codes.of_error(error("x")) == code


@pytest.mark.parametrize("kind", sorted(exit_codes.BY_KIND))
def test_the_daemons_errors_arrive_as_exit_codes(
    kind: str, tabib: Tabib, daemon: ProtocolServer
) -> None:
    daemon.on(
        "GET /v1/containers",
        of_error(500, kind=kind, happened="it went wrong", attempted="list", target="all",
                 advice="Do something else."),
    )  # fmt: skip
    done = tabib("-p", "shop", "ps")
    assert done.code == exit_codes.BY_KIND[kind]
    cannot = "" if kind == "interrupted" else "cannot "
    assert done.err == f"tabib: {cannot}list all: it went wrong\n  → Do something else.\n"
    assert done.out == ""


def test_a_compose_error_shows_the_line(tabib: Tabib, project: Path) -> None:
    (project / "compose.yaml").write_text("services:\n  web:\n    imgae: nginx\n")
    done = tabib("config")
    assert done.code == 4
    lines = done.err.splitlines()
    assert lines[1].startswith("  compose.yaml:3:5: ")
    assert lines[2] == "      3 │     imgae: nginx"
    assert lines[3] == "        │     ^^^^^"
    assert "image" in lines[4]


def test_no_file_says_what_to_do(
    tabib: Tabib, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = tabib("up")
    assert done.code == 4
    assert "no Compose file" in done.err
    assert "-f" in done.err


def test_unknown_commands_get_a_suggestion(tabib: Tabib) -> None:
    done = tabib("psx")
    assert (done.code, "Did you mean `tabib ps`?" in done.err) == (2, True)


@pytest.mark.parametrize("name", ["stats", "watch", "rollback"])
def test_commands_of_later_name_what_to_use(name: str, tabib: Tabib) -> None:
    done = tabib(name, "--some", "flag")
    assert done.code == 2
    assert f"`tabib {name}` is not there yet. Meanwhile: " in done.err
    assert "docker" in done.err or "tabib" in done.err.split("Meanwhile")[1]


def test_wrong_options_name_the_help(tabib: Tabib) -> None:
    done = tabib("up", "--frobnicate")
    assert done.code == 2
    assert "--frobnicate" in done.err
    assert "tabib up --help" in done.err


@pytest.mark.parametrize("argv", [["exec", "--bogus"], ["run", "--bogus"], ["exec", "web", "true"]])
def test_own_failures_of_exec_and_run_are_125(
    argv: list[str], tabib: Tabib, project: Path, daemon: ProtocolServer
) -> None:
    daemon.on("GET /v1/containers", [])
    assert tabib(*argv).code == 125


def test_a_bug_becomes_a_file(tabib: Tabib, daemon: ProtocolServer, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    daemon.on("GET /v1/containers", {"not": "a list of rows"})
    done = tabib("-p", "shop", "ps")
    assert done.code == 70
    assert "Traceback" not in done.err
    path = done.err.strip().split()[-1]
    assert Path(path).parent == tmp_path / "state"
    assert "Traceback" in Path(path).read_text()


def test_a_reader_that_goes_away_is_no_error(daemon: ProtocolServer, tmp_path: Path) -> None:
    row = {"id": "i" * 64, "name": "shop-web-1", "service": "web", "state": "running"}
    daemon.on("GET /v1/containers", [row] * 20_000)
    command = f"{sys.executable} -m tabib -p shop ps --json | head -n 1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", command],
        capture_output=True,
        text=True,
        env=os.environ | {"TABIB_HOST": daemon.url},
        timeout=60,
        check=True,
    )
    assert done.stdout.splitlines() == ["[", "0"]
    assert done.stderr == ""


def test_sigterm_gives_143(daemon: ProtocolServer) -> None:
    import threading

    arrived, release = threading.Event(), threading.Event()

    def slow(_: object) -> object:
        arrived.set()
        release.wait(30)
        return of_error(500, kind="bug", happened="too late")

    daemon.on("GET /v1/containers", slow)
    process = subprocess.Popen(
        [sys.executable, "-m", "tabib", "-p", "shop", "ps"],
        env=os.environ | {"TABIB_HOST": daemon.url},
    )
    try:
        assert arrived.wait(30)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 143
    finally:
        release.set()
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    ("script", "code", "said"),
    [
        ('"$0" -m tabib version >&-', 0, ""),
        ('"$0" -m tabib version >&- 2>&- <&-', 0, ""),
        ('mkdir gone && cd gone && rmdir ../gone && "$0" -m tabib config', 4, "was removed"),
        ('mkdir gone && cd gone && rmdir ../gone && "$0" -m tabib down', 4, "was removed"),
    ],
)
def test_a_strange_place_to_start_from(tmp_path: Path, script: str, code: int, said: str) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", script, sys.executable],
        cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False,
        env={**os.environ, "TABIB_STATE_DIR": str(tmp_path / "state")},
    )  # fmt: skip
    assert (done.returncode, "Traceback" in done.stderr) == (code, False), done.stderr
    assert said in done.stderr
