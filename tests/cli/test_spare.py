"""Patterns that are compiled when they are used find what compiled ones find."""

from __future__ import annotations

import re

import pytest

from tabib.cli import spare


def test_a_pattern_is_compiled_when_it_is_used() -> None:
    with spare.patterns():
        word, broken = re.compile("a(b)", flags=re.IGNORECASE), re.compile("(")
    assert isinstance(re.compile("a"), re.Pattern)
    found = word.match("xAB", 1)
    assert found is not None
    assert found[1] == "B"
    assert word.sub("-", "abAB") == "--"
    assert (word.pattern, word.groups) == ("a(b)", 1)
    with pytest.raises(re.error):
        broken.match("")


def test_patterns_are_ordinary_again_whatever_happens() -> None:
    with pytest.raises(KeyError), spare.patterns():
        raise KeyError
    assert isinstance(re.compile("a"), re.Pattern)
