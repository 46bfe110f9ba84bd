"""Rates and rows: never negative, null where unknown."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tabib.decide.figures import absent_row, container_row, disk_row, node_row, rates
from tabib.model.metrics import COUNTER, METRICS
from tabib.model.sample import Subject, Values

WHO = Subject(kind="container", id="a" * 64, engine_id="e", name="shop-web-1", project="shop",
              service="web", slot=1, image="nginx:1")  # fmt: skip
WIDTH = len(METRICS["container"])
_VALUES = st.lists(st.none() | st.integers(0, 2**62), min_size=WIDTH, max_size=WIDTH).map(tuple)


def made(**figures: int) -> Values:
    return tuple(figures.get(metric.name) for metric in METRICS["container"])


@given(_VALUES, _VALUES, st.floats(-5, 1e6))
def test_rates_are_of_counters_and_never_negative(a: Values, b: Values, elapsed_s: float) -> None:
    found = rates("container", a, b, elapsed_s)
    counters = {metric.name for metric in METRICS["container"] if metric.kind == COUNTER}
    assert set(found) <= counters
    assert all(value >= 0 for value in found.values())
    if elapsed_s <= 0:
        assert found == {}


@given(_VALUES, _VALUES)
def test_a_row_holds_shares_that_are_shares(a: Values, b: Values) -> None:
    row = container_row(WHO, b, rates("container", a, b, 1.0))
    for name in ("cpu_throttled", "cpu_pressure", "memory_pressure", "io_pressure"):
        assert row[name] is None or 0 <= row[name] <= 1


def test_a_counter_that_fell_has_no_rate() -> None:
    before, after = made(cpu_us=900, log_bytes=5), made(cpu_us=100, log_bytes=15)
    assert rates("container", before, after, 2.0) == {"log_bytes": 5.0}
    assert rates("container", None, after, 2.0) == {}


def test_the_fields_of_the_contract() -> None:
    row = absent_row(WHO, "exited")
    assert list(row)[:9] == ["project", "service", "slot", "name", "id", "image", "state",
                             "health", "cpu_cores"]  # fmt: skip
    assert row["state"] == "exited"
    assert row["memory_bytes"] is None
    assert row["network_received_bytes_per_second"] is None


def test_throttling_is_a_share_of_the_periods_that_passed() -> None:
    rate = {"cpu_periods": 10.0, "cpu_throttled_periods": 4.0}
    assert container_row(WHO, (), rate)["cpu_throttled"] == 0.4
    assert container_row(WHO, (), {"cpu_periods": 0.0})["cpu_throttled"] is None


def test_unknown_codes_of_states_are_empty() -> None:
    assert container_row(WHO, made(state=99, health=3), {})["state"] == ""
    assert container_row(WHO, made(state=1, health=3), {})["health"] == "unhealthy"


def test_a_node_that_tells_little() -> None:
    row = node_row("vm", (), {})
    assert row["memory_used_bytes"] is None
    assert row["load_1m"] is None
    assert disk_row("/", (10, 4, None, None)) == {
        "name": "/", "size_bytes": 10, "free_bytes": 4, "inodes": None, "inodes_free": None,
    }  # fmt: skip
