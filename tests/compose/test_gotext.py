"""Numbers, durations, sizes and JSON in Go's words."""

from __future__ import annotations

import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabib.compose import gotext


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("90s", "1m30s"), ("1h", "1h0m0s"), ("0", "0s"), ("0s", "0s"), ("1.5h", "1h30m0s"),
        ("100us", "100µs"), ("1500ms", "1.5s"), ("1ms500us", "1.5ms"), ("1w", "168h0m0s"),
        ("1d2h", "26h0m0s"), ("-5s", "-5s"), (".5s", "500ms"), ("1h1ns", "1h0m0.000000001s"),
    ],
)  # fmt: skip
def test_durations(text: str, shown: str) -> None:
    assert gotext.duration_text(gotext.duration_ns(text)) == shown


@pytest.mark.parametrize("text", ["", "5", "5 s", "s", ".", "5x", "1m s", "9" * 30 + "h", "-"])
def test_no_durations(text: str) -> None:
    with pytest.raises(ValueError):
        gotext.duration_ns(text)


@given(st.integers(min_value=-(1 << 62), max_value=1 << 62))
def test_a_printed_duration_reads_back(ns: int) -> None:
    again = gotext.duration_ns(gotext.duration_text(ns))
    # fractions of a second pass through a float, as they do in Go
    assert abs(again - ns) <= 1


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1", 1), ("1k", 1024), ("1KB", 1024), ("1kib", 1024), ("1.5g", 1610612736),
        ("64 MB", 64 << 20), ("10b", 10), ("2T", 2 << 40), ("1p", 1 << 50), ("0", 0),
    ],
)  # fmt: skip
def test_sizes(text: str, size: int) -> None:
    assert gotext.size_bytes(text) == size


@pytest.mark.parametrize("text", ["", "m", "-1", "1x", "1kbb", "1 2m", "1bb", "9" * 400])
def test_no_sizes(text: str) -> None:
    with pytest.raises(ValueError):
        gotext.size_bytes(text)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (True, "true"), (None, "<nil>"), (5, "5"), (1.0, "1"), (1.5, "1.5"), (1e7, "1e+07"),
        (1e6, "1e+06"), (123456.0, "123456"), (1e-5, "1e-05"), (0.0001, "0.0001"),
        (1e21, "1e+21"), (-2.5, "-2.5"), ({"b": 1, "a": "x"}, "map[a:x b:1]"), ([1, "a"], "[1 a]"),
    ],
)  # fmt: skip
def test_sprint(value: object, shown: str) -> None:
    assert gotext.sprint(value) == shown


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_float32_is_the_shortest_that_names_the_value(number: float) -> None:
    short = gotext.float32(number)
    assert struct.unpack("f", struct.pack("f", short)) == (number,)
    assert len(repr(float(short))) <= len(repr(number))


# beyond 2**53 Go prints the digits of a whole number, which reads back as another type
_FLOATS = st.floats(min_value=-1e15, max_value=1e15)
_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(), _FLOATS),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)  # fmt: skip


@given(_JSON)
def test_json_reads_back(value: object) -> None:
    assert json.loads(gotext.dumps(value)) == value
    assert json.loads(gotext.dumps(value, indent="  ")) == value


def test_json_escapes_what_go_escapes() -> None:
    assert gotext.dumps("<a>&\u2028") == '"\\u003ca\\u003e\\u0026\\u2028"'
    assert gotext.dumps({"a": [1.0, 1e-7, 1e21, 0.5]}) == '{"a":[1,1e-7,1e+21,0.5]}'
    assert gotext.dumps({"a": [], "b": {}}, indent=" ") == '{\n "a": [],\n "b": {}\n}'
