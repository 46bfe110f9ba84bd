"""A machine is lost; what it had comes back from a real SFTP server, by its key and an SSH key."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from setup import engine_api

from stores import repository_servers as servers
from support.installation import Installation
from support.real_engine import ensure_images
from tabib.model.backup import RepositoryAddress
from tabib.model.settings import BackupSettings

pytestmark = [pytest.mark.root, pytest.mark.slow, pytest.mark.timeout(300)]

PROJECT = """
x-tabib: {{backup: {{schedule: never, drill: never, repositories: [{{url: "{url}",
  environment: {{TABIB_SSH_KEY: "${{SSH_KEY}}", TABIB_SSH_KNOWN_HOSTS: "${{SSH_HOSTS}}"}}}}]}}}}
services:
  keeper:
    image: busybox:1.36
    init: true
    stop_grace_period: 1s
    command: [sleep, "3600"]
    volumes: ["kept:/kept"]
volumes: {{kept: {{}}}}
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RepositoryAddress]:
    with servers.sftp(tmp_path) as address:
        yield address


def test_what_is_lost_comes_back_from_an_sftp_server(
    engine: engine_api.Engine, server: RepositoryAddress, tmp_path: Path
) -> None:
    ensure_images("busybox:1.36", BackupSettings().image)
    ssh = dict(server.environment)
    keys = {"SSH_KEY": ssh["TABIB_SSH_KEY"], "SSH_HOSTS": ssh["TABIB_SSH_KNOWN_HOSTS"]}
    tabib = Installation(tmp_path / "a", engine, env=keys)
    key_file = tmp_path / "key.txt"
    try:
        folder = tabib.project(tmp_path / "p", PROJECT.format(url=server.url))
        tabib("up", cwd=folder).well()
        exec_ = ("-p", tabib.prefix, "exec", "-T", "keeper")
        tabib(*exec_, "sh", "-c", "echo 7 > /kept/seven; chown 33:44 /kept/seven").well()
        tabib("backup", cwd=folder, timeout_s=120).well()
        key_file.write_text(tabib("backup", "--key", "--yes", "--json").json["key"])
    finally:
        tabib.sweep()
    shutil.rmtree(tabib.state)
    shutil.rmtree(folder)
    bare = Installation(tmp_path / "b", engine, prefix=tabib.prefix)
    recover = ("recover", "--repository", server.url, "--key-file", str(key_file))
    try:
        # Without the SSH key nothing is begun.
        bare(*recover, "--yes", timeout_s=120).ended(6, "cannot open sftp:", "credentials")
        bare.env |= ssh
        plan = bare(*recover, "--dry-run", "--json", timeout_s=120).json
        assert [one["state"] for one in plan["projects"]] == ["ready"]
        bare(*recover, "--yes", timeout_s=120).well()
        assert bare(*exec_, "cat", "/kept/seven").well().out.strip() == "7"
        assert bare(*exec_, "stat", "-c", "%u:%g", "/kept/seven").well().out.strip() == "33:44"
        # It goes on being copied there.
        bare("-p", tabib.prefix, "backup", timeout_s=120).well()
        assert len(bare("snapshots", tabib.prefix, "--json").json) == 2
    finally:
        bare.sweep()
