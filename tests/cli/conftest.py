"""A daemon's double on a socket, a small project, and the command in this process."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from support.protocol import ProtocolServer
from tabib.cli.main import main

COMPOSE = """\
name: shop
services:
  web:
    image: nginx:1
    ports: ["8080:80"]
    depends_on: [db]
  db:
    image: postgres:15
"""


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Tabib = Callable[..., Done]


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[ProtocolServer]:
    server = ProtocolServer(str(tmp_path / "d.sock"))
    yield server
    server.close()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a Compose file, which is the current one."""
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "compose.yaml").write_text(COMPOSE)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def tabib(
    daemon: ProtocolServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Tabib]:
    """Run the command in this process against the double."""
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT", "COMPOSE_FILE", "COMPOSE_PROJECT_NAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TABIB_HOST", daemon.url)
    monkeypatch.setenv("TABIB_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "no-docker-config"))
    monkeypatch.setenv("USER", "ada")
    before = signal.getsignal(signal.SIGTERM)

    def run(*argv: str) -> Done:
        capsys.readouterr()
        code = main(argv)
        out, err = capsys.readouterr()
        return Done(code, out, err)

    yield run
    signal.signal(signal.SIGTERM, before)
