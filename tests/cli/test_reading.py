"""Commands that look: tables for people, JSON for programs."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cli.conftest import Tabib
from support.protocol import ProtocolServer, of_error, of_stream
from tabib.cli.commands.ps import CONTRACT
from tabib.cli.console import Console
from tabib.cli.moments import parse_moment
from tabib.cli.render.containers import container_table, port_list
from tabib.cli.render.logs import in_time_order
from tabib.model.errors import UsageError

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def row(**more: Any) -> dict[str, Any]:
    return {
        "project": "shop", "service": "web", "slot": 1, "name": "shop-web-1", "id": "ab" * 32,
        "image": "nginx:1", "state": "running", "health": "healthy", "release": 3,
        "cluster": "default", "node": "n1", "started_at": "2026-11-23T11:55:00Z", "restarts": 0,
        "ports": [{"container_port": 80, "protocol": "tcp", "host_ip": "", "host_port": 8080}],
        "exit_code": None, **more,
    }  # fmt: skip


DB = row(service="db", name="shop-db-1", id="cd" * 32, image="postgres:15", state="exited",
         health="", exit_code=3, ports=[], started_at=None, restarts=2)  # fmt: skip


def test_ps_table() -> None:
    lines = container_table([row(), DB], Console(), projects=False, no_trunc=False, now=NOW)
    assert [line.split() for line in lines] == [
        ["NAME", "SERVICE", "IMAGE", "STATE", "RELEASE", "PORTS"],
        ["shop-web-1", "web", "nginx:1", "healthy", "5", "min", "3", "0.0.0.0:8080→80/tcp"],
        ["shop-db-1", "db", "postgres:15", "exited", "(3),", "2", "restarts", "3"],
    ]


def test_ps_json_has_the_contract_first(
    tabib: Tabib, daemon: ProtocolServer, project: Path
) -> None:
    daemon.on("GET /v1/containers", [row()])
    (found,) = tabib("ps", "--json").json
    assert tuple(found)[: len(CONTRACT)] == CONTRACT
    assert found["exit_code"] is None
    assert tabib("ps", "--format", "json").json == [found]


def test_ps_without_a_file_shows_all_projects(
    tabib: Tabib, daemon: ProtocolServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    daemon.on("GET /v1/containers", [row(), row(project="blog", name="blog-web-1")])
    lines = tabib("ps").out.splitlines()
    assert lines[0].split()[0] == "PROJECT"
    assert [line.split()[0] for line in lines[1:]] == ["shop", "blog"]
    assert "project" not in daemon.to("GET /v1/containers")[0].query


def test_ps_filters(tabib: Tabib, daemon: ProtocolServer, project: Path) -> None:
    daemon.on("GET /v1/containers", [row(), DB])
    assert tabib("ps", "-q", "--status", "exited").out == "cd" * 6 + "\n"
    assert daemon.to("GET /v1/containers")[-1].query["all"] == ["1"]
    assert tabib("ps", "--services", "--filter", "health=healthy").out == "web\n"
    assert tabib("ps", "-q", "--no-trunc", "web").out.splitlines()[0] == "ab" * 32
    assert daemon.to("GET /v1/containers")[-1].query["service"] == ["web"]
    assert tabib("ps", "--filter", "colour=red").code == 2


@pytest.mark.parametrize(
    ("ports", "text"),
    [
        ([{"container_port": 80, "protocol": "tcp", "host_ip": "0.0.0.0", "host_port": 80},
          {"container_port": 80, "protocol": "tcp", "host_ip": "::", "host_port": 80}],
         "0.0.0.0:80→80/tcp"),
        ([{"container_port": 53, "protocol": "udp", "host_ip": "::1", "host_port": 5353}],
         "[::1]:5353→53/udp"),
        ([{"container_port": 443, "protocol": "tcp", "host_ip": "", "host_port": 0}], "443/tcp"),
        ([], ""),
    ],
)  # fmt: skip
def test_ports(ports: list[Any], text: str) -> None:
    assert port_list(ports) == text


def test_port(tabib: Tabib, daemon: ProtocolServer, project: Path) -> None:
    daemon.on("GET /v1/containers", [row(slot=2, ports=[]), row()])
    assert tabib("port", "web", "80").out == "0.0.0.0:8080\n"
    assert tabib("port", "--json", "web", "80").json == [{"host_ip": "0.0.0.0", "host_port": 8080}]
    assert tabib("port", "--protocol", "udp", "web", "80").code == 2
    assert tabib("port", "--index", "2", "web", "80").code == 2


def test_ls(tabib: Tabib, daemon: ProtocolServer) -> None:
    daemon.on("GET /v1/projects", [
        {"project": "shop", "status": "running(2)", "running": 2, "care": "act", "release": 3,
         "config_files": ["/srv/a.yaml", "/srv/b.yaml"]},
        {"project": "old", "status": "exited(1)", "running": 0, "care": None, "release": None,
         "config_files": []},
    ])  # fmt: skip
    assert tabib("ls", "-q").out == "shop\n"
    assert tabib("ls", "-q", "-a").out == "shop\nold\n"
    assert tabib("ls", "-a", "--filter", "name=ol", "--json").json[0]["project"] == "old"
    assert "/srv/a.yaml, /srv/b.yaml" in tabib("ls").out


def test_images_and_releases(tabib: Tabib, daemon: ProtocolServer, project: Path) -> None:
    daemon.on("GET /v1/projects/shop/images", [
        {"container": "shop-web-1", "service": "web", "repository": "nginx", "tag": "1",
         "id": "sha256:" + "ef" * 32, "size_bytes": 187_000_000, "platform": "linux/amd64"},
    ])  # fmt: skip
    assert tabib("images").out.splitlines()[1].split() == [
        "shop-web-1", "nginx", "1", "linux/amd64", "ef" * 6, "187", "MB"]  # fmt: skip
    assert tabib("images", "-q").out == "ef" * 6 + "\n"
    assert tabib("images", "--json", "db").json == []
    daemon.on("GET /v1/projects/shop/releases", [
        {"number": 2, "created_at": "2026-01-01T00:00:00Z", "by": "ada@vm", "reason": "up",
         "verdict": "good", "config_hash": "9" * 64, "images": {}, "backup": None}])  # fmt: skip
    assert tabib("releases").out.splitlines()[1].split()[0] == "2"
    assert tabib("releases", "--json").json[0]["by"] == "ada@vm"


def test_config_lists(tabib: Tabib, project: Path) -> None:
    assert tabib("config", "--services").out == "db\nweb\n"
    assert tabib("config", "--images").out == "postgres:15\nnginx:1\n"
    assert tabib("config", "-q").out == ""
    assert tabib("config", "web", "-o", "out.json", "--json").code == 0
    assert '"nginx:1"' in (project / "out.json").read_text()
    hashes = dict(line.split() for line in tabib("config", "--hash", "*").out.splitlines())
    assert {name: len(value) for name, value in hashes.items()} == {"db": 64, "web": 64}


# ── logs ───────────────────────────────────────────────────────────────────────────────────────


def line(container: str, at: str, text: str) -> dict[str, Any]:
    service = container.split("-")[1]
    return {"container": container, "service": service, "slot": 1, "stream": "stdout",
            "text": text, "at": at}  # fmt: skip


LINES = [
    line("shop-web-1", "2026-01-01T00:00:01.5Z", "second"),
    line("shop-web-1", "2026-01-01T00:00:03Z", "fourth"),
    line("shop-db-1", "2026-01-01T00:00:01.25Z", "first"),
    line("shop-db-1", "2026-01-01T00:00:02Z", "third"),
]


def test_logs_are_in_time_order_behind_aligned_prefixes(
    tabib: Tabib, daemon: ProtocolServer, project: Path
) -> None:
    daemon.on("GET /v1/projects/shop/logs", of_stream(*LINES))
    daemon.on("GET /v1/containers", [row(), row(name="shop-db-1"), row(name="shop-worker-10")])
    assert tabib("logs").out == (
        "db-1       | first\nweb-1      | second\ndb-1       | third\nweb-1      | fourth\n"
    )


def test_logs_as_they_are(tabib: Tabib, daemon: ProtocolServer, project: Path) -> None:
    daemon.on("GET /v1/projects/shop/logs", of_stream(*LINES))
    daemon.on("GET /v1/containers", [row()])
    assert tabib("logs", "--no-log-prefix").out.splitlines()[0] == "first"
    assert tabib("logs", "--no-log-prefix", "-t").out.startswith("2026-01-01T00:00:01.25Z first\n")
    asked = tabib("logs", "-n", "5", "--since", "2026-01-01T00:00:00Z", "web", "db", "--json")
    assert asked.out.count("\n") == 4
    query = daemon.to("GET /v1/projects/shop/logs")[-1].query
    assert (query["service"], query["tail"]) == (["web", "db"], ["5"])
    assert query["since"] == ["2026-01-01T00:00:00Z"]
    assert tabib("logs", "-n", "x").code == 2


def test_logs_colours_differ_by_container(
    tabib: Tabib, daemon: ProtocolServer, project: Path
) -> None:
    daemon.on("GET /v1/projects/shop/logs", of_stream(*LINES))
    daemon.on("GET /v1/containers", [row(), row(name="shop-db-1")])
    out = tabib("--ansi", "always", "logs").out.splitlines()
    colours = {text.split("m", 1)[0] for text in out}
    assert len(colours) == 2
    assert out[0].split("m", 1)[0] == out[2].split("m", 1)[0]


def test_an_error_within_the_logs(tabib: Tabib, daemon: ProtocolServer, project: Path) -> None:
    error = {"kind": "engine_unavailable", "happened": "it went away"}
    daemon.on("GET /v1/projects/shop/logs", of_stream(LINES[0], {"type": "error", "error": error}))
    daemon.on("GET /v1/containers", [])
    assert tabib("logs", "-f").code == 5


def test_order_of_one_container_is_kept_where_its_clock_jumps() -> None:
    jumped = [line("shop-a-1", "2026-01-01T00:00:09Z", "1"),
              line("shop-a-1", "2026-01-01T00:00:02Z", "2")]  # fmt: skip
    assert [entry["text"] for entry in in_time_order(jumped)] == ["1", "2"]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("10m", NOW - timedelta(minutes=10)),
        ("1h30m", NOW - timedelta(minutes=90)),
        ("2d", NOW - timedelta(days=2)),
        ("2026-11-23T08:00:00Z", NOW.replace(hour=8)),
        ("2026-11-23T10:00:00+02:00", NOW.replace(hour=8)),
        ("1700000000", datetime.fromtimestamp(1_700_000_000, UTC)),
    ],
)
def test_moments(text: str, moment: datetime) -> None:
    found = parse_moment(text, NOW)
    assert found is not None
    assert datetime.fromisoformat(found) == moment


def test_no_moment() -> None:
    assert parse_moment(None, NOW) is None
    with pytest.raises(UsageError):
        parse_moment("yesterday", NOW)


# ── version, daemon, completion ────────────────────────────────────────────────────────────────


def test_version(tabib: Tabib, daemon: ProtocolServer) -> None:
    from tabib import __version__

    assert tabib("version", "--short").out == f"{__version__}\n"
    assert "in the background" in tabib("version").out
    assert tabib("version", "--json").json["daemon"]["version"] == __version__
    gone = tabib("--host", "unix:///nowhere/tabib.sock", "version")
    assert (gone.code, "not running" in gone.out) == (0, True)


def test_daemon_status(tabib: Tabib, daemon: ProtocolServer) -> None:
    daemon.on("GET /v1/daemon/status", {
        "version": "0.1.0", "pid": 7, "started_at": "2026-01-01T00:00:00Z",
        "memory_bytes": 50_000_000, "cpu_seconds": 3.5,
        "state": {"dir": "/s", "journal_bytes": 2_000_000, "mode": "act"},
        "engines": [{"endpoint": "unix:///e.sock", "connected": True, "owner": "me",
                     "mode": "act", "events_seen": 9, "resyncs": 1, "projects": ["shop"]}],
    })  # fmt: skip
    done = tabib("daemon", "status")
    assert done.code == 0
    assert "50.0 MB of memory, 3.5 s of CPU" in done.out
    assert any("unix:///e.sock" in one and "shop" in one for one in done.out.splitlines())
    assert tabib("daemon", "status", "--json").json["pid"] == 7
    assert tabib("--host", "unix:///nowhere/t.sock", "daemon", "status").code == 1


def test_completion_scripts(tabib: Tabib) -> None:
    for shell in ("bash", "zsh", "fish"):
        done = tabib("completion", shell)
        assert done.code == 0
        assert "_TABIB_COMPLETE" in done.out


def complete(monkeypatch: pytest.MonkeyPatch, *words: str) -> list[str]:
    monkeypatch.setenv("_TABIB_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", " ".join(words))
    monkeypatch.setenv("COMP_CWORD", str(len(words) - 1))
    done = subprocess.run(
        [sys.executable, "-m", "tabib"], capture_output=True, text=True, check=True, timeout=60
    )
    return [entry.split(",")[1] for entry in done.stdout.split()]


def test_completion_of_names(
    tabib: Tabib, daemon: ProtocolServer, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon.on("GET /v1/projects", [{"project": "shop"}, {"project": "blog"}])
    assert complete(monkeypatch, "tabib", "logs", "w") == ["web"]
    assert complete(monkeypatch, "tabib", "adopt", "b") == ["blog"]
    assert "ps" in complete(monkeypatch, "tabib", "p")
    daemon.on("GET /v1/projects", of_error(503, kind="engine_unavailable", happened="gone"))
    assert complete(monkeypatch, "tabib", "adopt", "b") == []
