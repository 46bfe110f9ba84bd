"""Causes across services: what is ranked first, why, and what does not matter."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tabib.decide.causes import COUNTER, Change, Line, Question, Suspect, Told, rank
from tabib.decide.causes.kinds import kind_of
from tabib.decide.causes.sockets import connections

AT = 600.0
END = 900.0
STEP = 5.0
Shape = Callable[[float], float | None]


def line(
    service: str,
    metric: str,
    shape: Shape,
    *,
    until: float = END,
    step: float = STEP,
    seed: int = 1,
) -> Line:
    rng = random.Random(f"{service}{metric}{seed}")
    times = [step * number for number in range(int(until / step))]
    values = []
    for time in times:
        value = shape(time)
        values.append(None if value is None else value * (1 + rng.gauss(0, 0.03)))
    return Line(service=service, metric=metric, times=times, values=values)


def steps(before: float, after: float, at: float = AT) -> Shape:
    return lambda time: before if time < at else after


def flat(value: float) -> Shape:
    return lambda _: value


def ask(
    *series: Line, calls: Mapping[str, Collection[str]] | None = None, **more: object
) -> list[Suspect]:
    return list(rank(Question(at=AT, series=series, calls=calls, **more)))  # type: ignore[arg-type]


def first(*series: Line, **more: object) -> tuple[str, str]:
    found = ask(*series, **more)[0]  # type: ignore[arg-type]
    return found.service, found.metric


CHAIN = {"web": {"api"}, "api": {"db"}, "db": set[str]()}


def test_a_callers_time_is_explained_by_its_callees() -> None:
    series = [
        line("web", "latency", steps(0.050, 0.450)),
        line("api", "latency", steps(0.040, 0.440)),
        line("db", "latency", steps(0.030, 0.430)),
    ]
    ranked = ask(*series, calls=CHAIN)
    assert ranked[0].service == "db"
    by = {one.service: one.explained_by for one in ranked}
    assert by == {"db": "", "api": "db", "web": "db"} or by == {"db": "", "api": "db", "web": "api"}
    assert "explained by db, which api uses, is in trouble" in ranked[1].reasons + ranked[2].reasons


def test_a_callee_that_is_hardly_slower_explains_nothing() -> None:
    series = [
        line("web", "latency", steps(0.050, 2.000)),
        line("db", "latency", steps(0.002, 0.004)),
    ]
    assert first(*series, calls={"web": {"db"}, "db": ()}) == ("web", "latency")


def test_the_leaker_of_what_its_callee_has_too_few_of() -> None:
    """web is refused by db because worker holds on to what db has."""

    def leak(time: float) -> float:
        return 20 + max(0.0, time - 300) * 0.5

    series = [
        line("worker", "open_files", leak, until=AT),
        line("db", "open_files", lambda time: leak(time) + 30, until=AT),
        line("web", "open_files", flat(25), until=AT),
    ]
    calls = {"web": {"db"}, "worker": {"db"}, "db": ()}
    refused = Told(
        service="web", code="database.too-many-connections", summary="too many clients",
        weight=0.9, at=AT, about="db",
    )  # fmt: skip
    ranked = ask(*series, calls=calls, findings=[refused], target="web")
    assert (ranked[0].service, ranked[0].metric) == ("worker", "open_files")
    assert "open files of worker rose from" in ranked[0].reasons[0]


def test_who_holds_the_connections_needs_no_series() -> None:
    refused = Told(service="db", code="database.too-many-connections", summary="too many clients")
    calls = {"web": {"db"}, "worker": {"db"}, "db": ()}
    held = {("worker", "db"): 97, ("web", "db"): 3}
    ranked = ask(calls=calls, findings=[refused], connections=held)
    assert (ranked[0].service, ranked[0].metric) == ("worker", "connections")
    assert ranked[0].reasons == ("worker holds 97 of 100 connections to db",)
    even = {("worker", "db"): 6, ("web", "db"): 6, ("api", "db"): 6}
    assert ask(calls=calls, findings=[refused], connections=even)[0].service == "db"


def test_the_release_just_before_weighs() -> None:
    series = [
        line("a", "cpu", steps(1.0, 1.6)),
        line("b", "cpu", steps(1.0, 1.7)),
    ]
    assert first(*series)[0] == "b"
    change = Change(service="a", kind="release", at=AT - 30, summary="a was changed by release 12")
    ranked = ask(*series, changes=[change])
    assert ranked[0].service == "a"
    assert "a was changed by release 12, 30 seconds before that" in ranked[0].reasons
    later = replace(change, at=AT + 60)
    assert first(*series, changes=[later])[0] == "b"


def test_more_load_is_no_fault_of_who_works_more() -> None:
    series = [
        line("front", "load", steps(10, 30)),
        line("front", "cpu", steps(1, 3)),
        line("calm", "cpu", steps(1, 3.1)),
        line("calm", "load", flat(10)),
    ]
    ranked = ask(*series)
    assert (ranked[0].service, ranked[0].metric) == ("calm", "cpu")
    front = next(one for one in ranked if (one.service, one.metric) == ("front", "cpu"))
    assert "it follows load, which rose as well" in front.reasons


def test_rare_errors_as_before_are_nothing_new() -> None:
    rare = Line(
        service="quiet", metric="error",
        times=[STEP * n for n in range(180)],
        values=[1.0 if n % 11 == 3 else 0.0 for n in range(180)],
    )  # fmt: skip
    ranked = ask(rare, line("db", "latency", steps(0.1, 0.2)))
    assert ranked[0].service == "db"
    assert ranked[-1].score < 0.3


def test_what_waits_for_the_machine_is_explained_by_who_takes_it() -> None:
    series = [
        line("victim", "cpu_pressure_us", steps(10_000, 700_000)),
        line("victim", "cpu_us", flat(200_000)),
        line("hog", "cpu_us", steps(100_000, 2_900_000)),
    ]
    ranked = ask(*series)
    assert ranked[0].service == "hog"
    pressed = next(one for one in ranked if one.metric == "cpu_pressure_us")
    assert pressed.explained_by == "hog"


def test_of_what_is_gone_nothing_is_read() -> None:
    series = [
        line("db", "cpu", flat(1), until=AT),
        line("web", "error", steps(0, 9)),
        line("web", "cpu", flat(1)),
        line("api", "cpu", flat(1)),
    ]
    assert first(*series, calls={"web": {"db"}, "api": {"db"}, "db": ()}) == ("db", "gone")


def test_a_change_is_found_where_the_series_end_with_the_trouble() -> None:
    series = [
        line("worker", "mem", lambda time: 40e6 + max(0.0, time - 360) * 1e6, until=AT),
        line("web", "mem", flat(60e6), until=AT),
    ]
    found = ask(*series)[0]
    assert found.service == "worker"
    assert found.onset is not None
    assert 360 <= found.onset <= 540


def test_counters_are_looked_at_as_rates_over_resets_and_gaps() -> None:
    def counted(rate: Callable[[float], float]) -> Line:
        total, values = 0.0, []
        for number in range(180):
            total = 0.0 if number == 50 else total + rate(number * STEP) * STEP
            values.append(None if number % 17 == 0 else total)
        return Line(
            service="a", metric="cpu_us", times=[STEP * n for n in range(180)], values=values,
            kind=COUNTER,
        )  # fmt: skip

    calm = ask(counted(lambda _: 100_000.0))[0]
    busy = ask(counted(lambda time: 100_000.0 if time < AT else 900_000.0))[0]
    assert calm.score < 0.4 < busy.score


def test_of_two_in_a_circle_the_earlier_explains() -> None:
    series = [
        line("a", "latency", steps(0.1, 0.9, at=AT + 60)),
        line("b", "latency", steps(0.1, 0.9, at=AT)),
    ]
    ranked = ask(*series, calls={"a": {"b"}, "b": {"a"}})
    assert [one.service for one in ranked] == ["b", "a"]
    assert [one.explained_by for one in ranked] == ["", "b"]


@pytest.mark.parametrize("count", [0, 1, 5])
def test_too_few_values_say_nothing(count: int) -> None:
    short = Line(service="a", metric="cpu", times=range(count), values=[1.0] * count)
    assert ask(short) == []


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("container-cpu-usage-seconds-total", "cpu"),
        ("memory_working_set_bytes", "memory"),
        ("open_files", "held"),
        ("latency-90", "latency"),
        ("p95", "latency"),
        ("errorRate", "error"),
        ("Availability", "success"),
        ("workload", "load"),
        ("io_pressure_us", "pressure"),
        ("network_received_bytes", "network"),
        ("block_written_bytes", "disk"),
        ("fs-writes-total", "disk"),
        ("temperature", "other"),
    ],
)
def test_kinds_by_name(name: str, kind: str) -> None:
    assert kind_of(name) == kind


_VALUES = st.lists(
    st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True)), min_size=0, max_size=40
)
_NAMES = st.sampled_from(["a", "b", "c"])


@settings(max_examples=150, deadline=None)
@given(
    series=st.lists(
        st.tuples(_NAMES, st.sampled_from(["cpu", "latency", "x"]), _VALUES, st.booleans()),
        max_size=5,
    ),
    calls=st.none() | st.dictionaries(_NAMES, st.sets(_NAMES), max_size=3),
    at=st.floats(-10, 50),
)
def test_anything_is_ranked_and_twice_the_same(
    series: list[tuple[str, str, list[float | None], bool]],
    calls: dict[str, set[str]] | None,
    at: float,
) -> None:
    question = Question(
        at=at,
        series=[
            Line(service=s, metric=m, times=range(len(v)), values=v,
                 kind=COUNTER if counter else "gauge")
            for s, m, v, counter in series
        ],
        calls=calls,
    )  # fmt: skip
    ranked = rank(question)
    assert ranked == rank(question)
    assert all(0 <= one.score <= 1 for one in ranked)
    assert [one.score for one in ranked] == sorted((o.score for o in ranked), reverse=True)
    assert all(one.onset is None or math.isfinite(one.onset) for one in ranked)


HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt\n"
DB = (
    HEAD
    + """
   0: 00000000:1538 00000000:0000 0A 00000000:00000000 00:00000000 00000000
   1: 020012AC:1538 030012AC:A001 01 00000000:00000000 00:00000000 00000000
   2: 020012AC:1538 030012AC:A002 01 00000000:00000000 00:00000000 00000000
   3: 0100007F:1538 0100007F:B000 01 00000000:00000000 00:00000000 00000000
   4: 020012AC:1538 040012AC:C001 01 00000000:00000000 00:00000000 00000000
"""
)
WORKER = (
    HEAD
    + """
   0: 030012AC:A001 020012AC:1538 01 00000000:00000000 00:00000000 00000000
   1: 030012AC:A002 020012AC:1538 08 00000000:00000000 00:00000000 00000000
   2: 030012AC:A003 020012AC:1538 06 00000000:00000000 00:00000000 00000000
"""
)
WEB = (
    HEAD
    + """
   0: 0000000000000000FFFF0000040012AC:C001 0000000000000000FFFF0000020012AC:1538 01 00000000:0
"""
)


def test_connections_are_counted_where_both_ends_are_seen() -> None:
    tables = {"db": DB, "worker": WORKER, "web": WEB, "odd": "nonsense\n1 2 3"}
    assert connections(tables) == {("worker", "db"): 2, ("web", "db"): 1}
