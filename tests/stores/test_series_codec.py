"""Chunks: what goes in comes out, and is small."""

from __future__ import annotations

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabib.decide.rollup import ABSENT
from tabib.stores.series.codec import Chunk, pack

word = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.integers(-200, 200),
    st.just(ABSENT),
    st.sampled_from([2**63 - 1, -(2**63) + 1, 0, 2**31, 2**31 - 1, -(2**31), 2**15, 127, 128]),
)


@st.composite
def columns(draw: st.DrawFn) -> list[array[int]]:
    rows = draw(st.integers(1, 40))
    column = st.one_of(
        st.lists(word, min_size=rows, max_size=rows),
        word.map(lambda value: [value] * rows),
        st.integers(0, 9).map(lambda step: [1000 + index * step for index in range(rows)]),
    )
    found = draw(st.lists(column, min_size=1, max_size=6))
    repeated = draw(st.booleans())
    return [array("q", one) for one in (found + found[:1] if repeated else found)]


@given(columns())
def test_any_columns_come_back(found: list[array[int]]) -> None:
    chunk = Chunk(pack(found))
    assert (chunk.width, chunk.rows) == (len(found), len(found[0]))
    assert [chunk.column(index) for index in range(len(found))] == found


def test_what_does_not_change_takes_next_to_nothing() -> None:
    constant = [array("q", [number]) * 90 for number in range(40)]
    absent = [array("q", [ABSENT]) * 90 for _ in range(40)]
    assert len(pack(constant)) < 200
    assert len(pack(absent)) < 60


def test_a_steady_counter_takes_next_to_nothing() -> None:
    assert len(pack([array("q", range(10**12, 10**12 + 90 * 1234, 1234))])) < 50


def test_equal_columns_are_kept_once() -> None:
    one = array("q", [(index * 7919) % 1000 for index in range(90)])
    assert len(pack([one] * 20)) < len(pack([one])) + 60


@pytest.mark.parametrize("blob", [b"", b"nonsense", pack([array("q", [1, 2])])[:-6]])
def test_what_is_no_chunk_is_refused(blob: bytes) -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        Chunk(blob)
