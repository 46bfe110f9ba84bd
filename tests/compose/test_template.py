"""Variables: every form, and that no text can break the scanner."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabib.compose.template import Substitution, TemplateError

VALUES = {"SET": "value", "EMPTY": "", "_x1": "y"}


def substitute(text: str) -> str:
    return Substitution(VALUES.get, []).apply(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("$SET", "value"),
        ("${SET}", "value"),
        ("a${SET}b$SET-c", "avalueb" + "value-c"),
        ("$_x1", "y"),
        ("$$SET", "$SET"),
        ("$$$SET", "$value"),
        ("$", "$"),
        ("$1 $. ${SET}$", "$1 $. value$"),
        ("${UNSET:-d}", "d"),
        ("${EMPTY:-d}", "d"),
        ("${SET:-d}", "value"),
        ("${UNSET-d}", "d"),
        ("${EMPTY-d}", ""),
        ("${SET:+d}", "d"),
        ("${EMPTY:+d}", ""),
        ("${EMPTY+d}", "d"),
        ("${UNSET+d}", ""),
        ("${SET:?m}", "value"),
        ("${EMPTY?m}", ""),
        ("${UNSET:-${SET}}", "value"),
        ("${UNSET:-${ALSO:-${SET}x}y}z", "valuexyz"),
        ("${UNSET:-a:-b}", "a:-b"),
        ('${UNSET:-{"a":"b"}}', '{"a":"b"}'),
        ("${UNSET:-a}-${UNSET:-b}", "a-b"),
    ],
)
def test_forms(text: str, expected: str) -> None:
    assert substitute(text) == expected


@pytest.mark.parametrize("text", ["${", "${}", "${1A}", "${SET", "${SET!x}", "${-x}", "a ${ b"])
def test_unreadable(text: str) -> None:
    with pytest.raises(TemplateError):
        substitute(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("${UNSET:?}", "required variable UNSET is missing a value"),
        ("${EMPTY:?say why}", "required variable EMPTY is missing a value: say why"),
        ("${UNSET?for $SET}", "required variable UNSET is missing a value: for value"),
    ],
)
def test_required(text: str, message: str) -> None:
    with pytest.raises(TemplateError) as caught:
        substitute(text)
    assert str(caught.value) == message


def test_unset_variables_are_gathered() -> None:
    substitution = Substitution(VALUES.get, [])
    assert substitution.apply("$A ${B} ${C:-} ${SET}") == "   value"
    assert substitution.unset == ["A", "B"]


@given(st.text(alphabet="${}:-?+ABab \n'\"", max_size=80))
def test_no_text_raises_anything_else(text: str) -> None:
    try:
        substitute(text)
    except TemplateError:
        pass


@given(st.text(max_size=80))
def test_escaped_text_comes_back(text: str) -> None:
    assert substitute(text.replace("$", "$$")) == text
