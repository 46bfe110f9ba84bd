"""The report of a project's days: what it counts, and how it is set."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabib.decide.reports.html import summary_html
from tabib.decide.reports.markdown import summary_markdown
from tabib.decide.reports.summary import Consumer, Days, covered, p95, summarise, troubles
from tabib.decide.reports.tables import share
from tabib.model.incident import Cause, Incident, Moment, Treatment
from tabib.model.release import Release

T = datetime(2030, 1, 1, tzinfo=UTC)
H = timedelta(hours=1)
WEEK = 168 * H


def incident(id: str, service: str, hours: float, lasts: float | None, **more: Any) -> Incident:
    code = more.pop("code", "exit.killed")
    begun = T + hours * H
    known: dict[str, Any] = {
        "id": id, "opened_at": begun, "engine_id": "e", "cluster": "default", "project": "shop",
        "service": service, "container": f"shop-{service}-1", "severity": "error",
        "cause": Cause(code=code, summary=f"<b>{code}</b>", confidence=0.9),
        "closed_at": begun + lasts * H if lasts is not None else None,
        "outcome": "recovered" if lasts is not None else "open",
        "rto_seconds": lasts * 3600 if lasts is not None else None,
        "seen_at": begun + timedelta(seconds=1), "advice": f"cure {id}",
    }  # fmt: skip
    return Incident(**(known | more))


def treated(action: str, outcome: str) -> Treatment:
    return Treatment(action=action, reason="r", started_at=T, outcome=outcome)


STORY = (
    incident("a", "web", 10, 1, treatments=(treated("restart", "verified"),)),
    incident("b", "web", 10.5, 1, treatments=(treated("restart", "not_verified"),
                                             treated("recreate", "verified"))),
    incident("c", "db", 100, None, code="storage.full", outcome="needs_human",
             treatments=(treated("none", "offered"),)),
    incident("d", "web", -5, 10, severity="warning", code="cpu.throttled"),
    incident("e", "web", 20, 5, outcome="false_alarm"),
    incident("f", "web", -50, 10),
)  # fmt: skip


def days(**more: Any) -> Days:
    known: dict[str, Any] = {
        "project": "shop", "since": T, "until": T + WEEK, "incidents": STORY,
        "sealed": {"a": T + 10 * H + timedelta(seconds=2)},
        "services": (("shop", "web"), ("shop", "db"), ("shop", "cache")),
        "releases": tuple(
            Release(number=n, project="shop", engine_id="e", cluster="default",
                    created_at=T + at * H, by="ann|bob", reason="up", config_hash="",
                    verdict="good")
            for n, at in ((1, -3), (2, 30))
        ),
        "consumers": (Consumer(metric="cpu_us", name="shop-web-1", mean=5e5, peak=2e6),),
    }  # fmt: skip
    return Days(**(known | more))


def test_incidents_are_counted_within_the_time_without_false_alarms() -> None:
    found = summarise(days())
    assert (found.incidents, found.open, found.recovered) == (4, 1, 3)
    assert [(one.code, one.count, one.services) for one in found.causes] == [
        ("exit.killed", 2, ("web",)),
        ("storage.full", 1, ("db",)),
        ("cpu.throttled", 1, ("web",)),
    ]


def test_availability_counts_overlapping_trouble_once_and_warnings_not() -> None:
    rows = {one.service: one for one in summarise(days()).availability}
    assert rows["web"].trouble_seconds == 1.5 * 3600
    assert rows["web"].incidents == 3
    assert rows["db"].trouble_seconds == 68 * 3600
    assert rows["db"].available == pytest.approx(100 / 168, abs=1e-6)
    assert (rows["cache"].available, rows["cache"].incidents) == (1.0, 0)
    assert share(0.9999999) == "99.999 %"
    assert share(1.0) == "100 %"


def test_times_treatments_releases_and_who_waits() -> None:
    found = summarise(days())
    times = {one.name: one for one in found.timings}
    assert (times["notice"].count, times["notice"].median_seconds) == (4, 1.0)
    assert (times["seal"].count, times["seal"].median_seconds) == (1, 2.0)
    assert (times["diagnose"].count, times["diagnose"].p95_seconds) == (0, None)
    assert (times["recover"].median_seconds, times["recover"].p95_seconds) == (3600, 36000)
    rows = {one.action: (one.tried, one.helped, one.failed, one.offered)
            for one in found.treatments}  # fmt: skip
    assert rows == {"restart": (2, 1, 1, 0), "recreate": (1, 1, 0, 0), "none": (0, 0, 0, 1)}
    assert [one.number for one in found.releases] == [2]
    assert [(one.id, one.advice) for one in found.needs_a_person] == [("c", "cure c")]


def test_what_to_do_first() -> None:
    first = summarise(days()).first
    assert [one.incident for one in first] == ["c", "d", "b"]
    assert "waits for a person" in first[0].why
    assert len(first) == 3
    assert summarise(days(incidents=())).first == ()


def test_an_incident_that_came_back_was_over_in_between() -> None:
    moments = (
        Moment(at=T + 2 * H, kind="closed", text=""),
        Moment(at=T + 5 * H, kind="reopened", text=""),
        Moment(at=T + 6 * H, kind="closed", text=""),
    )
    one = replace(incident("a", "web", 1, 5), timeline=moments, reopened_at=T + 5 * H)
    assert troubles(one, T + WEEK) == [(T + H, T + 2 * H), (T + 5 * H, T + 6 * H)]
    untold = replace(one, timeline=())
    assert troubles(untold, T + WEEK) == [(T + 5 * H, T + 6 * H)]
    still = replace(one, timeline=moments[:2], closed_at=None)
    assert troubles(still, T + WEEK)[-1] == (T + 5 * H, T + WEEK)


@given(st.lists(st.tuples(st.integers(-20, 200), st.integers(0, 50))))
def test_covered_time_is_that_of_a_set_of_hours(spans: list[tuple[int, int]]) -> None:
    times = [(T + a * H, T + (a + b) * H) for a, b in spans]
    hours = {hour for a, b in spans for hour in range(a, a + b) if 0 <= hour < 168}
    assert covered(times, T, T + WEEK) == 3600 * len(hours)


def test_nearest_rank() -> None:
    assert p95([5.0]) == 5.0
    assert p95([float(n) for n in range(1, 101)]) == 95.0
    assert p95([3.0, 1.0]) == 3.0


def test_every_format_says_it_and_escapes_it() -> None:
    found = summarise(days(project=""))
    page, text = summary_html(found), summary_markdown(found)
    assert "<b>exit" not in page
    assert "&lt;b&gt;exit.killed" in page
    assert "All projects: 4 incidents, 3 recovered, 1 not over yet, 1 for a person" in page
    for said in ("shop/cache", "100 %", "ann|bob", "0.5 cores", "cure c"):
        assert said in page, said
    assert r"\<b\>exit.killed" in text
    assert r"ann\|bob" in text
    assert "<b>" not in text.replace(r"\<b\>", "")
    assert "1. **shop/db**" in text
    quiet = summary_markdown(summarise(days(incidents=())))
    assert quiet.startswith("## shop: no incidents")


def test_a_thousand_incidents_stay_small() -> None:
    many = [incident(f"{n}", f"s{n}", n / 10, 1, code=f"x.{n}") for n in range(1000)]
    found = summarise(days(incidents=many))
    assert found.incidents == 1000
    assert len(summary_html(found)) < 100_000
    assert len(summary_markdown(found).splitlines()) < 120
