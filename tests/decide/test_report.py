"""Incidents: opened, grouped, treated, closed, and told in one line."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.decide.test_diagnose import NOW, case

from tabib.decide.diagnose import diagnose
from tabib.decide.report import (
    Diagnosis,
    add_treatment,
    belongs_to,
    close,
    end_treatment,
    open_incident,
    reopen,
    summary,
    update,
)
from tabib.model.codec import decode, encode
from tabib.model.incident import Case, Incident, Treatment

KILLED = case(exit_code=137, finished_at=NOW, events=("e",))


def diagnosed(one: Case) -> Diagnosis:
    findings, causes = diagnose(one)
    return Diagnosis(findings=findings, causes=causes)


def opened(one: Case = KILLED) -> Incident:
    return open_incident(one, diagnosed(one), "i1", seen_at=NOW + timedelta(seconds=0.04))


def treated(action: str = "start", outcome: str = "verified") -> Incident:
    begun = Treatment(action=action, reason="the budget is spent", started_at=NOW)
    incident = add_treatment(opened(), begun)
    return end_treatment(incident, NOW + timedelta(seconds=2), outcome)


def test_an_incident_opens_when_it_happened() -> None:
    incident = opened()
    assert incident.opened_at == NOW
    assert incident.seen_at == NOW + timedelta(seconds=0.04)
    assert (incident.cause.code, incident.severity, incident.outcome) == (
        "exit.killed",
        "error",
        "open",
    )
    assert incident.case_ids == ("case-1",)
    assert decode(encode(incident), Incident) == incident


def test_recovery_in_one_line() -> None:
    incident = close(treated(), "recovered", NOW + timedelta(seconds=2.1))
    assert (
        summary(incident)
        == "api: killed by SIGKILL from outside (exit 137); started again; recovered after 2.1 s"
    )
    assert incident.rto_seconds == 2.1
    assert incident.closed_at == NOW + timedelta(seconds=2.1)
    assert incident.advice.startswith("Nothing is to be done now.")


def test_several_treatments_are_counted() -> None:
    incident = add_treatment(treated(), Treatment(action="restart", reason="", started_at=NOW))
    assert "restarted (2 times)" in summary(incident)


def test_a_start_before_it_makes_no_second_restore() -> None:
    incident = add_treatment(treated(), Treatment(action="restore", reason="", started_at=NOW))
    assert "times" not in summary(incident)
    again = add_treatment(incident, Treatment(action="restore", reason="", started_at=NOW))
    assert "(2 times)" in summary(again)


def test_what_needs_a_person_stays_open_and_says_how_to_go_on() -> None:
    incident = close(treated("quarantine", "done"), "needs_human", NOW + timedelta(seconds=9))
    assert (incident.closed_at, incident.rto_seconds) == (None, None)
    assert "`tabib start api`" in incident.advice
    assert "needs a person" in summary(incident)
    offered = close(treated("offer", "offered"), "needs_human", NOW)
    assert "did not act by itself" in offered.advice


def test_the_same_trouble_again_is_the_same_incident() -> None:
    incident = opened()
    again = replace(KILLED, id="case-2", sealed_at=NOW + timedelta(minutes=1))
    assert belongs_to(again, diagnosed(again).causes, [incident]) == incident
    joined = update(incident, again, diagnosed(again))
    assert joined.case_ids == ("case-1", "case-2")
    assert len(joined.findings) == len(incident.findings)
    assert update(joined, again, diagnosed(again)) == joined


@pytest.mark.parametrize(
    "changed",
    [{"service": "web"}, {"container": "shop-api-2"}, {"project": "x"}, {"engine_id": "f"}],
)
def test_another_slot_is_another_incident(changed: dict[str, str]) -> None:
    other = replace(KILLED, **changed)  # type: ignore[arg-type]
    assert belongs_to(other, diagnosed(other).causes, [opened()]) is None


def test_another_family_of_cause_is_another_incident_but_a_loop_is_not() -> None:
    oom = case(exit_code=137, oom_event=True)
    healed = close(opened(), "recovered", NOW)
    assert belongs_to(oom, diagnosed(oom).causes, [healed]) is None
    loop = case("loop", exit_code=137, oom_event=True)
    assert belongs_to(loop, diagnosed(loop).causes, [opened()]) is not None


def test_what_was_killed_and_cannot_start_again_is_one_trouble() -> None:
    """The engine restarts it, and it ends by another cause: it was not well in between."""
    oom = case(exit_code=137, oom_event=True)
    assert belongs_to(oom, diagnosed(oom).causes, [opened()]) == opened()


def test_whatever_happens_during_a_treatment_belongs_to_it() -> None:
    oom = case(exit_code=137, oom_event=True)
    begun = add_treatment(opened(), Treatment(action="start", reason="r", started_at=NOW))
    assert belongs_to(oom, diagnosed(oom).causes, [begun]) == begun
    over = end_treatment(begun, NOW, "verified")
    assert belongs_to(oom, diagnosed(oom).causes, [over]) is None


def test_a_closed_incident_is_reopened_only_for_a_while() -> None:
    closed = close(treated(), "recovered", NOW)
    for minutes, found in ((59, True), (61, False)):
        later = replace(KILLED, sealed_at=NOW + timedelta(minutes=minutes))
        assert (belongs_to(later, diagnosed(later).causes, [closed]) is not None) is found
    later = NOW + timedelta(minutes=9)
    again = reopen(closed, later)
    assert (again.outcome, again.closed_at, again.treatments) == ("open", None, closed.treatments)
    assert reopen(again, later + timedelta(seconds=1)) == again
    ended = close(again, "recovered", later + timedelta(seconds=2))
    assert ended.rto_seconds == 2.0  # of this time, not since the first


def test_the_newest_of_several_wins() -> None:
    old = replace(opened(), id="old", opened_at=NOW - timedelta(hours=1))
    assert belongs_to(KILLED, diagnosed(KILLED).causes, [old, opened()]) == opened()


def test_worse_findings_raise_the_severity() -> None:
    full = case(log_tail=("No space left on device",))
    assert update(opened(), full, diagnosed(full)).severity == "critical"


def test_without_a_finding_the_incident_says_so() -> None:
    unclear = case("unclear", exit_code=None)
    assert diagnose(unclear) == ((), ())
    incident = opened(unclear)
    assert incident.cause.confidence < 0.2
    assert "nothing that could be gathered" in summary(incident)
