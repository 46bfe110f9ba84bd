"""``tabib config``: each option prints what ``docker compose config`` prints."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from support import compose_oracle

pytestmark = pytest.mark.oracle
_PROJECT = """
name: shop
services:
  web:
    image: "nginx:${TAG:-1}"
    depends_on: [db]
    environment: [BARE, "NEEDED=${NEEDED:?say it}", "OTHER=${OTHER+other}"]
    volumes: ["./html:/html", "data:/data"]
    ports: ["${PORT-80}:80"]
    env_file: [web.env]
    models: [small]
  db: {build: ./db, networks: [back], secrets: [token]}
  idle: {image: "busybox@sha256:%s", profiles: [rare], command: "$$HOME ${NOTHING:-${INNER}}"}
  apart: {image: "busybox", networks: [side]}
networks: {back: {}, side: {}, unused: {}}
volumes: {data: {}, unused: {}}
secrets: {token: {environment: TOKEN}}
models: {small: {model: ai/small}, unused: {model: ai/large}}
x-note: "$NOTE"
""" % ("0" * 64)
_DIGEST = "sha256:" + "a" * 64
_LOCAL = "sha256:" + "b" * 64


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "compose.yaml").write_text(_PROJECT)
    (tmp_path / "web.env").write_text("FROM_FILE=1\n")
    (tmp_path / ".env").write_text("DOTTED=1\nMULTI='a\nb'\n")
    return tmp_path


def tabib(folder: Path, *args: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = "from tabib.cli.main import main; raise SystemExit(main())"
    return subprocess.run(
        [sys.executable, "-c", command, "config", *args],
        cwd=folder,
        env={"LC_CTYPE": "C.UTF-8", "HOME": str(folder), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def compose(folder: Path, *args: str, **environment: str) -> compose_oracle.Answer:
    before = [arg for arg in args if arg == "--all-resources"]
    after = [arg for arg in args if arg not in before]
    env = {"PATH": "/usr/bin:/bin", "LC_CTYPE": "C.UTF-8", "HOME": str(folder), **environment}
    return compose_oracle.ask([*before, "config", *after], cwd=folder, env=env)


def both(folder: Path, *args: str, **environment: str) -> tuple[str, str]:
    """What tabib prints and what Compose prints, both having succeeded."""
    known = {"NEEDED": "yes", "TOKEN": "t", "PATH": "/usr/bin:/bin", **environment}
    mine, theirs = tabib(folder, *args, **known), compose(folder, *args, **known)
    assert mine.returncode == 0, mine.stderr
    assert theirs.code == 0, theirs.err
    return mine.stdout, theirs.out


@pytest.mark.parametrize(
    "args",
    [
        "--format json", "--no-normalize --format json", "--no-path-resolution --format json",
        "--no-consistency --format json", "--no-env-resolution --format json",
        "--no-interpolate --format json", "--no-interpolate --no-normalize --format json",
        "--no-interpolate --no-path-resolution --format json", "--all-resources --format json",
        "web --format json", "apart --format json", "idle apart --format json",
        "--variables --format json", "--environment", "--hash web,db", "--hash *", "--profiles",
        "--profiles apart", "-q",
    ],
)  # fmt: skip
def test_prints_the_same_bytes(folder: Path, args: str) -> None:
    mine, theirs = both(folder, *args.split())
    assert mine == theirs


@pytest.mark.parametrize(
    "args",
    [
        "--services", "--services apart", "--services --no-interpolate", "--volumes", "--networks",
        "--networks --all-resources", "--models", "--images", "--images apart", "--images web",
        "--variables",
    ],
)  # fmt: skip
def test_prints_the_same_lines(folder: Path, args: str) -> None:
    """Compose goes through Go's maps here: its order is another one at each run."""
    mine, theirs = both(folder, *args.split())
    assert mine
    assert sorted(mine.splitlines()) == sorted(theirs.splitlines())


@pytest.mark.parametrize(
    "args", ["", "--no-interpolate", "--variables --format yaml", "--no-normalize", "web"]
)
def test_prints_the_same_yaml(folder: Path, args: str) -> None:
    mine, theirs = both(folder, *args.split())
    assert yaml.safe_load(mine) == yaml.safe_load(theirs)


def test_writes_the_project_to_a_file_and_listings_to_the_terminal(folder: Path) -> None:
    for flags in (("--format", "json"), ("--no-interpolate",)):
        mine, _ = both(folder, *flags)
        written = tabib(folder, *flags, "-o", "out", NEEDED="yes", TOKEN="t", PATH="/usr/bin:/bin")
        assert (written.returncode, written.stdout) == (0, "")
        assert (folder / "out").read_text() == mine
    mine, theirs = both(folder, "--services", "-o", "nothing")
    assert sorted(mine.split()) == sorted(theirs.split())
    assert not (folder / "nothing").exists()


@pytest.mark.parametrize(
    "args", ["nobody", "--hash nobody", "--hash idle", "-o /nowhere/out", "--format xml"]
)
def test_refuses_the_same(folder: Path, args: str) -> None:
    mine = tabib(folder, *args.split(), NEEDED="yes", TOKEN="t")
    theirs = compose(folder, *args.split(), NEEDED="yes", TOKEN="t")
    assert theirs.code != 0
    assert mine.returncode == 2
    assert mine.stderr
    assert not mine.stdout


@dataclass
class Registry:
    """An engine that knows the digests of some images, and has pulled another one before."""

    url: str = ""
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def registry() -> Iterator[Registry]:
    known = Registry()

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if "/distribution/" in path:
                known.asked.append(path.partition("/distribution/")[2])
            if path.endswith("_ping"):
                self._say(200, {})
            elif path.endswith("docker.io/library/nginx:1/json"):
                self._say(200, {"Descriptor": {"digest": _DIGEST, "mediaType": "m", "size": 1}})
            elif path.endswith("/images/busybox/json"):
                self._say(200, {"Id": "x", "RepoDigests": [f"busybox@{_LOCAL}"]})
            else:
                self._say(404, {"message": "no such host"})

        def _say(self, status: int, body: dict[str, Any]) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Api-Version", "1.41")
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    known.url = f"tcp://127.0.0.1:{server.server_port}"
    yield known
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("flag", ["--resolve-image-digests", "--lock-image-digests"])
@pytest.mark.parametrize("more", [(), ("--format", "json"), ("--no-interpolate",)])
def test_pins_images_as_compose_does(
    folder: Path, registry: Registry, flag: str, more: tuple[str, ...]
) -> None:
    text = _PROJECT.replace('"busybox"', '"docker.io/nginx:1"').replace("${TAG:-1}", "1")
    (folder / "compose.yaml").write_text(text)
    mine, theirs = both(folder, flag, *more, DOCKER_HOST=registry.url, COMPOSE_PROFILES="rare")
    assert f"docker.io/library/nginx:1@{_DIGEST}" in mine
    assert yaml.safe_load(mine) == yaml.safe_load(theirs)


def test_what_the_engine_has_pulled_is_pinned_without_a_registry(
    folder: Path, registry: Registry
) -> None:
    done = tabib(
        folder, "apart", "--resolve-image-digests",
        NEEDED="yes", DOCKER_HOST=registry.url, PATH="/usr/bin:/bin",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert yaml.safe_load(done.stdout)["services"]["apart"]["image"] == (
        f"docker.io/library/busybox:latest@{_LOCAL}"
    )
    assert registry.asked == ["docker.io/library/busybox:latest/json"]


def test_an_image_without_a_digest_is_refused(folder: Path, registry: Registry) -> None:
    (folder / "compose.yaml").write_text("services: {a: {image: mine}}")
    done = tabib(folder, "--resolve-image-digests", DOCKER_HOST=registry.url)
    assert done.returncode == 6
    assert "docker.io/library/mine:latest" in done.stderr
    assert "no such host" in done.stderr
    assert compose(folder, "--resolve-image-digests", DOCKER_HOST=registry.url).code != 0


def test_what_has_no_effect_is_told_beside_the_same_project(folder: Path) -> None:
    text = """
version: "3"
services:
  web:
    image: nginx
    deploy: {placement: {constraints: [node.role == manager]}}
    healthcheck: {test: a, interval: 2s, start_interval: 1s}
    secrets: [token]
secrets: {token: {external: true}}
"""
    (folder / "compose.yaml").write_text(text)
    printed = tabib(folder, "--format", "json")
    assert printed.stdout == compose(folder, "--format", "json").out
    told = printed.stderr.splitlines()
    assert "'version' is obsolete" in told[0]
    assert len(told) == 3
    assert told[1].startswith("warning: secret token: external: a Docker Engine stores none")
    assert told[1].endswith("`up` refuses it")
    assert told[2] == "warning: service web: deploy.placement: no effect: there is one machine"
    assert len(tabib(folder, "-q").stderr.splitlines()) == 1
    assert len(tabib(folder, "--services").stderr.splitlines()) == 1
