"""Triage of what a real engine reported (``recordings``, Engine 20.10 and Compose 2.40.3)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.decide.replay import Replay, project, recording, slot

from tabib.decide.triage import classify
from tabib.decide.verdict import Kind, OwnAction, ProjectFacts, Verdict
from tabib.model.event import Event
from tabib.model.plan import Verb

STARTED = ("api", "start", "recovered")
"""Without a health check, a start that lasts ten seconds."""
WEB_STARTED = ("web", "start", "recovered")
STOPPED = [("api", "stop", "stopped_by_hand"), ("api", "die", "stopped_by_hand")]
KILLED = STOPPED[1:]

ONE = project(slot())
JOB = project(slot(job=True))
ALWAYS = project(slot(restart="always"))
ON_FAILURE = project(slot(restart="on-failure:1"))
CHECKED = project(slot(has_healthcheck=True))
TWO = project(slot(), slot("web"))


def decided(name: str, facts: ProjectFacts) -> list[tuple[str, str, str]]:
    return Replay(facts).run(recording(name))


@pytest.mark.parametrize(
    ("name", "facts", "expected"),
    [
        # what people do
        ("stop", ONE, STOPPED),
        ("stop_ignored", ONE, STOPPED),
        ("stop_own_signal", ONE, STOPPED[::-1]),
        ("stop_with_policy", ALWAYS, STOPPED),
        ("kill", ONE, KILLED),
        ("kill_term", ONE, KILLED),
        ("kill_with_policy", ALWAYS, KILLED),
        ("kill_hup_harmless", ONE, [STARTED]),
        ("restart", ONE, [STARTED]),
        ("restart_ignored", ONE, [STARTED]),
        ("pause", ONE, [STARTED]),
        ("rm_force", ONE, [("api", "destroy", "drift_removed")]),
        ("rm_force_with_policy", ALWAYS, [("api", "destroy", "drift_removed")]),
        ("compose_rm_force_one", TWO, [("api", "destroy", "drift_removed"), WEB_STARTED]),
        # what applications and kernels do
        ("crash", ONE, [("api", "die", "failed")]),
        ("exit_zero", ONE, [("api", "die", "exited_zero_service")]),
        ("exit_zero", JOB, [("api", "die", "finished")]),
        ("killed_from_outside", ONE, [("api", "die", "failed")]),
        ("killed_from_inside", ONE, [("api", "die", "exited_zero_service")]),
        ("segfault", ONE, [("api", "die", "failed")]),
        ("oom", ONE, [("api", "die", "failed")]),
        ("oom_child", ONE, [("api", "oom", "oom_child"), STARTED]),
        ("kill_hup_then_crash", ONE, [("api", "die", "failed")]),
        (
            "unhealthy_then_healthy",
            CHECKED,
            [("api", "health_status", "unhealthy"), ("api", "health_status", "recovered")],
        ),
        (
            "rm_after_crash",
            ONE,
            [("api", "die", "failed"), ("api", "destroy", "drift_removed")],
        ),
        ("start_by_hand", ONE, [("api", "die", "failed"), ("api", "die", "failed")]),
        # what the engine does
        ("start_failed", ONE, []),
        (
            "crash_with_policy",
            ON_FAILURE,
            [("api", "die", "engine_restarts_it"), ("api", "die", "engine_restarts_it")],
        ),
        (
            "crash_loop",
            ALWAYS,
            [("api", "die", "engine_restarts_it")] * 4 + [("api", "die", "restart_loop")] * 3,
        ),
    ],
)
def test_recorded_sequence_is_told(
    name: str, facts: ProjectFacts, expected: list[tuple[str, str, str]]
) -> None:
    assert decided(name, facts) == expected


@pytest.mark.parametrize("name", ["compose_stop", "compose_kill"])
def test_compose_stop_and_kill_halt_each_service(name: str) -> None:
    replay = Replay(TWO)
    replay.run(recording(name))
    assert {v.service for _, v in replay.decided if v.halt == "stopped"} == {"api", "web"}
    assert {v.kind for _, v in replay.decided} == {Kind.STOPPED_BY_HAND}


@pytest.mark.parametrize("name", ["compose_down", "compose_down_volumes"])
def test_compose_down_is_intent(name: str) -> None:
    replay = Replay(TWO)
    replay.run(recording(name))
    kinds = {v.kind for _, v in replay.decided}
    assert Kind.PROJECT_TAKEN_DOWN in kinds
    assert kinds <= {Kind.PROJECT_TAKEN_DOWN, Kind.STOPPED_BY_HAND}
    assert {v.service for _, v in replay.decided if v.halt == "removed"} >= {"api", "web"}


@pytest.mark.parametrize(
    ("name", "service"), [("compose_rm_stop", "api"), ("compose_scale_down", "web")]
)
def test_removal_after_a_stop_is_intent(name: str, service: str) -> None:
    replay = Replay(TWO)
    told = replay.run(recording(name))
    assert (service, "destroy", "removed_by_hand_after_stop") in told
    assert not any(v.actionable for _, v in replay.decided)


def test_stop_then_rm_is_intent_even_for_the_only_container() -> None:
    told = decided("stop_then_rm", ONE)
    assert told[-1] == ("api", "destroy", "removed_by_hand_after_stop")
    assert "drift_removed" not in {kind for _, _, kind in told}


@pytest.mark.parametrize("name", ["compose_force_recreate", "compose_changed"])
def test_recreation_by_compose_is_left_alone(name: str) -> None:
    replay = Replay(TWO)
    replay.run(recording(name))
    assert {v.kind for _, v in replay.decided} <= {Kind.RECREATED_BY_OTHER, Kind.RECOVERED}
    assert Kind.RECREATED_BY_OTHER in {v.kind for _, v in replay.decided}
    assert not any(v.halt for _, v in replay.decided)


def test_compose_restart_is_left_alone() -> None:
    assert sorted(decided("compose_restart", TWO)) == [STARTED, WEB_STARTED]


def test_all_containers_removed_at_once_is_a_project_taken_down() -> None:
    told = decided("compose_rm_force_all", TWO)
    assert {kind for _, _, kind in told} == {"project_taken_down"}


def test_drift_is_decided_within_a_second_and_a_bit() -> None:
    replay = Replay(TWO)
    replay.run(recording("compose_rm_force_one"))
    removal = next(e for e in recording("compose_rm_force_one") if e.action == "destroy")
    decided_at = next(
        at
        for at, (_, v) in zip(replay.decided_at, replay.decided, strict=True)
        if v.kind is Kind.DRIFT_REMOVED
    )
    assert decided_at - removal.at <= timedelta(seconds=1.1)


def test_death_carries_what_the_case_needs() -> None:
    (_, verdict), *_ = _after("oom", ONE)
    assert (verdict.exit_code, verdict.oom_event, verdict.trigger) == (137, True, "died")
    (_, verdict), *_ = _after("kill_hup_then_crash", ONE)
    assert verdict.kill_signals == (1,)


@pytest.mark.parametrize("late_ms", [5, 300])
def test_an_oom_told_after_the_death_it_caused(late_ms: int) -> None:
    """The engine gives no order: a late ``oom`` must not turn the death into `it runs on`."""
    *before, oom, die = recording("oom")
    late = timedelta(milliseconds=late_ms)
    told_late = replace(oom, at=die.at + late, time_ns=die.time_ns + late_ms * 1_000_000)
    replay = Replay(ONE)
    assert replay.run([*before, die, told_late]) == [("api", "die", "failed")]
    ((_, verdict),) = replay.decided
    assert verdict.oom_event


def test_a_stop_carries_when_it_was_asked_for() -> None:
    kill = next(e for e in recording("stop_ignored") if e.action == "kill")
    for _, verdict in _after("stop_ignored", ONE):
        assert verdict.asked_at == kill.at


def _after(name: str, facts: ProjectFacts) -> list[tuple[str, Verdict]]:
    replay = Replay(facts)
    replay.run(recording(name))
    return list(replay.decided)


def test_engine_that_gives_up_makes_it_a_failure() -> None:
    events = recording("crash_with_policy")
    last = [e for e in events if e.action == "die"][-1]
    verdict = classify(last, events, (), ON_FAILURE, last.at + timedelta(seconds=60))
    assert verdict.kind is Kind.FAILED
    assert "given up" in verdict.reason


def _own(verb: Verb, *, first: Event, last: Event, target: str = "") -> OwnAction:
    return OwnAction(
        target=target or first.id,
        verb=verb,
        started_at=first.at - timedelta(milliseconds=5),
        ended_at=last.at,
    )


@pytest.mark.parametrize(
    ("name", "verb"),
    [
        ("stop", Verb.STOP_CONTAINER),
        ("stop_ignored", Verb.STOP_CONTAINER),
        ("kill", Verb.KILL_CONTAINER),
        ("kill_term", Verb.KILL_CONTAINER),
        ("restart", Verb.RESTART_CONTAINER),
        ("restart_ignored", Verb.RESTART_CONTAINER),
        ("rm_force", Verb.REMOVE_CONTAINER),
    ],
)
@pytest.mark.parametrize("by_name", [False, True])
def test_the_same_by_our_own_hand_is_ignored(name: str, verb: Verb, by_name: bool) -> None:
    events = [
        e
        for e in recording(name)
        if e.action not in ("create", "start") or verb is Verb.RESTART_CONTAINER
    ]
    acted = [e for e in events if e.action in ("kill", "die", "stop", "destroy")]
    later = [e for e in events if e.time_ns > acted[0].time_ns]
    own = _own(verb, first=acted[0], last=later[-1], target=acted[0].name if by_name else "")
    replay = Replay(ONE, own=(own,))
    told = replay.run([e for e in events if e.time_ns >= acted[0].time_ns])
    assert told == []


def test_a_death_after_our_own_start_is_not_ours() -> None:
    events = recording("crash")
    started = next(e for e in events if e.action == "start")
    death = next(e for e in events if e.action == "die")
    for verb in (Verb.START_CONTAINER, Verb.RESTART_CONTAINER):
        own = _own(verb, first=started, last=death)
        verdict = classify(death, events, (own,), ONE, death.at + timedelta(milliseconds=40))
        assert verdict.kind is Kind.FAILED


def test_an_intent_without_outcome_does_not_explain_for_ever() -> None:
    events = recording("crash")
    death = events[-1]
    for age_s, kind in ((60, Kind.IGNORE), (3600, Kind.FAILED)):
        own = OwnAction(
            target=death.name,
            verb=Verb.STOP_CONTAINER,
            started_at=death.at - timedelta(seconds=age_s),
        )
        assert classify(death, events, (own,), ONE, death.at).kind is kind


def test_a_quarantined_container_that_is_removed_stays_away() -> None:
    events = [e for e in recording("rm_after_crash") if e.action == "destroy"]
    facts = project(slot(halted="quarantined", last_running=False))
    assert Replay(facts).run(events) == [("api", "destroy", "removed_by_hand_after_stop")]


def test_a_cleared_away_job_is_nothing() -> None:
    events = recording("rm_after_crash")
    done = [replace(e, attributes={**e.attributes, "exitCode": "0"}) for e in events]
    assert Replay(JOB).run(done) == [("api", "die", "finished")]


def test_a_container_that_is_not_in_care_and_a_oneoff_are_ignored() -> None:
    events = recording("crash")
    assert Replay(project(slot("web"))).run(events) == []
    oneoff = [
        replace(e, attributes={**e.attributes, "com.docker.compose.oneoff": "True"}) for e in events
    ]
    assert Replay(ONE).run(oneoff) == []


def test_a_start_by_hand_ends_a_halt() -> None:
    events = [e for e in recording("start_by_hand") if e.action == "start"]
    halted = project(slot(halted="stopped", last_running=False, has_healthcheck=True))
    verdict = classify(events[-1], events[-1:], (), halted, events[-1].at)
    assert verdict.halt == ""


def test_a_start_by_the_engine_says_nothing_about_halting() -> None:
    events = recording("crash_with_policy")
    started = [e for e in events if e.action == "start"][-1]
    before = [e for e in events if e.time_ns <= started.time_ns]
    assert classify(started, before, (), ON_FAILURE, started.at).halt is None


def test_unhealthy_while_paused_is_ignored() -> None:
    events = [e for e in recording("pause") if e.action != "unpause"]
    sick = replace(
        events[-1],
        action="health_status",
        at=events[-1].at + timedelta(seconds=1),
        time_ns=events[-1].time_ns + 10**9,
        attributes={**events[-1].attributes, "health": "unhealthy"},
    )
    assert classify(sick, events, (), CHECKED, sick.at).kind is Kind.IGNORE


def test_a_pruned_network_under_a_crashed_container_is_not_a_take_down() -> None:
    down = recording("compose_down")
    network = next(e for e in down if e.kind == "network" and e.action == "destroy")
    crashed = project(slot(last_running=False), slot("web", last_running=False))
    assert classify(network, [network], (), crashed, network.at).kind is Kind.IGNORE
    verdict = classify(network, down, (), TWO, network.at)
    assert verdict.kind is Kind.PROJECT_TAKEN_DOWN
