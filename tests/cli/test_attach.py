"""Whose lines ``up --attach`` shows."""

from __future__ import annotations

import pytest

from support.projects import project, service
from tabib.cli.commands.up import _followed


@pytest.mark.parametrize(
    ("named", "quiet", "expected"),
    [((), (), ()), ((), ("a",), ("b",)), (("a",), ("a",), ("a",)), (("a", "b"), (), ("a", "b"))],
)
def test_what_says_attach_false_is_shown_only_where_it_is_named(
    named: tuple[str, ...], quiet: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    spec = {name: {"attach": False} if name in quiet else {} for name in "ab"}
    whole = project(*(service(name, **fields) for name, fields in spec.items()))
    assert _followed(whole, named) == expected
