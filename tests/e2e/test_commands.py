"""The commands of every day against one small project: what they do, and their exit codes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from setup import engine_api

from support.installation import Installation, until

PROJECT = """
services:
  main:
    image: busybox:1.36
    command: ["sh", "-c", "echo the first line; exec httpd -f -p 80 -h /tmp"]
    init: true
    stop_grace_period: 1s
    ports: ["80"]
    environment: {WORD: from the file}
  job:
    image: busybox:1.36
    profiles: [extra]
    command: ["sh", "-c", "echo a job; exit 5"]
    restart: "no"
"""
BACK_S = 20.0


class Site:
    """A project that is up, and its command."""

    def __init__(self, tabib: Installation, folder: Path) -> None:
        self.tabib = tabib
        self.folder = folder
        self.main = f"{tabib.prefix}-main-1"


@pytest.fixture(scope="module")
def installed(
    engine: engine_api.Engine, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    tabib = Installation(tmp_path_factory.mktemp("cmd") / "s", engine)
    try:
        yield Site(tabib, tabib.project(tabib.state.parent / "p", PROJECT))
    finally:
        tabib.clear()


@pytest.fixture
def site(installed: Site) -> Site:
    installed.tabib("up", cwd=installed.folder).well()
    return installed


def test_exec_passes_input_output_and_codes(site: Site) -> None:
    tabib, cwd = site.tabib, site.folder
    done = tabib("exec", "-T", "main", "sh", "-c", "cat; echo bad >&2; exit 7", cwd=cwd, stdin="in")
    assert (done.code, done.out, done.err) == (7, "in", "bad\n")
    assert (
        tabib("exec", "-T", "main", "sh", "-c", "echo $WORD", cwd=cwd).well().out
        == "from the file\n"
    )
    tabib("exec", "-T", "-e", "WORD=mine", "main", "sh", "-c", "echo $WORD", cwd=cwd).ended(
        0, "mine"
    )
    assert tabib("exec", "-T", "-u", "33", "main", "id", "-u", cwd=cwd).well().out == "33\n"
    # 126 or 127: engines of different ages say it differently, and so does `docker exec`.
    missing = tabib("exec", "-T", "main", "no-such-program", cwd=cwd)
    assert missing.code in (126, 127), str(missing)
    assert "no-such-program" in missing.out + missing.err
    tabib("stop", cwd=cwd).well()
    tabib("exec", "-T", "main", "true", cwd=cwd).ended(125, "main", "→")


def test_run_passes_input_output_and_codes(site: Site) -> None:
    tabib, cwd = site.tabib, site.folder
    words = ("run", "--rm", "-T", "main")
    done = tabib(*words, "sh", "-c", "cat; echo bad >&2; exit 7", cwd=cwd, stdin="in")
    assert (done.code, done.out) == (7, "in")
    assert "bad\n" in done.err
    # The `-p` that follows `run` is a port, as with Compose.
    tabib(*words, "true", cwd=cwd).well()
    tabib("run", "--rm", "-T", "--no-deps", "-e", "WORD=mine", "main", "sh", "-c", "echo $WORD",
          cwd=cwd).ended(0, "mine")  # fmt: skip
    tabib(*words, "no-such-program", cwd=cwd).ended(127)
    tabib("run", "--rm", "nobody", "true", cwd=cwd).ended(125, "nobody")
    assert set(tabib.containers(tabib.prefix)) == {site.main}, "--rm removes them"
    assert not tabib.incidents(tabib.prefix), "one-offs open no incident"


def test_up_ends_with_the_code_of_a_service(site: Site) -> None:
    done = site.tabib(
        "--profile", "extra", "up", "--exit-code-from", "job", cwd=site.folder, timeout_s=60
    )
    assert done.code == 5, str(done)
    assert "a job" in done.out
    assert not site.tabib.running(site.main), "the end of one ends all"
    site.tabib("--profile", "extra", "down", cwd=site.folder).well()


def test_cp_both_ways(site: Site, tmp_path: Path) -> None:
    tabib, cwd = site.tabib, site.folder
    (tmp_path / "in.txt").write_text("some text")
    (tmp_path / "tree" / "deep").mkdir(parents=True)
    (tmp_path / "tree" / "deep" / "leaf").write_text("leaf")
    tabib("cp", str(tmp_path / "in.txt"), "main:/tmp/in.txt", cwd=cwd).well()
    assert tabib("exec", "-T", "main", "cat", "/tmp/in.txt", cwd=cwd).well().out == "some text"
    tabib("cp", str(tmp_path / "tree"), "main:/tmp/tree", cwd=cwd).well()
    tabib("cp", "main:/tmp/tree", str(tmp_path / "back"), cwd=cwd).well()
    assert (tmp_path / "back" / "deep" / "leaf").read_text() == "leaf"
    tabib("cp", "main:/none", str(tmp_path), cwd=cwd).ended(2, "/none")


def test_port_and_images(site: Site) -> None:
    tabib, cwd = site.tabib, site.folder
    bound = (tabib.inspect(site.main) or {})["NetworkSettings"]["Ports"]["80/tcp"][0]["HostPort"]
    assert tabib("port", "main", "80", cwd=cwd).well().out.strip().endswith(f":{bound}")
    assert tabib("port", "main", "81", cwd=cwd).code != 0
    rows = tabib("images", "--json", cwd=cwd).json
    assert [(row["repository"], row["tag"]) for row in rows] == [("busybox", "1.36")]
    tabib("images", cwd=cwd).ended(0, "busybox", "1.36")


def test_logs_are_followed_until_they_end(site: Site) -> None:
    tabib, cwd = site.tabib, site.folder
    assert "the first line" in tabib("logs", "-n", "100", cwd=cwd).well().out
    following = tabib.begin("logs", "-f", "main", cwd=cwd)
    assert following.stdout is not None
    while "the first line" not in following.stdout.readline():
        assert following.poll() is None
    os.kill(following.pid, signal.SIGINT)
    said, _ = following.communicate(timeout=20)
    assert following.returncode in (0, 130), said
    assert "Traceback" not in said


def test_scale_up_and_down(site: Site) -> None:
    tabib, cwd = site.tabib, site.folder
    tabib("scale", "main=3", cwd=cwd).well()
    names = {f"{tabib.prefix}-main-{slot}" for slot in (1, 2, 3)}
    assert set(tabib.containers(tabib.prefix)) == names
    kept = (tabib.inspect(site.main) or {})["Id"]
    # It is remembered: what is removed by hand comes back.
    tabib.engine.call("DELETE", f"/containers/{tabib.prefix}-main-2", query=[("force", "1")])
    until(lambda: tabib.running(f"{tabib.prefix}-main-2"), BACK_S, "the second of three")
    tabib("scale", "main=1", cwd=cwd).well()
    assert set(tabib.containers(tabib.prefix)) == {site.main}
    assert (tabib.inspect(site.main) or {})["Id"] == kept


def test_pause_kill_start_rm(site: Site) -> None:
    tabib, cwd = site.tabib, site.folder

    def state() -> str:
        found = tabib.inspect(site.main)
        return str(found["State"]["Status"]) if found else "absent"

    for words, expected in (
        (("pause",), "paused"),
        (("unpause",), "running"),
        (("kill", "-s", "TERM"), "exited"),
        (("start",), "running"),
        (("restart", "-t", "1"), "running"),
        (("stop",), "exited"),
        (("rm", "-f"), "absent"),
    ):
        tabib(*words, "--dry-run", cwd=cwd).well()
        tabib(*words, cwd=cwd).well()
        until(lambda wanted=expected: state() == wanted, 5, f"{words[0]}: {expected}")  # type: ignore[misc]
    rows = tabib("ps", "-a", "--json", cwd=cwd).json
    assert rows == []


def test_dry_runs_change_nothing(site: Site) -> None:
    tabib, cwd = site.tabib, site.folder
    before = tabib.inspect(site.main)
    for words in (
        ("up", "--force-recreate"), ("down",), ("down", "-v"), ("stop",), ("restart",), ("kill",),
        ("rm", "-sf"), ("scale", "main=2"), ("pause",), ("run", "--rm", "main", "true"),
        ("disown", tabib.prefix), ("daemon", "stop"),
    ):  # fmt: skip
        # Before the service: what follows it is the program's own.
        done = tabib(words[0], *words[1:2], "--dry-run", *words[2:], cwd=cwd)
        assert done.code == 0, str(done)
        assert done.out + done.err, f"{words}: something is shown"
    after = tabib.inspect(site.main)
    assert before
    assert after
    assert (after["Id"], after["State"]["StartedAt"]) == (
        before["Id"],
        before["State"]["StartedAt"],
    )


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(tabib: Installation, shell: str) -> None:
    script = tabib("completion", shell).well().out
    assert "tabib" in script
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=script, text=True, check=True)


def test_completion_completes(tabib: Installation) -> None:
    """What bash's script asks the command."""
    env = {"_TABIB_COMPLETE": "bash_complete", "COMP_WORDS": "tabib inc", "COMP_CWORD": "1"}
    done = tabib(env=env).well()
    assert "incidents" in done.out


def test_version_and_config_need_no_engine(tabib: Installation, tmp_path: Path) -> None:
    folder = tabib.project(tmp_path / "p", PROJECT)
    dead = {"DOCKER_HOST": f"unix://{tmp_path}/none.sock"}
    tabib("version", env=dead).well()
    tabib("config", "--services", cwd=folder, env=dead).ended(0, "main")
    tabib("--help", env=dead).ended(0, "up", "incidents")
    assert not (tabib.state / "daemon.lock").exists(), "no daemon was started for it"
