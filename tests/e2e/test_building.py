"""Builds as a person has them: `build`, `up --build`, Ctrl-C, `.dockerignore`, BuildKit."""

from __future__ import annotations

import json
import signal
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


def test_buildkit_builds_what_needs_it(site: Site) -> None:
    config = buildx.ensure()
    assert config is not None, "docker buildx is not to be had here"
    site.tabib.env["DOCKER_CONFIG"] = str(config)
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
