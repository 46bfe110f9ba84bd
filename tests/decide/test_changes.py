"""What was changed lately comes first in the ranking of causes, and is said."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.decide.test_diagnose import NOW, case

from tabib.decide import changes
from tabib.decide.diagnose import diagnose
from tabib.decide.report import Diagnosis, open_incident
from tabib.model.container import LABEL_PROJECT, LABEL_SERVICE
from tabib.model.event import Event
from tabib.model.incident import Case, Cause, Change
from tabib.model.release import ImageIdentity, Release


def release(number: int, image_id: str = "a", minutes_ago: float = 2, **spec: object) -> Release:
    return Release(
        number=number,
        project="shop",
        engine_id="e",
        cluster="default",
        created_at=NOW - timedelta(minutes=minutes_ago),
        by="ada",
        reason="tabib up",
        config_hash="",
        model={"services": {"api": {"spec": {"image": "api:1", **spec}}}},
        images={"api": ImageIdentity(reference="api:1", kind="id", value="x", image_id=image_id)},
    )


def test_a_release_tells_what_it_changed() -> None:
    new = release(2, image="api:2", environment={"A": "vault:1"}, command=["vault:2"])
    found = changes.of_release(release(1), new, ["api", "db"], NOW)
    assert [(one.kind, one.service) for one in found] == [
        ("image", "api"),
        ("configuration", "api"),
    ]
    assert found[0].text == "release 2 changed the image of api: api:1 → api:2"
    assert "environment was added" in found[1].text
    assert "vault" not in found[1].text


def test_a_tag_that_moved_is_another_image() -> None:
    (moved,) = changes.of_release(release(1), release(2, image_id="b"), ["api"], NOW)
    assert moved.text == "release 2 changed the image of api: another api:1"


def test_an_old_release_is_no_recent_change() -> None:
    old = release(2, minutes_ago=31, image="api:2")
    assert changes.of_release(release(1), old, ["api"], NOW) == ()


@pytest.mark.parametrize(
    ("kind", "action", "fields", "told"),
    [
        ("container", "restart", {"service": "db"}, "db, which it needs, was restarted"),
        ("container", "restart", {"service": "x"}, ""),
        ("container", "restart", {"service": "db", "age_s": 200}, ""),
        ("network", "disconnect", {"container": "c1"}, "it was detached from the network n"),
        ("network", "disconnect", {"container": "c2"}, ""),
    ],
)
def test_events_shortly_before(
    kind: str, action: str, fields: dict[str, object], told: str
) -> None:
    at = NOW - timedelta(seconds=float(str(fields.get("age_s", 5))))
    event = Event(
        kind=kind,
        action=action,
        at=at,
        id="i",
        name="n",
        time_ns=int(at.timestamp() * 1e9),
        attributes={
            LABEL_PROJECT: "shop",
            LABEL_SERVICE: str(fields.get("service", "")),
            "container": str(fields.get("container", "")),
        },
    )
    found = changes.of_events([event], ["db"], "c1", NOW)
    assert [one.text for one in found] == ([told] if told else [])


def unclear(*recent: Change) -> Case:
    return replace(
        case(exit_code=1, log_tail=("Error: connect ECONNREFUSED 10.0.0.2:5432", "giving up")),
        recent_changes=recent,
    )


def test_a_change_makes_its_causes_likelier_and_is_cited() -> None:
    change = Change(at=NOW, kind="configuration", text="release 2 changed it", service="api")
    (_, plain), (findings, weighed) = diagnose(unclear()), diagnose(unclear(change))
    sure = {one.code: one.confidence for one in plain}
    more = {one.code: one.confidence for one in weighed}
    assert more["network.refused"] > sure["network.refused"]
    said = [one.text for finding in findings for one in finding.evidence]
    assert "release 2 changed it" in said


def test_of_two_equal_causes_the_one_that_a_change_explains_is_first() -> None:
    causes = [
        Cause(code="exit.killed", summary="", confidence=0.8),
        Cause(code="exit.missing-env", summary="", confidence=0.75),
    ]
    change = Change(at=NOW, kind="configuration", text="", service="api")
    assert changes.weighed(unclear(), causes)[0].code == "exit.killed"
    first = changes.weighed(unclear(change), causes)[0]
    assert first.code == "exit.missing-env"
    assert first.confidence <= 0.99


def test_a_change_of_what_it_needs_speaks_of_connections_alone() -> None:
    change = Change(at=NOW, kind="image", text="", service="db")
    refused = Cause(code="network.refused", summary="", confidence=0.5, service="db")
    assert changes.behind(unclear(change), refused) == change
    assert changes.behind(unclear(change), replace(refused, service="cache")) is None
    assert changes.behind(unclear(change), replace(refused, code="exit.segfault")) is None


def test_the_timeline_begins_with_the_change() -> None:
    change = Change(at=NOW - timedelta(minutes=2), kind="image", text="release 2 …", service="api")
    one = unclear(change)
    findings, causes = diagnose(one)
    diagnosis = Diagnosis(findings=findings, causes=causes)
    incident = open_incident(one, diagnosis, "i1", seen_at=NOW)
    assert incident.timeline[0].text == "release 2 …"
