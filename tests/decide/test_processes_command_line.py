"""Command lines as they are kept: quoted, redacted, bounded."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabib.decide.processes.command_line import COMMAND_BYTES, shown
from tabib.decide.redact import Redactor

PATTERNS = Redactor.knowing()
SECRET = "Tr0ub4dor"


@pytest.mark.parametrize(
    "command",
    [
        ("app", "--password", SECRET),
        ("app", f"--password={SECRET}"),
        ("app", "--api-key", SECRET),
        ("/usr/bin/mysql", "-uroot", f"-p{SECRET}"),
        ("mysqldump", f"-p{SECRET}", "shop"),
        ("redis-cli", "-a", SECRET, "ping"),
        ("redis-server", "--requirepass", SECRET),
        ("sshpass", "-p", SECRET, "ssh", "host"),
        ("curl", "-u", f"me:{SECRET}", "http://x"),
        ("curl", "-H", f"Authorization: Bearer {SECRET}", "http://x"),
        ("psql", f"postgres://me:{SECRET}@db/shop"),
        ("env", f"PGPASSWORD={SECRET}", "psql"),
        ("sh", "-c", f"mysql -uroot -p{SECRET} shop < /dump"),
        ("sh", "-c", f"cd /x && mysqladmin ping -p'{SECRET} x'"),
        ("sh", "-c", f"redis-cli -a {SECRET} ping || exit 1"),
        ("sh", "-c", f"export PASSWORD={SECRET}; run"),
        ("bash", "-c", f"curl -u me:{SECRET} http://x"),
    ],
)
def test_no_secret_is_shown(command: tuple[str, ...]) -> None:
    assert SECRET not in shown(command, PATTERNS)
    assert PATTERNS.mask in shown(command, PATTERNS)


@pytest.mark.parametrize(
    "command",
    [
        ("mkdir", "-p", "/a/b"),
        ("ssh", "-p", "2222", "host"),
        ("nginx", "-g", "daemon off;"),
        ("sh", "-c", "mkdir -p /x && cp -a /y /x"),
        ("grep", "-u", "x"),
    ],
)
def test_what_is_no_secret_stays(command: tuple[str, ...]) -> None:
    assert shlex.split(shown(command, PATTERNS)) == list(command)


def test_known_values_go_wherever_they_stand() -> None:
    redactor = Redactor.knowing({SECRET})
    assert SECRET not in shown(("echo", f"a{SECRET}b", SECRET), redactor)


@given(st.lists(st.text(max_size=300), min_size=1, max_size=40))
def test_it_is_bounded(command: list[str]) -> None:
    assert len(shown([*command, "é" * 3000, "x" * 9000], PATTERNS).encode()) <= COMMAND_BYTES


@given(st.lists(st.from_regex(r"[a-z0-9 ./-]{0,12}", fullmatch=True), min_size=1, max_size=6))
def test_harmless_arguments_can_be_read_back(command: list[str]) -> None:
    program = ["job", *(one for one in command if not one.startswith("-"))]
    assert shlex.split(shown(program, PATTERNS)) == program
