"""Treatments: chosen by rule, within the budget, backed off, or not at all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.decide.replay import slot

from tabib.decide.diagnose import RULES
from tabib.decide.treat import (
    SPENDS,
    Action,
    CarePolicy,
    Decision,
    Patient,
    backoff_s,
    spent,
    treat,
)
from tabib.decide.verdict import TROUBLE, Kind, SlotFacts, Verdict
from tabib.model.incident import Case, Cause, Treatment

AT_MOST_ONCE = {
    "storage.full": "free_space",
    "storage.engine-root-full": "free_space",
    "storage.log-flood": "recreate_with_rotation",
}
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
POLICY = CarePolicy()


def case(kind: Kind, **evidence: object) -> Case:
    defaults: dict[str, object] = {"exit_code": 1, "container_id": "c1", "trigger": TROUBLE[kind]}
    given_ = defaults | evidence
    return Case(
        id="case-1",
        sealed_at=NOW,
        engine_id="e",
        cluster="default",
        project="tabibrec",
        service="api",
        slot=1,
        container="tabibrec-api-1",
        **given_,  # type: ignore[arg-type]
    )


def decide(
    kind: Kind,
    facts: SlotFacts | None = None,
    *,
    cause: str = "exit.app-error",
    history: tuple[Treatment, ...] = (),
    now: datetime = NOW,
    **evidence: object,
) -> Decision:
    causes = (Cause(code=cause, summary=cause, confidence=0.9),)
    patient = Patient(verdict=Verdict(kind=kind, reason=""), slot=facts or slot(), history=history)
    return treat(case(kind, **evidence), causes, patient, now, POLICY)


def done(*ages_s: float, action: str = "start") -> tuple[Treatment, ...]:
    return tuple(
        Treatment(action=action, reason="", started_at=NOW - timedelta(seconds=age))
        for age in ages_s
    )


@pytest.mark.parametrize(
    ("kind", "facts", "action"),
    [
        (Kind.FAILED, slot(), Action.START),
        (Kind.EXITED_ZERO_SERVICE, slot(), Action.START),
        (Kind.EXITED_ZERO_SERVICE, slot(restart="on-failure"), Action.NONE),
        (Kind.DRIFT_REMOVED, slot(), Action.RECREATE),
        (Kind.DRIFT_REMOVED, slot(restart="always"), Action.RECREATE),
        (Kind.UNHEALTHY, slot(has_healthcheck=True), Action.RESTART),
        (Kind.UNHEALTHY, slot(has_healthcheck=True, restart="always"), Action.RESTART),
        (Kind.ENGINE_STOPPED_IT, slot(), Action.START),
        (Kind.ENGINE_RESTARTS_IT, slot(restart="always"), Action.NONE),
        (Kind.FAILED, slot(restart="on-failure:3"), Action.START),
        (Kind.RESTART_LOOP, slot(restart="always"), Action.QUARANTINE),
        (Kind.OOM_CHILD, slot(), Action.NONE),
        (Kind.UNKNOWN_EXIT, slot(), Action.OFFER),
        (Kind.UNKNOWN_REMOVAL, slot(), Action.OFFER),
    ],
)
def test_what_is_done_about_what(kind: Kind, facts: SlotFacts, action: Action) -> None:
    assert decide(kind, facts).action is action


@pytest.mark.parametrize("kind", sorted(TROUBLE))
def test_observe_never_acts_and_advise_only_offers(kind: Kind) -> None:
    assert decide(kind, slot(mode="observe")).action is Action.NONE
    assert decide(kind, slot(mode="advise")).action in (Action.NONE, Action.OFFER)


@pytest.mark.parametrize("kind", sorted(TROUBLE))
@pytest.mark.parametrize("halted", ["stopped", "removed", "quarantined", "finished"])
def test_what_is_halted_is_never_started(kind: Kind, halted: str) -> None:
    assert decide(kind, slot(halted=halted)).action is Action.NONE


@pytest.mark.parametrize("kind", sorted(TROUBLE))
def test_restart_no_written_out_is_left_and_reported(kind: Kind) -> None:
    assert decide(kind, slot(restart="no")).action in (Action.NONE, Action.OFFER)


@pytest.mark.parametrize("rule", [rule for rule in RULES if not rule.restart_helps])
def test_what_a_restart_cannot_cure_is_never_restarted(rule: object) -> None:
    code = rule.code  # type: ignore[attr-defined]
    decision = decide(Kind.FAILED, cause=code)
    if code == "network.missing":
        assert decision.action is Action.RECREATE
    elif code in AT_MOST_ONCE:
        assert decision.action == AT_MOST_ONCE[code]
        again = decide(Kind.FAILED, cause=code, history=done(60, action=AT_MOST_ONCE[code]))
        assert (again.action, again.needs_human) == (Action.NONE, True)
    else:
        assert decision.action is Action.NONE
        assert decision.needs_human


def test_rule_five_is_complete() -> None:
    incurable = {rule.code for rule in RULES if not rule.restart_helps}
    assert incurable >= {
        "exit.command-not-found",
        "exit.not-executable",
        "exit.exec-format",
        "exit.missing-env",
        "health.bad-command",
        "network.port-taken",
        "storage.bind-missing",
    }


def test_an_unhealthy_service_waits_for_its_dependency() -> None:
    for state in ("down", "unhealthy", "unknown", "failing"):
        decision = decide(Kind.UNHEALTHY, dependencies={"cache": "healthy", "db": state})
        assert (decision.action, decision.dependency) == (Action.WAIT_FOR_DEPENDENCY, "db")
        assert decision.not_before is not None
        assert decision.not_before > NOW
    well = {"db": "healthy", "cache": "running"}
    decision = decide(Kind.UNHEALTHY, dependencies=well)
    assert decision.action is Action.WAIT_FOR_DEPENDENCY, "their checks may fail a moment later"
    later = NOW + timedelta(seconds=POLICY.look_around_s)
    assert decision.not_before == later
    assert decide(Kind.UNHEALTHY, dependencies=well, now=later).action is Action.RESTART
    assert decide(Kind.UNHEALTHY).action is Action.RESTART


def test_what_is_slow_while_its_data_is_copied_is_left_until_after_that() -> None:
    def of(kind: Kind, cause: str, in_use: str) -> Decision:
        patient = Patient(
            verdict=Verdict(kind=kind, reason=""),
            slot=slot(has_healthcheck=True),
            data_in_use=in_use,
        )
        causes = (Cause(code=cause, summary=cause, confidence=0.9),)
        return treat(case(kind), causes, patient, NOW, POLICY)

    for cause in ("health.timeout", "cpu.spin", "memory.leak"):
        waits = of(Kind.UNHEALTHY, cause, "copied")
        assert waits.action is Action.WAIT_FOR_DEPENDENCY
        assert waits.not_before is not None
        assert waits.not_before > NOW
        assert "being copied" in waits.reason
        assert of(Kind.UNHEALTHY, cause, "").action is Action.RESTART
    # What fails for another reason, or is down, does not wait for a copy to end.
    assert of(Kind.UNHEALTHY, "health.unhealthy", "copied").action is Action.RESTART
    assert of(Kind.FAILED, "health.timeout", "copied").action is Action.START


def test_a_restart_frees_nothing_that_another_holds() -> None:
    def decided(holder: str, *history: Treatment) -> Decision:
        held = Cause(
            code="database.too-many-connections", summary="s", confidence=0.9, service=holder
        )
        ill = case(Kind.UNHEALTHY, dependencies={"db": "healthy"})
        verdict = Verdict(kind=Kind.UNHEALTHY, reason="")
        patient = Patient(verdict=verdict, slot=slot(), history=history)
        return treat(ill, (held,), patient, NOW + timedelta(seconds=9), POLICY)

    other = decided("worker")
    assert (other.action, other.service, other.verify) == (Action.RESTART, "worker", "running")
    tried = Treatment(
        action="restart", reason="", started_at=NOW, ended_at=NOW, outcome="not_verified",
        before={"service": "worker"},
    )  # fmt: skip
    left = decided("worker", tried)
    assert (left.action, left.needs_human) == (Action.NONE, True)
    assert "worker was restarted in vain" in left.reason
    assert decided("db").action is Action.RESTART, "the database's name alone blames nobody"
    assert decided("").action is Action.RESTART


def test_a_crash_waits_only_for_a_dependency_that_explains_it() -> None:
    down = {"db": "down"}
    assert decide(Kind.FAILED, dependencies=down).action is Action.START
    decision = decide(Kind.FAILED, cause="network.refused", dependencies=down)
    assert decision.action is Action.WAIT_FOR_DEPENDENCY
    loop = decide(
        Kind.RESTART_LOOP, slot(restart="always"), cause="network.refused", dependencies=down
    )
    assert loop.action is Action.WAIT_FOR_DEPENDENCY, "no quarantine for another's fault"


def test_patience_with_a_dependency_ends() -> None:
    late = NOW + timedelta(seconds=POLICY.dependency_patience_s + 1)
    decision = decide(Kind.UNHEALTHY, dependencies={"db": "down"}, now=late)
    assert (decision.action, decision.needs_human) == (Action.NONE, True)


def test_the_first_treatment_comes_at_once_and_names_its_proof() -> None:
    decision = decide(Kind.FAILED, slot(has_healthcheck=True))
    assert (decision.not_before, decision.attempt, decision.verify) == (NOW, 1, "healthy")
    decision = decide(Kind.FAILED)
    assert (decision.verify, decision.settle_s) == ("running", POLICY.settle_s)


def test_the_second_waits_two_seconds_the_third_four() -> None:
    second = decide(Kind.FAILED, history=done(0))
    assert second.not_before == NOW + timedelta(seconds=2)
    third = decide(Kind.FAILED, history=done(10, 0))
    assert third.not_before == NOW + timedelta(seconds=4)
    assert "attempt 3 of 5" in third.reason


def test_after_the_budget_comes_quarantine() -> None:
    decision = decide(Kind.FAILED, history=done(500, 400, 300, 200, 100))
    assert (decision.action, decision.needs_human) == (Action.QUARANTINE, True)
    assert decide(Kind.FAILED, history=done(3601, 400, 300, 200, 100)).action is Action.START
    waited = done(5, 4, 3, 2, 1, action="wait_for_dependency")
    assert decide(Kind.FAILED, history=waited).action is Action.START


def test_a_lost_network_is_cured_by_creating_anew() -> None:
    assert decide(Kind.FAILED, cause="network.missing").action is Action.RECREATE


def test_what_was_never_created_is_created() -> None:
    cause = "image.registry-unreachable"
    failed = decide(Kind.FAILED, cause=cause, container_id="", trigger="start_failed")
    assert failed.action is Action.RECREATE
    assert decide(Kind.FAILED, cause=cause, trigger="start_failed").action is Action.START


def test_only_what_spends_is_counted() -> None:
    history = (*done(10, 20), *done(5, action="quarantine"), *done(4000))
    assert [t.started_at for t in spent(history, NOW, POLICY)] == [
        NOW - timedelta(seconds=20),
        NOW - timedelta(seconds=10),
    ]


@given(st.integers(1, 64), st.integers(1, 64))
def test_backoff_grows(one: int, other: int) -> None:
    low, high = sorted((one, other))
    assert backoff_s(low, POLICY) <= backoff_s(high, POLICY) <= POLICY.backoff_max_s
    if low < high and backoff_s(high, POLICY) < POLICY.backoff_max_s:
        assert backoff_s(low, POLICY) < backoff_s(high, POLICY)


@given(
    st.lists(
        st.tuples(
            st.sampled_from([Kind.FAILED, Kind.UNHEALTHY, Kind.DRIFT_REMOVED]),
            st.floats(0, 4000),
        ),
        max_size=40,
    ),
    st.integers(1, 6),
)
def test_no_window_holds_more_treatments_than_the_budget(
    troubles: list[tuple[Kind, float]], budget: int
) -> None:
    policy = CarePolicy(budget=budget)
    now, history = NOW, list[Treatment]()
    causes = (Cause(code="exit.killed", summary="", confidence=1.0),)
    for kind, gap_s in troubles:
        now += timedelta(seconds=gap_s)
        patient = Patient(
            verdict=Verdict(kind=kind, reason=""), slot=slot(), history=tuple(history)
        )
        decision = treat(case(kind), causes, patient, now, policy)
        if decision.action in SPENDS:
            assert decision.not_before is not None
            assert decision.not_before >= now
            now = decision.not_before
            ended = now + timedelta(seconds=1)
            history.append(
                Treatment(action=decision.action, reason="", started_at=now, ended_at=ended)
            )
        for treatment in history:
            window = [
                t
                for t in history
                if timedelta(0)
                <= treatment.started_at - t.started_at
                < timedelta(seconds=policy.budget_window_s)
            ]
            assert len(window) <= budget


def test_what_restart_no_leaves_alone_is_offered_as_it_would_help() -> None:
    alone = slot(restart="no")
    for kind, action in (
        (Kind.DETACHED, Action.RECONNECT),
        (Kind.DRIFT_REMOVED, Action.RECREATE),
        (Kind.FAILED, Action.START),
    ):
        decision = decide(kind, alone)
        assert (decision.action, decision.proposed) == (Action.OFFER, action)
