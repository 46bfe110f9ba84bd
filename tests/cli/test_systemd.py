"""The unit that ``daemon install`` writes."""

from __future__ import annotations

import configparser
import shlex
import sys
from pathlib import Path

import pytest

from cli.conftest import Tabib
from tabib.cli import systemd


def parsed(unit: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(unit)
    return parser


def test_the_system_unit() -> None:
    plan = systemd.plan(
        executable="/opt/tabib/bin/python", state_dir="/var/lib/tabib", as_user=False, environ={}
    )
    unit = parsed(plan.unit)
    assert plan.path == "/etc/systemd/system/tabib.service"
    assert shlex.split(unit["Service"]["ExecStart"]) == [
        "/opt/tabib/bin/python", "-m", "tabib", "--state-dir", "/var/lib/tabib", "daemon", "run",
    ]  # fmt: skip
    assert "docker.service" in unit["Unit"]["After"]
    assert unit["Service"]["Restart"] == "on-failure"
    assert unit["Install"]["WantedBy"] == "multi-user.target"


def test_a_users_unit_goes_to_the_users_folder() -> None:
    plan = systemd.plan(
        executable="/p", state_dir="/home/ada/my state", as_user=True, environ={"HOME": "/home/ada"}
    )
    assert plan.path == "/home/ada/.config/systemd/user/tabib.service"
    unit = parsed(plan.unit)
    assert unit["Install"]["WantedBy"] == "default.target"
    assert "After" not in unit["Unit"]
    assert '"/home/ada/my state"' in unit["Service"]["ExecStart"]


@pytest.mark.parametrize(
    ("word", "quoted"),
    [("plain", "plain"), ("a b", '"a b"'), ("50%", "50%%"), ("$x", "$$x"), ('q"', '"q\\""')],
)
def test_words_are_quoted_for_systemd(word: str, quoted: str) -> None:
    assert systemd.quote(word) == quoted


def test_print_writes_nothing(tabib: Tabib, tmp_path: Path) -> None:
    done = tabib("daemon", "install", "--print")
    assert done.code == 0
    assert sys.executable in done.out
    assert str(tmp_path / "state") in done.out


def test_install_says_the_next_steps(
    tabib: Tabib, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    done = tabib("daemon", "install", "--user")
    path = tmp_path / "systemd" / "user" / "tabib.service"
    assert done.code == 0
    assert path.read_text() == tabib("daemon", "install", "--user", "--print").out
    assert ("systemctl --user" if systemd.runs_here() else "tabib daemon start") in done.err


def test_a_folder_that_cannot_be_written(
    tabib: Tabib, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "file"))
    done = tabib("daemon", "install", "--user")
    assert (done.code, "--print" in done.err) == (8, True)
