"""The whole product on a real engine, as a user has it. One owner per engine: one test at a time.

Every test gets an installation of its own, with nothing on the engine, and leaves nothing.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from setup import engine_api

from support import compose_oracle, own_engine, real_engine
from support.installation import Installation, forget_tags, free_engine, kept_tags, owner_of

SHOP_IMAGES = ("nginx:1", "python:3.11-slim", "postgres:15", "redis:7")
_LEFT_OUT: list[str] = []
no_engine = own_engine.possible()
collect_ignore = ["test_engine_restart.py"] if no_engine else []
if no_engine:
    _LEFT_OUT.append(f"tests/e2e/test_engine_restart.py: {no_engine}")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "root: mounts, other users or processes of containers")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """All of these need an engine; some need root, and without it are left out, and named."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.engine)
    if os.geteuid() == 0:
        return
    barred = [item for item in items if item.get_closest_marker("root")]
    _LEFT_OUT.extend(f"{item.nodeid}: needs root" for item in barred)
    items[:] = [item for item in items if item not in barred]
    config.hook.pytest_deselected(items=barred)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for line in _LEFT_OUT:
        terminalreporter.write_line(f"left out: {line}")


@pytest.fixture(scope="session")
def engine() -> Iterator[engine_api.Engine]:
    """The engine, with the tests' image on it and without an owner."""
    real_engine.ensure_images(real_engine.IMAGE)
    found = engine_api.Engine(engine_api.find())
    free_engine(found)
    before = kept_tags(found)
    yield found
    forget_tags(found, kept_tags(found) - before)


@pytest.fixture(scope="session")
def shop_images(engine: engine_api.Engine) -> None:
    """The four images of the shop."""
    real_engine.ensure_images(*SHOP_IMAGES)


@pytest.fixture(scope="session")
def free_port() -> Callable[[], int]:
    """Ports that nobody listens on."""

    def find() -> int:
        with socket.socket() as probe:
            probe.bind(("0.0.0.0", 0))
            return int(probe.getsockname()[1])

    return find


@pytest.fixture
def tabib(engine: engine_api.Engine, tmp_path: Path) -> Iterator[Installation]:
    """A fresh installation; what it made is gone at the end, also where the test failed."""
    made = Installation(tmp_path / "s", engine)
    try:
        yield made
    finally:
        made.clear()
        owner = owner_of(engine) or {}
        assert owner.get("tabib.state-dir") != str(made.state), "it still owns the engine"


@pytest.fixture
def compose(engine: engine_api.Engine) -> Callable[..., compose_oracle.Answer]:
    """Docker Compose itself, on the same engine."""

    def run(*words: str, cwd: Path, **env: str) -> compose_oracle.Answer:
        return run_compose(engine, *words, cwd=cwd, **env)

    return run


def run_compose(
    engine: engine_api.Engine, *words: str, cwd: Path, **env: str
) -> compose_oracle.Answer:
    """Docker Compose to its end, on ``engine``. :raises AssertionError: it failed."""
    home = {"HOME": os.environ.get("HOME", "/tmp"), "DOCKER_HOST": engine.endpoint.url}
    answer = compose_oracle.ask(list(words), cwd=cwd, env={**home, **env})
    assert answer.code == 0, f"docker compose {' '.join(words)}: {answer.err}"
    return answer


def field(inspection: dict[str, Any] | None, *path: str) -> Any:
    """A value deep in an inspection; None where something on the way is missing."""
    found: Any = inspection
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    return found
