"""The quick judge of the schema: when it says yes, the library says so too."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compose.harness import CASES
from tabib.compose import schema
from tabib.compose.certain import Doubt, Schema
from tabib.compose.extension import plain
from tabib.compose.problems import Problems, Stop
from tabib.compose.read import documents
from tabib.compose.tree import Map


def _trees() -> list[Any]:
    found: list[Any] = []
    for path in sorted(CASES.rglob("*.y*ml")):
        try:
            found += documents(path.read_text("utf-8"), str(path), Problems())
        except (Stop, UnicodeDecodeError):
            continue
    return [plain(tree) for tree in found if isinstance(tree, Map)]


TREES = _trees()


def test_it_is_never_certain_of_what_the_library_refuses() -> None:
    valid = [schema.validator().is_valid(plain(tree)) for tree in TREES]
    certain = [schema.certainty().certain(tree) for tree in TREES]
    assert not [t for t, v, c in zip(TREES, valid, certain, strict=True) if c and not v]
    assert valid.count(False) >= 5
    assert certain.count(True) >= 0.9 * valid.count(True)


_SERVICE = schema.document()["definitions"]["service"]["properties"]
_LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 70000),
    st.sampled_from([1.0, 0.5, 1 << 60, float("inf")]),
    st.sampled_from(["", "a", "x-a", "a\n", "é", "never", "every_1d", "service_healthy"]),
)
_KEYS = st.sampled_from(
    [*_SERVICE, "x-a", "a", "é", "a b", "test", "condition", "limits", "target", "path", "soft"]
)
_VALUES = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_KEYS, inner, max_size=3)),
    max_leaves=8,
)


@settings(max_examples=1500, deadline=None)
@given(st.dictionaries(st.sampled_from([*_SERVICE, "x-a", "nope"]), _VALUES, max_size=3))
def test_of_any_service_it_is_certain_only_where_it_is_valid(service: dict[str, Any]) -> None:
    tree = {"services": {"a": service}}
    if schema.certainty().certain(tree):
        assert schema.validator().is_valid(tree)


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ({"type": "integer"}, 1.0),
        ({"type": "number"}, 1 << 60),
        ({"type": "array", "uniqueItems": True}, [1, True]),
        ({"pattern": "^[a-z]+$"}, "a\n"),
        ({"patternProperties": {"^.+$": {}}, "additionalProperties": False}, {"é": 1}),
    ],
)
def test_what_dialects_see_differently_is_a_doubt(part: dict[str, Any], value: Any) -> None:
    assert not Schema(part).certain(value)


def test_an_unknown_keyword_is_a_doubt() -> None:
    with pytest.raises(Doubt):
        Schema({"type": "string", "maxLength": 3})
