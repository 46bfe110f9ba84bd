"""A record takes the names of its fields, and no others."""

from __future__ import annotations

import pytest

from tabib.model.record import Record


class Wanted(Record):
    name: str
    count: int = 1


def test_what_is_not_given_is_the_default() -> None:
    wanted = Wanted(name="a")
    wanted.count += 1
    assert (wanted.name, wanted.count, Wanted(name="b").count) == ("a", 2, 1)
    assert repr(wanted) == "Wanted({'name': 'a', 'count': 2})"


def test_a_name_that_no_field_has_is_refused() -> None:
    with pytest.raises(TypeError, match="Wanted has no size"):
        Wanted(name="a", size=1)  # type: ignore[call-arg]
