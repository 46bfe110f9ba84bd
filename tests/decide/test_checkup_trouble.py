"""Which containers are in trouble, and that diagnosis' rules say why."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from support.patients_at_rest import NOW, inspection, observed
from tabib.decide.casefile import CaseParts, build
from tabib.decide.checkup import examine
from tabib.decide.checkup.trouble import trigger
from tabib.decide.verdict import Kind, Verdict
from tabib.model.checkup import CheckupFinding, Examined
from tabib.model.incident import Cause, Incident

DOWN = {"State__Status": "exited", "State__Running": False}
YOUNG = (NOW - timedelta(minutes=2)).isoformat()


def one(**changes: Any) -> Examined:
    return observed([inspection(**changes)]).containers[0]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({}, ""),
        ({"State__Health": {"Status": "unhealthy"}}, "unhealthy"),
        ({"State__Health": {"Status": "starting"}}, ""),
        ({"State__Status": "restarting", "State__ExitCode": 1}, "loop"),
        ({"RestartCount": 9, "State__StartedAt": YOUNG}, "loop"),
        ({"RestartCount": 9}, ""),
        ({**DOWN, "State__ExitCode": 0}, ""),
        ({**DOWN, "State__ExitCode": 3}, "died"),
        ({**DOWN, "State__ExitCode": 139}, "died"),
        ({**DOWN, "State__ExitCode": 143}, ""),
        ({**DOWN, "State__ExitCode": 137}, ""),
        ({**DOWN, "State__ExitCode": 137, "State__OOMKilled": True}, "died"),
        ({"State__Status": "created", "State__Running": False, "State__Error": "no such file",
          "State__ExitCode": 127}, "start_failed"),
        ({"State__Status": "created", "State__Running": False}, ""),
    ],
)  # fmt: skip
def test_what_is_trouble(changes: dict[str, Any], why: str) -> None:
    assert trigger(one(**changes), NOW) == why


def test_what_was_stopped_on_purpose_is_none() -> None:
    down = one(**DOWN, State__ExitCode=3)
    assert trigger(replace(down, halted="stopped"), NOW) == ""
    assert trigger(replace(down, oneoff=True), NOW) == ""


def diagnosed(log: tuple[str, ...] = (), **changes: Any) -> CheckupFinding:
    raw = inspection(**changes)
    observation = observed([raw])
    sick = observation.containers[0]
    verdict = Verdict(
        kind=Kind.FAILED, reason="test", container=sick.name, container_id=sick.id,
        service=sick.service, trigger=trigger(sick, NOW), exit_code=sick.exit_code,
    )  # fmt: skip
    parts = CaseParts(
        id="c", sealed_at=NOW, engine_id="e", cluster="default", project=sick.project,
        verdict=verdict, inspection=raw, log_tail=log,
    )  # fmt: skip
    (found,) = examine(replace(observation, cases={sick.id: build(parts)}))
    return found


def test_the_likeliest_cause_is_the_finding() -> None:
    found = diagnosed(("starting", "KeyError: 'DATABASE_URL'"), **DOWN, State__ExitCode=1)
    assert (found.code, found.severity, found.target) == ("exit.missing-env", "error", "shop/web")
    assert "DATABASE_URL" in found.summary
    assert found.advice.startswith("Set the variable")
    out = diagnosed(**DOWN, State__ExitCode=137, State__OOMKilled=True)
    assert out.code == "memory.container-oom"
    looping = diagnosed(("no space left on device",), State__Status="restarting", State__ExitCode=1)
    assert looping.code == "storage.full"
    assert looping.summary.startswith("it is restarted again and again: ")


def test_between_two_lives_only_the_loop_is_known() -> None:
    found = diagnosed(RestartCount=9, State__StartedAt=YOUNG, State__ExitCode=0)
    assert found.code == "restart.loop"


def test_what_docker_run_left_behind_weighs_less() -> None:
    raw = {**DOWN, "State__ExitCode": 2, "Config__Labels": {},
           "HostConfig__RestartPolicy": {"Name": "no"}}  # fmt: skip
    found = diagnosed(**raw)
    assert (found.target, found.severity) == ("shop-web-1", "warning")


def test_an_open_incident_is_remembered_though_nothing_runs() -> None:
    """Quarantined: tabib itself stopped it, and a person is waited for."""
    observation = observed([inspection(**DOWN, State__ExitCode=137), inspection("shop-b-1")])
    incident = Incident(
        id="7f3a", opened_at=NOW, engine_id="e", cluster="default", project="shop",
        service="web", container="shop-web-1", severity="error", outcome="needs_human",
        cause=Cause(code="exit.missing-env", summary="it wants A_B", confidence=0.9),
    )  # fmt: skip
    (found,) = examine(replace(observation, incidents=(incident,)))
    assert (found.target, found.code, found.severity) == ("shop/web", "exit.missing-env", "error")
    assert "7f3a" in found.advice
    assert "needs_human" in found.evidence[0].text
    assert examine(replace(observation, incidents=(replace(incident, closed_at=NOW),))) == ()
    up_again = observed([inspection()])
    assert examine(replace(up_again, incidents=(incident,))) == ()
