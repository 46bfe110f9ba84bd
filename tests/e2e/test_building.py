"""Builds as a person has them: `build`, `up --build`, Ctrl-C, `.dockerignore`, BuildKit."""

from __future__ import annotations

import json
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from setup import buildx, engine_api

from support.installation import Installation, until

PROJECT = """
services:
  base:
    build: {context: base, labels: {mine: "yes"}, args: {WORD: one}}
    command: ["sleep", "1000"]
    init: true
    stop_grace_period: 0s
"""
DOCKERFILE = "FROM busybox:1.36\nARG WORD\nRUN echo $WORD > /word\nCOPY . /files\n"


class Site:
    def __init__(self, tabib: Installation, folder: Path) -> None:
        self.tabib = tabib
        self.folder = folder
        self.image = f"{tabib.prefix}-base"

    def inspect(self, image: str) -> Any:
        return self.tabib.engine.call("GET", f"/images/{image}/json")

    def words(self, *command: str) -> str:
        return self.tabib("exec", "-T", "base", *command, cwd=self.folder).well().out

    def add(self, text: str) -> None:
        path = self.folder / "compose.yaml"
        path.write_text(path.read_text() + text)


@pytest.fixture
def site(engine: engine_api.Engine, tmp_path: Path) -> Iterator[Site]:
    tabib = Installation(tmp_path / "s", engine)
    folder = tabib.project(tmp_path / "p", PROJECT)
    (folder / "base").mkdir()
    (folder / "base" / "Dockerfile").write_text(DOCKERFILE)
    (folder / "base" / "kept").write_text("kept")
    (folder / "base" / "left").write_text("left")
    (folder / "base" / "link").symlink_to("/etc/hostname")
    (folder / "base" / ".dockerignore").write_text("left\nDockerfile\n.dockerignore\n")
    try:
        yield Site(tabib, folder)
    finally:
        tabib.clear()
        for one in engine.call("GET", "/images/json"):
            for tag in one.get("RepoTags") or ():
                if tag.startswith(tabib.prefix):
                    engine.call("DELETE", f"/images/{tag}", query=[("force", "1")])


@pytest.fixture
def buildkit(site: Site) -> Site:
    config = buildx.ensure()
    assert config is not None, "docker buildx is not to be had here"
    site.tabib.env["DOCKER_CONFIG"] = str(config)
    return site


def test_up_builds_what_is_missing_and_releases_what_came_out(site: Site) -> None:
    tabib, cwd = site.tabib, site.folder
    dry = tabib("up", "--dry-run", cwd=cwd).well()
    assert "build image" in dry.out
    tabib("up", "--no-build", cwd=cwd).ended(6, "--no-build")
    tabib("up", cwd=cwd).well()
    assert site.words("ls", "/files") == "kept\nlink\n"
    assert site.words("readlink", "/files/link") == "/etc/hostname\n"
    assert site.words("cat", "/word") == "one\n"
    found = site.inspect(site.image)
    assert found["Config"]["Labels"]["mine"] == "yes"
    assert found["Config"]["Labels"]["com.docker.compose.image.builder"] == "classic"
    [release] = tabib("releases", "--json", cwd=cwd).json
    assert release["images"]["base"] == found["Id"]
    assert "nothing to do" in tabib("up", cwd=cwd).well().err
    assert "nothing to do" in tabib("up", "--build", cwd=cwd).well().err
    (cwd / "base" / "left").write_text("changed, and not in the context")
    assert "nothing to do" in tabib("up", "--build", cwd=cwd).well().err
    (cwd / "base" / "kept").write_text("changed")
    assert "1 recreated" in tabib("up", "--build", cwd=cwd).well().err
    assert site.words("cat", "/files/kept") == "changed"


def test_build_by_hand_in_the_order_of_its_bases(site: Site) -> None:
    tabib, cwd = site.tabib, site.folder
    site.add(
        f"  above:\n    build:\n      dockerfile_inline: |\n        FROM {site.image}\n"
        "        RUN cat /word > /said; ls -A /all || true\n        COPY . /all\n"
        "      context: base\n"
    )
    dry = tabib("build", "--dry-run", cwd=cwd).well()
    assert dry.out.index("-base") < dry.out.index("-above")
    done = tabib("build", "--json", "--build-arg", "WORD=two", cwd=cwd)
    assert {one["service"] for one in done.json} == {"base", "above"}
    for one in done.json:
        assert site.inspect(one["image"])["Id"] == one["id"]
    said = tabib("run", "--rm", "-T", "above", "sh", "-c", "cat /said; ls -A /all", cwd=cwd)
    assert said.well().out == "two\nkept\nlink\n", "an inline Dockerfile is not in the image"


def test_a_failing_instruction_is_told_with_its_line_and_last_words(site: Site) -> None:
    (site.folder / "base" / "Dockerfile").write_text(
        "FROM busybox:1.36\n\n# why\nRUN echo some \\\n  words; exit 9\n"
    )
    done = site.tabib("up", cwd=site.folder)
    done.ended(6, "ended with 9", "Dockerfile:4", "│ some words")
    assert not site.tabib.containers(site.tabib.prefix)


def test_ctrl_c_ends_the_build_on_the_engine(site: Site) -> None:
    (site.folder / "base" / "Dockerfile").write_text("FROM busybox:1.36\nRUN sleep 987\n")
    process = site.tabib.begin("build", cwd=site.folder)
    engine = site.tabib.engine

    def sleeping() -> bool:
        return any("sleep 987" in one["Command"] for one in engine.call("GET", "/containers/json"))

    until(sleeping, 20, "the build runs")
    begun = time.monotonic()
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=20)
    assert process.returncode == 130, out
    assert time.monotonic() - begun < 10
    until(lambda: not sleeping(), 10, "the build ends")


def test_a_command_that_dies_in_the_middle_leaves_no_build(site: Site) -> None:
    large = site.folder / "base" / "large"
    with large.open("wb") as file:
        file.truncate(8 << 30)  # as large as the engine takes a while for
    process = site.tabib.begin("build", cwd=site.folder)
    assert process.stdout is not None
    while "sending the context" not in (line := process.stdout.readline()):
        assert line, "it ended"
    process.kill()
    process.communicate()
    status = site.tabib("daemon", "status", "--json").json
    assert status["memory_bytes"] < 200_000_000
    until(
        lambda: not site.tabib("daemon", "status", "--json").json["operations"],
        20,
        "the daemon gives up",
    )
    assert site.tabib("images", cwd=site.folder).well()


def test_buildkit_builds_what_needs_it(buildkit: Site) -> None:
    site = buildkit
    (site.folder / "token").write_text("hunter2hunter2")
    site.add(
        "    # of base\nsecrets: {tok: {file: token}}\n"
    )  # fmt: skip
    (site.folder / "base" / "Dockerfile").write_text(
        "FROM busybox:1.36\n"
        "RUN --mount=type=secret,id=tok wc -c < /run/secrets/tok > /size\nCOPY . /files\n"
    )
    path = site.folder / "compose.yaml"
    path.write_text(path.read_text().replace("context: base,", "context: base, secrets: [tok],"))
    dry = site.tabib("build", "--dry-run", cwd=site.folder).well()
    assert "with BuildKit, for `secrets`" in dry.out
    site.tabib("up", cwd=site.folder).well()
    assert site.words("cat", "/size").strip() == "14"
    assert "left" not in site.words("ls", "/files").split()
    labels = site.inspect(site.image)["Config"]["Labels"]
    assert labels["com.docker.compose.service"] == "base"
    assert "hunter2" not in json.dumps(site.inspect(site.image))
    for file in site.tabib.state.glob("journal*"):
        assert b"hunter2hunter2" not in file.read_bytes()
    (site.folder / "base" / "Dockerfile").write_text(
        "FROM busybox:1.36\nRUN --mount=type=cache,target=/c echo the end; exit 8\n"
    )
    site.tabib("build", cwd=site.folder).ended(6, "ended with 8", "Dockerfile:2", "│ the end")


def test_buildkit_that_is_not_there_is_named(site: Site, tmp_path: Path) -> None:
    site.tabib.env["PATH"] = str(tmp_path)
    (site.folder / "base" / "Dockerfile").write_text(
        "FROM busybox:1.36\nRUN --mount=type=cache,target=/c true\n"
    )
    for verb in ("build", "up"):
        site.tabib(verb, "--dry-run", cwd=site.folder).ended(6, "RUN --mount (line 2)", "buildx")


def test_an_ssh_agent_of_the_file_and_of_the_command_line(buildkit: Site, tmp_path: Path) -> None:
    tabib, cwd = buildkit.tabib, buildkit.folder
    (cwd / "base" / "Dockerfile").write_text(
        "FROM busybox:1.36\nRUN --mount=type=ssh,required=true test -S $SSH_AUTH_SOCK\n"
    )
    tabib.env.pop("SSH_AUTH_SOCK", None)
    tabib("build", "--ssh", "default", cwd=cwd).ended(6, "no agent runs here", "ssh-agent")
    agent = socket.socket(socket.AF_UNIX)
    agent.bind(str(tmp_path / "agent"))
    agent.listen()
    with agent:
        tabib("build", "--ssh", f"default={tmp_path}/agent", cwd=cwd).well()
        tabib.env["SSH_AUTH_SOCK"] = f"{tmp_path}/agent"
        path = cwd / "compose.yaml"
        path.write_text(
            path.read_text().replace("context: base,", "context: base, ssh: [default],")
        )
        dry = tabib("build", "--dry-run", cwd=cwd).well()
        assert "with BuildKit, for `ssh`" in dry.out
        tabib("build", "--no-cache", cwd=cwd).well()


def test_several_platforms_are_kept_by_engines_that_can_and_refused_by_others(
    buildkit: Site,
) -> None:
    tabib, cwd = buildkit.tabib, buildkit.folder
    (cwd / "base" / "Dockerfile").write_text("FROM scratch\nCOPY kept /\n")
    path = cwd / "compose.yaml"
    both = "context: base, platforms: [linux/amd64, linux/arm64],"
    path.write_text(path.read_text().replace("context: base,", both))
    done = tabib("build", cwd=cwd)
    status = tabib.engine.call("GET", "/info").get("DriverStatus") or []
    if ["driver-type", "io.containerd.snapshotter.v1"] not in status:
        done.ended(6, "linux/amd64, linux/arm64", "cannot be kept", "--push", "containerd")
        tabib("build", "--push", cwd=cwd).ended(6, "no `image:`")
        return
    done.well()
    seen = tabib.engine.call("GET", "/images/json", query=[("manifests", "1")])
    [image] = [one for one in seen if f"{buildkit.image}:latest" in (one["RepoTags"] or ())]
    platforms = {one["ImageData"]["Platform"]["architecture"] for one in image["Manifests"]}
    assert platforms == {"amd64", "arm64"}


def test_a_limit_of_memory_holds_for_each_instruction(site: Site) -> None:
    files = "/sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max"
    (site.folder / "base" / "Dockerfile").write_text(
        f"FROM busybox:1.36\nRUN cat {files} 2>/dev/null > /limit || true\n"
    )
    site.tabib("build", "-m", "64m", cwd=site.folder).well()
    site.tabib("up", cwd=site.folder).well()
    assert site.words("cat", "/limit").strip() == str(64 << 20)


@pytest.mark.parametrize(
    ("option", "instead"),
    [("--check", "docker buildx build --check"), ("--print", "docker compose build --print")],
)
def test_what_is_compose_alone_is_named(site: Site, option: str, instead: str) -> None:
    site.tabib("build", option, cwd=site.folder).ended(2, instead)
