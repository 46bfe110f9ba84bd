"""What people do to containers by hand: their will is respected, and accidents are made good."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from setup import engine_api

from e2e.conftest import run_compose
from e2e.shop import started
from support.installation import Installation, until

PAIR = """
services:
  front:
    image: busybox:1.36
    command: ["sleep", "3600"]
    init: true
    stop_grace_period: 1s
    depends_on: [back]
    healthcheck: {test: ["CMD", "true"], interval: 1s}
  back:
    image: busybox:1.36
    command: ["sleep", "3600"]
    init: true
    stop_grace_period: 1s
    restart: always
"""
SETTLED_S = 4.5
"""Longer than tabib waits to see whether a stop was the first half of a restart."""
BACK_S = 20.0


class Pair:
    """Two containers in care, and ways to lay hands on them."""

    def __init__(self, tabib: Installation, folder: Path) -> None:
        self.tabib = tabib
        self.folder = folder
        self.front = f"{tabib.prefix}-front-1"
        self.back = f"{tabib.prefix}-back-1"

    def by_hand(self, action: str, container: str, **query: str) -> None:
        """What ``docker <action>`` asks of the engine."""
        method, path = "POST", f"/containers/{container}/{action}"
        if action == "rm":
            method, path = "DELETE", f"/containers/{container}"
        self.tabib.engine.call(method, path, query=list(query.items()))

    def compose(self, *words: str) -> None:
        run_compose(self.tabib.engine, *words, cwd=self.folder)

    def up(self) -> None:
        """All well again, whatever a test has done."""
        self.tabib("up", cwd=self.folder).well()
        assert self.tabib.running(self.front)
        assert self.tabib.running(self.back)

    def state(self) -> dict[str, tuple[str, str, bool]]:
        """Container → its id, when it was started, whether it runs."""
        found = {}
        for name in self.tabib.containers(self.tabib.prefix):
            inspection = self.tabib.inspect(name)
            if inspection:
                running = bool(inspection["State"]["Running"])
                found[name] = (inspection["Id"], started(inspection), running)
        return found

    def stays(self, expected: dict[str, tuple[str, str, bool]], why: str) -> None:
        """Nothing changes for long enough, and no incident is opened."""
        deadline = time.monotonic() + SETTLED_S
        while time.monotonic() < deadline:
            assert self.state() == expected, why
            time.sleep(0.25)

    def incidents(self) -> list[dict[str, Any]]:
        return self.tabib.incidents(self.tabib.prefix)

    def troubles(self) -> dict[str, int]:
        """Incident → how often it was treated; the same trouble again is the same incident."""
        return {one["id"]: len(one["treatments"]) for one in self.incidents()}


@pytest.fixture(scope="module")
def installed(
    engine: engine_api.Engine, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pair]:
    tabib = Installation(tmp_path_factory.mktemp("hand") / "s", engine)
    try:
        yield Pair(tabib, tabib.project(tabib.state.parent / "p", PAIR))
    finally:
        tabib.clear()


@pytest.fixture
def pair(installed: Pair) -> Pair:
    installed.up()
    return installed


def test_what_was_ended_by_hand_stays_down(pair: Pair) -> None:
    known = pair.troubles()
    pair.by_hand("stop", pair.front)
    pair.by_hand("kill", pair.back)
    down = pair.state()
    assert not any(running for _, _, running in down.values())
    pair.stays(down, "docker stop and docker kill are a person's will")
    assert pair.troubles() == known, pair.incidents()
    pair.tabib("start", cwd=pair.folder).well()
    assert all(running for _, _, running in pair.state().values())


def test_it_is_cared_for_again_once_started_by_hand(pair: Pair) -> None:
    pair.by_hand("stop", pair.front)
    stopped = pair.state()
    pair.stays(stopped, "stopped by hand")
    pair.by_hand("start", pair.front)
    pair.by_hand("rm", pair.front, force="1")
    until(lambda: pair.tabib.running(pair.front), BACK_S, "front anew")


def test_a_restart_by_hand_is_left_alone(pair: Pair) -> None:
    known = pair.troubles()
    pair.by_hand("restart", pair.front)
    pair.by_hand("restart", pair.back)
    restarted = pair.state()
    assert all(running for _, _, running in restarted.values())
    pair.stays(restarted, "nothing to add")
    assert pair.troubles() == known


def test_a_running_container_that_is_removed_comes_back(pair: Pair) -> None:
    known = pair.troubles()
    before = pair.state()
    pair.by_hand("rm", pair.front, force="1")
    until(lambda: pair.tabib.running(pair.front), BACK_S, "front anew")
    after = pair.state()
    assert after[pair.front][0] != before[pair.front][0]
    assert after[pair.back] == before[pair.back]

    def healed() -> dict[str, Any] | None:
        for one in pair.incidents():
            if one["closed_at"] and len(one["treatments"]) > known.get(one["id"], 0):
                return one
        return None

    incident = until(healed, BACK_S, "the incident's end")
    assert (incident["cause"]["code"], incident["outcome"]) == ("config.drift", "recovered")


def test_a_will_that_shows_just_after_a_healing(pair: Pair) -> None:
    """While tabib watches whether its treatment lasts, a restart or stop is no failure of it.

    Without a health check it watches for ten seconds.
    """
    pair.by_hand("rm", pair.back, force="1")
    until(lambda: pair.tabib.running(pair.back), BACK_S, "back anew")
    known = pair.troubles()
    time.sleep(2.5)  # longer than the back-off before a second treatment
    pair.by_hand("restart", pair.back)
    restarted = pair.state()
    pair.by_hand("stop", pair.back)
    stopped = pair.state()
    assert stopped[pair.back][:2] == restarted[pair.back][:2]
    pair.stays(stopped, "a person stopped it")
    assert pair.troubles() == known


def test_a_container_removed_after_a_stop_is_gone_for_good(pair: Pair) -> None:
    pair.by_hand("stop", pair.front)
    pair.by_hand("rm", pair.front)
    left = pair.state()
    assert set(left) == {pair.back}
    pair.stays(left, "stopped first, then removed: a person's will")


def test_compose_stop_and_start(pair: Pair) -> None:
    known = pair.troubles()
    pair.compose("stop", "-t", "1")
    down = pair.state()
    assert not any(running for _, _, running in down.values())
    pair.stays(down, "docker compose stop")
    pair.compose("start")
    assert all(running for _, _, running in pair.state().values())
    assert pair.troubles() == known


def test_compose_down_is_intent_and_up_brings_all_back(pair: Pair) -> None:
    known = pair.troubles()
    pair.compose("down", "-t", "1")
    assert pair.state() == {}
    pair.stays({}, "docker compose down takes the whole project down")
    assert pair.troubles() == known
    rows = pair.tabib("ls", "-a", "--json").json
    assert pair.tabib.prefix in {row["project"] for row in rows}, "reported, not forgotten"


def test_compose_recreates_without_a_fight(pair: Pair) -> None:
    known = pair.troubles()
    before = pair.state()
    pair.compose("up", "-d", "--force-recreate", "-t", "1")
    anew = pair.state()
    assert set(anew) == set(before)
    assert all(anew[name][0] != before[name][0] for name in before)
    pair.stays(anew, "recreated by Compose, once")
    assert pair.troubles() == known
    # What Compose made is in care like what it replaced.
    pair.by_hand("rm", pair.front, force="1")
    until(lambda: pair.tabib.running(pair.front), BACK_S, "front anew")


def test_compose_scales_and_tabib_lets_it(pair: Pair) -> None:
    pair.compose("up", "-d", "--scale", "front=2", "--no-recreate")
    more = pair.state()
    assert set(more) == {pair.front, pair.back, f"{pair.tabib.prefix}-front-2"}
    pair.stays(more, "more of them by hand")
    pair.tabib("up", cwd=pair.folder).well()
    assert set(pair.state()) == {pair.front, pair.back}


def test_tabibs_own_commands_open_no_incident(pair: Pair) -> None:
    known = pair.troubles()
    pair.tabib("stop", "front", cwd=pair.folder).well()
    pair.tabib("kill", "back", cwd=pair.folder).well()
    down = pair.state()
    assert not any(running for _, _, running in down.values())
    pair.stays(down, "tabib stop and tabib kill")
    pair.tabib("restart", cwd=pair.folder).well()
    again = pair.state()
    assert all(running for _, _, running in again.values())
    pair.stays(again, "tabib restart")
    assert pair.troubles() == known


def test_pause_by_hand_is_no_trouble(pair: Pair) -> None:
    known = pair.troubles()
    pair.by_hand("pause", pair.front)
    paused = pair.state()
    pair.stays(paused, "paused by hand")
    assert (pair.tabib.inspect(pair.front) or {})["State"]["Paused"]
    pair.by_hand("unpause", pair.front)
    assert pair.troubles() == known
