"""What was found exited or missing when nobody watched."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from tests.decide.replay import project, slot

from tabib.decide.resync import Gap, needs_detail, on_resync
from tabib.decide.verdict import Kind, SlotFacts, Verdict
from tabib.model.container import (
    LABEL_NUMBER,
    LABEL_PROJECT,
    LABEL_SERVICE,
    ContainerState,
    Observed,
)

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
WATCHED = Gap(engine_restarted=False)
RESTARTED = Gap(
    engine_restarted=True,
    lost_at=NOW - timedelta(seconds=70),
    engine_started_at=NOW - timedelta(seconds=60),
)


def container(status: str, service: str = "api", **state: object) -> ContainerState:
    given: dict[str, object] = {"created_at": NOW - timedelta(hours=1)} | state
    return ContainerState(
        id=f"{service}-id",
        name=f"tabibrec-{service}-1",
        status=status,
        image="busybox",
        image_id="sha256:1",
        labels={LABEL_PROJECT: "tabibrec", LABEL_SERVICE: service, LABEL_NUMBER: "1"},
        **given,  # type: ignore[arg-type]
    )


def judge(found: list[ContainerState], *slots: SlotFacts, gap: Gap = WATCHED) -> list[Verdict]:
    observed = Observed(at=NOW, containers=tuple(found))
    return on_resync(observed, project(*slots), gap, NOW)


@pytest.mark.parametrize(
    ("restart", "code", "expected"),
    [
        ("always", 0, Kind.STOPPED_BY_HAND),
        ("unless-stopped", 137, Kind.STOPPED_BY_HAND),
        ("always", 1, Kind.STOPPED_BY_HAND),
        (None, 0, Kind.UNKNOWN_EXIT),
        (None, 137, Kind.UNKNOWN_EXIT),
        (None, 143, Kind.UNKNOWN_EXIT),
        (None, 1, Kind.FAILED),
        (None, 139, Kind.FAILED),
        ("on-failure", 1, Kind.FAILED),
        ("on-failure", 143, Kind.UNKNOWN_EXIT),
        ("no", 1, Kind.FAILED),
    ],
)
def test_exited_while_nobody_watched(restart: str | None, code: int, expected: Kind) -> None:
    (verdict,) = judge([container("exited", exit_code=code)], slot(restart=restart))
    assert verdict.kind is expected
    assert (verdict.halt == "stopped") is (expected is Kind.STOPPED_BY_HAND)


def test_a_known_oom_is_no_unknown_exit() -> None:
    (verdict,) = judge([container("exited", exit_code=137, oom_killed=True)], slot())
    assert verdict.kind is Kind.FAILED


def test_a_job_that_ended_meanwhile_is_finished() -> None:
    (verdict,) = judge([container("exited", exit_code=0)], slot(job=True))
    assert (verdict.kind, verdict.halt) == (Kind.FINISHED, "finished")


def test_a_worker_that_ended_gracefully_with_its_engine_is_brought_back() -> None:
    ended = container("exited", exit_code=0)
    (verdict,) = judge([ended], slot(job=True), gap=RESTARTED)
    assert verdict.kind is Kind.ENGINE_STOPPED_IT
    (verdict,) = judge([ended], slot(job=True, declared_job=True), gap=RESTARTED)
    assert (verdict.kind, verdict.halt) == (Kind.FINISHED, "finished")


@pytest.mark.parametrize("restart", [None, "always", "unless-stopped", "on-failure"])
@pytest.mark.parametrize("code", [0, 137, 255])
def test_what_ran_before_an_engine_restart_is_brought_back(restart: str | None, code: int) -> None:
    (verdict,) = judge([container("exited", exit_code=code)], slot(restart=restart), gap=RESTARTED)
    assert verdict.kind is Kind.ENGINE_STOPPED_IT


def test_an_engine_that_just_started_is_given_time_for_its_policies() -> None:
    gap = Gap(engine_restarted=True, engine_started_at=NOW - timedelta(seconds=1))
    (verdict,) = judge([container("exited", exit_code=0)], slot(restart="always"), gap=gap)
    assert verdict.kind is Kind.NEEDS_SETTLING
    assert verdict.decide_at == NOW + timedelta(seconds=9)
    (verdict,) = judge([container("exited", exit_code=0)], slot(), gap=gap)
    assert verdict.kind is Kind.ENGINE_STOPPED_IT


def test_a_stop_by_hand_shortly_before_a_fast_shutdown_is_still_by_hand() -> None:
    """The engine was gone before its own sweep was judged: only its signals tell of it."""
    assert RESTARTED.lost_at is not None
    halted_at = RESTARTED.lost_at - timedelta(seconds=4)
    by_hand = slot(halted="stopped", halted_at=halted_at, last_running=False)
    stopped = [container("exited", exit_code=143)]
    gap = replace(RESTARTED, kills=((RESTARTED.lost_at - timedelta(seconds=1), "another"),))
    (verdict,) = judge(stopped, by_hand, gap=gap)
    assert verdict.kind is Kind.IGNORE
    (verdict,) = judge(
        stopped, by_hand, gap=replace(RESTARTED, kills=((halted_at, by_hand.container),))
    )
    assert verdict.kind is Kind.ENGINE_STOPPED_IT


def test_an_engine_that_crashes_has_stopped_nothing() -> None:
    """Another container ran to the end without a signal: the stop shortly before was a person's."""
    assert RESTARTED.lost_at is not None
    halted_at = RESTARTED.lost_at - timedelta(seconds=4)
    by_hand = slot(halted="stopped", halted_at=halted_at, last_running=False)
    other = replace(slot(), service="web", container="tabibrec-web-1")
    found = [container("exited", exit_code=143), container("exited", "web", exit_code=255)]
    gap = replace(RESTARTED, kills=((halted_at, by_hand.container),))
    first, second = judge(found, by_hand, other, gap=gap)
    assert (first.kind, second.kind) == (Kind.IGNORE, Kind.ENGINE_STOPPED_IT)
    swept = replace(gap, kills=((halted_at, by_hand.container), (halted_at, other.container)))
    first, second = judge(found, by_hand, other, gap=swept)
    assert (first.kind, second.kind) == (Kind.ENGINE_STOPPED_IT, Kind.ENGINE_STOPPED_IT)


def test_what_the_engine_stopped_in_its_shutdown_was_not_stopped_by_hand() -> None:
    shut_down = slot(halted="stopped", halted_at=NOW - timedelta(seconds=75), last_running=False)
    (verdict,) = judge([container("exited", exit_code=0)], shut_down, gap=RESTARTED)
    assert (verdict.kind, verdict.halt) == (Kind.ENGINE_STOPPED_IT, "")
    by_hand = slot(halted="stopped", halted_at=NOW - timedelta(hours=1), last_running=False)
    (verdict,) = judge([container("exited", exit_code=0)], by_hand, gap=RESTARTED)
    assert verdict.kind is Kind.IGNORE
    (verdict,) = judge([container("exited", exit_code=0)], shut_down)
    assert verdict.kind is Kind.IGNORE, "without an engine restart a stop is a person's"


def test_of_two_stops_before_a_shutdown_the_earlier_was_a_persons() -> None:
    by_hand = slot(halted="stopped", halted_at=NOW - timedelta(seconds=85))
    swept = slot("web", halted="stopped", halted_at=NOW - timedelta(seconds=80))
    found = [container("exited", exit_code=0), container("exited", "web", exit_code=0)]
    api, web = judge(found, by_hand, swept, gap=RESTARTED)
    assert (api.kind, web.kind) == (Kind.IGNORE, Kind.ENGINE_STOPPED_IT)


@pytest.mark.parametrize("halted", ["stopped", "removed", "finished", "quarantined"])
@pytest.mark.parametrize("found", [[], [container("exited", exit_code=1)]])
def test_what_is_halted_stays_so(halted: str, found: list[ContainerState]) -> None:
    (verdict,) = judge(found, slot(halted=halted))
    assert verdict.kind is Kind.IGNORE
    assert not verdict.actionable


def test_what_a_person_started_meanwhile_is_halted_no_more() -> None:
    (verdict,) = judge([container("running")], slot(halted="stopped", last_running=False))
    assert (verdict.kind, verdict.halt) == (Kind.RECOVERED, "")


def test_gone_while_nobody_watched() -> None:
    api, web = judge([container("running", "web")], slot(), slot("web"))
    assert (api.kind, api.trigger) == (Kind.UNKNOWN_REMOVAL, "missing")
    assert web.kind is Kind.RECOVERED
    assert {v.kind for v in judge([], slot(), slot("web"))} == {Kind.PROJECT_TAKEN_DOWN}
    (single,) = judge([], slot())
    assert single.kind is Kind.UNKNOWN_REMOVAL


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        (container("running", health="unhealthy"), Kind.UNHEALTHY),
        (container("running", health="starting"), Kind.IGNORE),
        (container("running", health="healthy"), Kind.RECOVERED),
        (container("paused"), Kind.IGNORE),
        (container("restarting"), Kind.ENGINE_RESTARTS_IT),
        (container("created", created_at=NOW), Kind.NEEDS_SETTLING),
        (container("created"), Kind.UNKNOWN_EXIT),
        (container("created", error="network x not found"), Kind.FAILED),
    ],
)
def test_states(state: ContainerState, kind: Kind) -> None:
    (verdict,) = judge([state], slot())
    assert verdict.kind is kind


def test_a_running_holder_counts_before_a_leftover() -> None:
    leftover = container("exited", exit_code=1, created_at=NOW)
    (verdict,) = judge([leftover, container("running")], slot())
    assert verdict.kind is Kind.RECOVERED


@pytest.mark.parametrize("status", ["running", "paused", "restarting", "exited", "created", "dead"])
@pytest.mark.parametrize("halted", ["", "stopped"])
@pytest.mark.parametrize("last_running", [True, False])
def test_a_look_without_detail_is_enough_unless_it_says_otherwise(
    status: str, halted: str, last_running: bool
) -> None:
    told = container(status, exit_code=1, error="no such device", oom_killed=True)
    light = container(status, exit_code=1)
    wanted = slot("api", halted=halted, last_running=last_running)
    facts = project(wanted)
    asks = needs_detail(Observed(at=NOW, containers=(light,)), facts)
    assert asks == (status in ("exited", "created", "dead") and last_running and not halted)
    if not asks:

        def kinds(found: ContainerState) -> list[tuple[Kind, str | None]]:
            return [(one.kind, one.halt) for one in judge([found], wanted)]

        assert kinds(light) == kinds(told)
