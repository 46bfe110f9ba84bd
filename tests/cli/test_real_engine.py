"""The whole command against a real daemon and a real engine: what looks, copies and attaches.

The daemon is a private one, and the containers are a stranger's: nothing is in care, so that the
engine is owned only for as long as a command acts.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.real_engine import IMAGE, address, ensure_images, unique_prefix
from tabib.client.daemon import DaemonOptions
from tabib.client.hijack import EngineDialer
from tabib.client.private import private_daemon
from tabib.model.errors import EngineError
from tabib.operations.guard import OWNER_VOLUME

pytestmark = pytest.mark.engine
TIMEOUT_S = 60


@dataclass(frozen=True)
class World:
    project: str
    host: str
    state: Path
    engine: EngineDialer

    @property
    def environ(self) -> dict[str, str]:
        return os.environ | {"TABIB_STATE_DIR": str(self.state / "s")}

    def launch(self, *argv: str, **more: object) -> subprocess.Popen[str]:
        return subprocess.Popen(  # type: ignore[call-overload,no-any-return]
            [sys.executable, "-m", "tabib", "--host", self.host, "-p", self.project, *argv],
            **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL,
               "text": True, "cwd": str(self.state), "env": self.environ, **more},
        )  # fmt: skip

    def run(self, *argv: str, given: str | None = None) -> tuple[int, str, str]:
        stdin = subprocess.PIPE if given is not None else subprocess.DEVNULL
        process = self.launch(*argv, stdin=stdin)
        out, err = process.communicate(given, timeout=TIMEOUT_S)
        return process.returncode, out, err


SCRIPT = "echo one; echo two >&2; trap 'exit 0' TERM; while :; do sleep 0.2; done"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    ensure_images(IMAGE)
    project, state = unique_prefix("tbcli"), tmp_path_factory.mktemp("state")
    engine = EngineDialer(address())
    for slot in (1, 2):
        labels = {"com.docker.compose.project": project, "com.docker.compose.service": "web",
                  "com.docker.compose.container-number": str(slot),
                  "com.docker.compose.oneoff": "False"}  # fmt: skip
        body = {"Image": IMAGE, "Cmd": ["sh", "-c", SCRIPT], "Labels": labels,
                "Env": [f"SLOT={slot}"], "HostConfig": {"NetworkMode": "none"}}  # fmt: skip
        engine.call("POST", f"/containers/create?name={project}-web-{slot}", body)
        engine.call("POST", f"/containers/{project}-web-{slot}/start")
    with private_daemon(DaemonOptions(state_dir=str(state / "s"))) as daemon:
        yield World(project, daemon.url, state, engine)
    for slot in (1, 2):
        engine.call("DELETE", f"/containers/{project}-web-{slot}?force=1&v=1")


def test_ps_ls_images(world: World) -> None:
    code, out, err = world.run("ps", "-q")
    assert (code, len(out.split()), err) == (0, 2, "")
    assert f"{world.project}-web-2" in world.run("ps")[1]
    assert world.project in world.run("ls", "-q")[1].split()
    assert IMAGE.partition(":")[2] in world.run("images")[1]


def test_exec(world: World) -> None:
    assert world.run("exec", "web", "sh", "-c", "echo $SLOT; exit 7") == (7, "1\n", "")
    assert world.run("exec", "--index", "2", "web", "sh", "-c", "echo $SLOT")[1] == "2\n"
    assert world.run("exec", "-T", "web", "wc", "-c", given="12345")[1].strip() == "5"
    env = world.run("exec", "-e", "A=b", "-w", "/tmp", "web", "sh", "-c", "echo $A; pwd")
    assert env[1] == "b\n/tmp\n"
    assert world.run("exec", "-u", "65534", "web", "id", "-u")[1] == "65534\n"
    assert world.run("exec", "-d", "web", "touch", "/tmp/detached") == (0, "", "")
    code, _, err = world.run("exec", "nope", "true")
    assert (code, "nope" in err) == (125, True)
    code, _, err = world.run("exec", "web", "/no/such/program")
    assert code in (126, 127)


def test_cp(world: World, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("content")
    assert world.run("cp", str(tmp_path / "file"), "web:/tmp/here")[0] == 0
    assert world.run("exec", "web", "cat", "/tmp/here")[1] == "content"
    assert world.run("cp", "web:/tmp/here", str(tmp_path / "back"))[0] == 0
    assert (tmp_path / "back").read_text() == "content"
    assert world.run("cp", "--all", str(tmp_path / "file"), "web:/tmp/each")[0] == 0
    assert world.run("exec", "--index", "2", "web", "cat", "/tmp/each")[1] == "content"
    code, _, err = world.run("cp", "web:/not/there", str(tmp_path))
    assert (code, "Traceback" in err) == (2, False)
    code, _, err = world.run("cp", "here", "there")
    assert (code, "SERVICE:PATH" in err) == (2, True)


def test_logs(world: World) -> None:
    code, out, _ = world.run("logs", "-n", "10", "web")
    assert code == 0
    assert sorted(out.splitlines()) == [
        "web-1  | one", "web-1  | two", "web-2  | one", "web-2  | two",
    ]  # fmt: skip


def test_following_logs_ends_with_ctrl_c(world: World) -> None:
    process = world.launch("logs", "-f", "-n", "1")
    assert process.stdout is not None
    assert process.stdout.readline().startswith("web-")
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=TIMEOUT_S)
    assert (process.returncode, err) == (130, "\n")


def test_what_acts_on_a_stranger_owns_the_engine_only_meanwhile(world: World) -> None:
    for verb in ("pause", "unpause"):
        code, _, err = world.run(verb)
        assert code == 0, err
        with pytest.raises(EngineError, match="no such volume"):
            world.engine.call("GET", f"/volumes/{OWNER_VOLUME}")


def test_nothing_acts_on_an_engine_that_another_owns(world: World) -> None:
    labels = {"tabib.installation": "another", "tabib.hostname": "elsewhere"}
    world.engine.call("POST", "/volumes/create", {"Name": OWNER_VOLUME, "Labels": labels})
    try:
        code, _, err = world.run("stop")
        assert (code, "elsewhere" in err) == (3, True), err
        assert world.run("ps", "-q", "--status", "running")[1].count("\n") == 2
    finally:
        world.engine.call("DELETE", f"/volumes/{OWNER_VOLUME}")


def test_incidents_and_releases_of_a_stranger(world: World) -> None:
    assert world.run("releases", "--json")[:2] == (0, "[]\n")
    assert world.run("incidents", "--json")[:2] == (0, "[]\n")
    assert world.run("incident", "abcdef")[0] == 2


def test_nothing_is_written_into_the_users_folder(world: World) -> None:
    assert os.listdir(world.state) == ["s"]
