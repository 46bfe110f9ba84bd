"""A command starts fast because it imports little."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from support.protocol import ProtocolServer

HEAVY = (
    "aiodocker", "aiohttp", "apprise", "apsw", "asyncio", "cryptography", "fastapi",
    "jsonschema_rs", "msgspec", "pydantic", "requests", "rich", "starlette", "structlog",
    "subprocess", "uvicorn", "yaml", "zoneinfo",
)  # fmt: skip
PROBE = """
import sys
from tabib.cli.main import main
code = main(sys.argv[1:])
sys.stderr.write("\\n".join(sorted({name.split(".")[0] for name in sys.modules})))
sys.exit(code)
"""


def modules_of(*argv: str, cwd: str, **environ: str) -> tuple[int, set[str]]:
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *argv],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=os.environ | environ,
        check=False,
        timeout=60,
    )
    return done.returncode, set(done.stderr.split())


@pytest.mark.parametrize(
    "argv",
    [
        ["--help"],
        ["up", "--help"],
        ["exec", "--help"],
        ["version"],
        ["top", "--help"],
        ["history", "--help"],
        ["report", "--help"],
        ["processes", "--help"],
        ["events", "--help"],
        ["inspect", "--help"],
        ["logs", "--help"],
        ["checkup", "--help"],
        ["notify", "--help"],
        ["notify", "test", "--help"],
    ],
)
def test_help_imports_nothing_heavy(argv: list[str], tmp_path: object) -> None:
    code, modules = modules_of(*argv, cwd=str(tmp_path), TABIB_STATE_DIR=str(tmp_path))
    assert code == 0
    assert modules & set(HEAVY) == set()


def test_ps_imports_nothing_heavy(daemon: ProtocolServer, tmp_path: object) -> None:
    daemon.on("GET /v1/containers", [])
    code, modules = modules_of("ps", cwd=str(tmp_path), TABIB_HOST=daemon.url)
    assert code == 0
    assert modules & set(HEAVY) == set()
    assert len(daemon.to("GET /v1/containers")) == 1


def test_notify_ls_imports_nothing_heavy(daemon: ProtocolServer, tmp_path: object) -> None:
    daemon.on("GET /v1/notify", [])
    code, modules = modules_of("notify", "ls", cwd=str(tmp_path), TABIB_HOST=daemon.url)
    assert code == 0
    assert modules & set(HEAVY) == set()


def test_the_daemon_imports_apprise_only_for_a_url() -> None:
    probe = "import sys, tabib.daemon; print(*sorted({n.split('.')[0] for n in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) & {"apprise", "requests"} == set()
