"""Merging files: the exceptions are judged by the oracle's cases, the rule by properties."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from compose.memory import load_files
from tabib.compose.merge import Merge
from tabib.compose.problems import Problems
from tabib.compose.tree import Map, Seq, clone

_KEYS = st.sampled_from(["a", "b", "c"])
_LEAVES = st.one_of(st.integers(), st.text(max_size=3))


def _tree(depth: int) -> st.SearchStrategy[Any]:
    """Mappings whose shape depends on the depth alone, so that any two can be merged."""
    if depth == 0:
        return _LEAVES
    lists = st.lists(_LEAVES, max_size=3).map(Seq)
    return st.fixed_dictionaries(
        {}, optional={"m": _tree(depth - 1), "l": lists, "s": _LEAVES}
    ).map(lambda value: Map(value))


def merge(*trees: Map) -> Map:
    result = clone(trees[0])
    for tree in trees[1:]:
        result = Merge(Problems()).mappings(result, clone(tree), ())
    return result


@given(_tree(3), _tree(3), _tree(3))
def test_merging_is_associative(a: Map, b: Map, c: Map) -> None:
    assert merge(merge(a, b), c) == merge(a, merge(b, c))


@given(_tree(3))
def test_nothing_is_neutral(a: Map) -> None:
    assert merge(a, Map()) == a
    assert merge(Map(), a) == a


def test_the_marks_of_the_winner_win() -> None:
    project = load_files(
        {
            "compose.yaml": "services: {a: {image: one, labels: {x: 1}}}",
            "compose.override.yaml": "services: {a: {image: two, labels: [y=2, x=3]}}",
        }
    )
    spec = project.services["a"].spec
    assert spec["image"] == "two"
    assert spec["labels"] == {"x": "3", "y": "2"}
