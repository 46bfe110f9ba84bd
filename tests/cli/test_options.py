"""Global options work before and after the command; short names of commands stay theirs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.conftest import Tabib
from support.protocol import ProtocolServer, of_stream

DONE = of_stream({"type": "result", "containers": []})


@pytest.mark.parametrize(
    "argv", [["-p", "other", "ps"], ["ps", "-p", "other"], ["ps", "--project-name=other"]]
)
def test_project_name_before_and_after(
    argv: list[str], tabib: Tabib, daemon: ProtocolServer
) -> None:
    daemon.on("GET /v1/containers", [])
    assert tabib(*argv).code == 0
    assert daemon.to("GET /v1/containers")[0].query["project"] == ["other"]


@pytest.mark.parametrize(
    "argv",
    [
        ["-f", "a.yaml", "-f", "b.yaml", "config"],
        ["config", "-f", "a.yaml", "-f", "b.yaml"],
        ["-f", "a.yaml", "config", "-f", "b.yaml"],
    ],
)
def test_files_add_up_in_order(argv: list[str], tabib: Tabib, project: Path) -> None:
    (project / "a.yaml").write_text("name: x\nservices: {web: {image: 'a', hostname: h}}\n")
    (project / "b.yaml").write_text("services: {web: {image: 'b'}}\n")
    service = tabib(*argv, "--json").json["services"]["web"]
    assert (service["image"], service["hostname"]) == ("b", "h")


def test_what_comes_after_the_command_wins(tabib: Tabib, daemon: ProtocolServer) -> None:
    daemon.on("GET /v1/containers", [])
    tabib("-p", "first", "ps", "-p", "second")
    assert daemon.to("GET /v1/containers")[0].query["project"] == ["second"]


def test_f_of_logs_is_follow(tabib: Tabib, daemon: ProtocolServer) -> None:
    daemon.on("GET /v1/projects/shop/logs", of_stream())
    daemon.on("GET /v1/containers", [])
    assert tabib("-p", "shop", "logs", "-f").code == 0
    assert daemon.to("GET /v1/projects/shop/logs")[0].query["follow"] == ["1"]


def test_f_of_rm_is_force(tabib: Tabib, project: Path, daemon: ProtocolServer) -> None:
    daemon.on("POST /v1/projects/shop/actions", DONE)
    assert tabib("rm", "-f", "web").code == 0
    assert daemon.to("POST /v1/projects/shop/actions")[0].json["services"] == ["web"]


def test_rm_without_a_terminal_refuses_to_guess(tabib: Tabib, project: Path) -> None:
    done = tabib("rm")
    assert done.code == 3
    assert "--force" in done.err


def test_every_request_names_the_engine(
    tabib: Tabib, daemon: ProtocolServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://10.0.0.7:2375")
    daemon.on("GET /v1/containers", [])
    tabib("-p", "shop", "ps")
    header = daemon.to("GET /v1/containers")[0].headers["x-tabib-endpoint"]
    assert json.loads(header)["url"] == "tcp://10.0.0.7:2375"


def test_profiles_and_env_files_reach_the_loader(tabib: Tabib, project: Path) -> None:
    (project / "vars").write_text("TAG=7\n")
    (project / "compose.yaml").write_text(
        "name: s\nservices:\n  a: {image: 'a:${TAG}'}\n  b: {image: b, profiles: [extra]}\n"
    )
    found = tabib("config", "--env-file", "vars", "--profile", "extra", "--json").json["services"]
    assert found["a"]["image"] == "a:7"
    assert set(found) == {"a", "b"}


def test_colour_is_asked_for_or_not(tabib: Tabib, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b[" in tabib("-f", "/nowhere.yaml", "--ansi", "always", "config").err
    assert "\x1b[" not in tabib("-f", "/nowhere.yaml", "config").err
    assert "\x1b[" not in tabib("-f", "/nowhere.yaml", "config", "--no-color").err


@pytest.mark.parametrize("url", ["ftp://x", "unix:relative", "http://nohost", "http://h:99999"])
def test_a_bad_host_is_wrong_usage(url: str, tabib: Tabib) -> None:
    done = tabib("--host", url, "ps")
    assert (done.code, "unix:///" in done.err) == (2, True)
