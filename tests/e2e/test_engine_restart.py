"""An engine that stops or crashes: what ran runs again, what was stopped by hand stays stopped."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from setup import engine_api

from support import real_engine
from support.installation import Installation, until
from support.own_engine import OwnEngine

PROJECT = """
x-sleeper: &sleeper
  image: busybox:1.36
  command: ["sleep", "3600"]
  init: true
  stop_grace_period: 1s
  # So that what is brought back is known to be well at once.
  healthcheck: {test: ["CMD", "true"], interval: 1s}
services:
  always:
    <<: *sleeper
    restart: always
  plain:
    <<: *sleeper
    restart: on-failure
  unwritten: *sleeper
  by_hand: *sleeper
"""
BACK_S = 60.0
RAN = ("always", "plain", "unwritten")


@pytest.fixture(scope="module")
def own(engine: engine_api.Engine) -> Iterator[OwnEngine]:
    made = OwnEngine()
    try:
        made.start()
        made.take_image(real_engine.IMAGE, engine)
        yield made
    finally:
        made.close()


@pytest.fixture
def there(own: OwnEngine, tmp_path: Path) -> Iterator[Installation]:
    made = Installation(tmp_path / "s", own.engine, env={"DOCKER_HOST": own.url})
    try:
        yield made
    finally:
        made.clear()


@pytest.mark.parametrize("crash", [False, True], ids=["stopped", "killed"])
def test_what_ran_is_brought_back(
    own: OwnEngine, there: Installation, tmp_path: Path, crash: bool
) -> None:
    folder = there.project(tmp_path / "p", PROJECT)
    there("up", cwd=folder).well()
    name = {service: f"{there.prefix}-{service}-1" for service in (*RAN, "by_hand")}
    ids = {service: (there.inspect(one) or {})["Id"] for service, one in name.items()}
    own.engine.call("POST", f"/containers/{name['by_hand']}/stop", query=[("t", "1")])
    # tabib takes a moment to be sure that it was no restart.
    until(lambda: _halted(there, folder, name["by_hand"]), BACK_S, "the stop, understood")

    own.kill() if crash else own.stop()
    there("up", cwd=folder).ended(5, own.url, "→")
    own.start()

    begun = time.monotonic()
    until(lambda: all(there.running(name[s]) for s in RAN), BACK_S, "all that ran, running")
    print(f"\nback {time.monotonic() - begun:.1f} s after the engine answered")
    assert not there.running(name["by_hand"])
    assert {s: (there.inspect(one) or {})["Id"] for s, one in name.items()} == ids
    connected = there("daemon", "status", "--json").json["engines"][0]
    assert connected["connected"]
    until(
        lambda: all(one["outcome"] != "open" for one in there.incidents(there.prefix)),
        BACK_S,
        "the incidents' ends",
    )
    left = [one for one in there.incidents(there.prefix) if one["outcome"] != "recovered"]
    assert not left, json.dumps(left, indent=1)
    assert not there.running(name["by_hand"])


def _halted(there: Installation, folder: Path, container: str) -> bool:
    """Whether tabib knows that somebody stopped the container on purpose."""
    rows = there("ps", "-a", "--json", cwd=folder).json
    return any(row["name"] == container and row["halted"] == "stopped" for row in rows)
