"""The hashes that Compose really writes on an engine are the ones that a load gives."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support import compose_oracle, real_engine
from tabib.cli.files import RealFiles
from tabib.compose import LoadRequest, load
from tabib.model.container import LABEL_CONFIG_HASH, LABEL_SERVICE
from tabib.model.project import Project

pytestmark = [pytest.mark.oracle, pytest.mark.engine]

TEXT = f"""
services:
  one:
    image: {real_engine.IMAGE}
    command: sleep 1000
    stop_grace_period: 1s
    env_file: one.env
    label_file: labels.txt
    labels: {{text: "<&> $$ ü"}}
    networks: {{inner: {{aliases: [other]}}, default: }}
    volumes: ["data:/data", "more:/more:ro"]
  two:
    image: {real_engine.IMAGE}
    command: [sleep, "1000"]
    stop_grace_period: 1s
    deploy: {{replicas: 2, resources: {{limits: {{cpus: "0.5", memory: 64m}}}}}}
    depends_on: [one]
    secrets: [hidden]
    healthcheck: {{test: "true", interval: 90s}}
networks:
  inner: {{labels: [a=b], internal: true}}
volumes:
  data:
  more: {{labels: {{a: 1}}}}
secrets:
  hidden: {{file: ./one.env}}
"""


def _environment() -> dict[str, str]:
    kept = ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "HOME")
    return {name: os.environ[name] for name in kept if name in os.environ}


@pytest.fixture(name="folder")
def _folder(tmp_path: Path, project_name: str, engine_address: object) -> Iterator[Path]:
    (tmp_path / "compose.yaml").write_text(f"name: {project_name}\n{TEXT}")
    (tmp_path / "one.env").write_text("FROM_FILE='1 2'\n")
    (tmp_path / "labels.txt").write_text("from.file=yes\n")
    try:
        answer = compose_oracle.ask(["up", "-d", "--quiet-pull"], cwd=tmp_path, env=_environment())
        assert answer.code == 0, answer.err
        yield tmp_path
    finally:
        compose_oracle.ask(["down", "-v", "-t", "1"], cwd=tmp_path, env=_environment())


def _labels(*command: str) -> list[dict[str, str]]:
    done = subprocess.run(["docker", *command], capture_output=True, check=True, timeout=60)
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return [item.get("Config", item)["Labels"] for item in found]


def _containers(project: Project) -> list[str]:
    names = [f"{project.name}-one-1", f"{project.name}-two-1", f"{project.name}-two-2"]
    assert project.services["two"].replicas == 2
    return names


def test_compose_labels_what_it_creates_with_our_hashes(folder: Path) -> None:
    project = load(LoadRequest(cwd=str(folder), environment=_environment()), RealFiles())
    for labels in _labels("inspect", *_containers(project)):
        assert labels[LABEL_CONFIG_HASH] == project.services[labels[LABEL_SERVICE]].config_hash
    for network in project.networks.values():
        [labels] = _labels("network", "inspect", network.name)
        assert labels[LABEL_CONFIG_HASH] == network.config_hash
    for volume in project.volumes.values():
        [labels] = _labels("volume", "inspect", volume.name)
        assert labels[LABEL_CONFIG_HASH] == volume.config_hash
    assert len(project.networks) == 2
    assert len(project.volumes) == 2
