"""What the recorder knows of containers: inspections tell all, events what changed since."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tabib.decide.inventory import Entry, after, from_inspection, from_row, known_values
from tabib.model.container import ContainerState
from tabib.model.event import Event
from tabib.model.metrics import HEALTHS, STATES

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LABELS = {
    "com.docker.compose.project": "shop",
    "com.docker.compose.service": "api",
    "com.docker.compose.container-number": "2",
}


def inspection(**state: Any) -> dict[str, Any]:
    return {
        "Id": "c1",
        "Name": "/shop-api-2",
        "RestartCount": 3,
        "LogPath": "/l",
        "Config": {"Image": "shop/api:1", "Labels": LABELS},
        "HostConfig": {"LogConfig": {"Type": "json-file"}},
        "State": {"Status": "running", "Pid": 42, **state},
    }


def event(action: str, **attributes: str) -> Event:
    return Event(at=NOW, time_ns=1, kind="container", action=action, id="c1", attributes=attributes)


def test_an_inspection_tells_all() -> None:
    entry = from_inspection("e", inspection(Health={"Status": "starting"}))
    assert (entry.subject.project, entry.subject.service, entry.subject.slot) == ("shop", "api", 2)
    assert (entry.subject.name, entry.subject.image) == ("shop-api-2", "shop/api:1")
    assert (entry.pid, entry.health, entry.restarts, entry.log_path) == (42, "starting", 3, "/l")
    assert entry.runs


@pytest.mark.parametrize("status", ["exited", "created", "dead"])
def test_what_does_not_run_has_no_process(status: str) -> None:
    entry = from_inspection("e", inspection(Status=status))
    assert not entry.runs
    assert entry.pid == 0


def test_a_container_that_nobody_labelled() -> None:
    found = from_inspection("e", {"Id": "c1", "State": None, "Config": None})
    assert (found.subject.project, found.subject.slot, found.runs) == ("", 0, False)


def test_events_change_it() -> None:
    entry = from_inspection("e", inspection())
    assert after(entry, event("health_status", health="unhealthy")).health == "unhealthy"
    assert after(entry, event("pause")).status == "paused"
    assert after(entry, event("pause")).runs, "what is paused still uses memory"
    dead = after(entry, event("die"))
    assert (dead.status, dead.pid, dead.runs) == ("exited", 0, False)
    assert after(entry, event("exec_start")) == entry


def test_a_started_one_has_no_process_until_it_is_inspected() -> None:
    dead = after(from_inspection("e", inspection()), event("die"))
    started = after(dead, event("start"))
    assert (started.status, started.runs) == ("running", False)


def row(status: str) -> ContainerState:
    return ContainerState(
        id="c1",
        name="renamed",
        status=status,
        image="i",
        image_id="",
        created_at=NOW,
        labels=LABELS,
    )


def test_a_look_keeps_the_process_of_what_runs() -> None:
    known = from_inspection("e", inspection())
    assert from_row("e", row("running"), known).pid == 42
    assert from_row("e", row("exited"), known).pid == 0
    assert from_row("e", row("running"), known).subject.name == "renamed"
    assert from_row("e", row("running"), None) == Entry(
        subject=from_row("e", row("running"), known).subject, status="running"
    )


def test_values_by_name() -> None:
    entry = from_inspection("e", inspection(Health={"Status": "healthy"}))
    found = known_values(entry, 17)
    assert found == {
        "restarts": 3,
        "health": HEALTHS.index("healthy"),
        "state": STATES.index("running"),
        "log_bytes": 17,
    }
