"""What ``tabib config -q`` spares: parts of foreign modules that it never uses (decision 0021)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_compile = re.compile
_METHODS = ("match", "fullmatch", "search", "sub", "subn", "split", "findall", "finditer")
"""A module may keep them as it is imported, and never call them: ``json`` does."""


class _Pattern:
    """A regular expression that is compiled when it is first used."""

    def __init__(self, *given: Any, **named: Any) -> None:
        self._given = given
        self._named = named

    def __getattr__(self, name: str) -> Any:
        # Only what is not there yet comes here; a method is there once it was called.
        if name not in _METHODS:
            return getattr(_compile(*self._given, **self._named), name)

        def method(*given: Any, **named: Any) -> Any:
            found = getattr(_compile(*self._given, **self._named), name)
            setattr(self, name, found)
            return found(*given, **named)

        return method


@contextmanager
def patterns() -> Iterator[None]:
    """Modules that are imported within compile their regular expressions when they use them.

    Compiling takes longer than importing: 9 of PyYAML's 13 ms, most of it for what its scanner in
    C does without. A pattern that does not compile is found out when it is used.
    """
    re.compile = _Pattern  # type: ignore[assignment]
    try:
        yield
    finally:
        re.compile = _compile
