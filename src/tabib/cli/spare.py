"""What ``tabib config -q`` spares: parts of foreign modules that it never uses (decision 0021)."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any


_compile = re.compile


class _Later(ModuleType):
    """A module that is imported when something in it is wanted."""

    def __getattr__(self, name: str) -> Any:
        from importlib import import_module

        return getattr(import_module(self.__name__), name)


def inspect() -> None:
    """``dataclasses`` imports ``inspect`` (8 ms) for classes without a docstring: not ours."""
    if "dataclasses" in sys.modules or "inspect" in sys.modules:
        return
    sys.modules["inspect"] = _Later("inspect")
    try:
        import dataclasses  # noqa: F401 - it keeps what stands in for ``inspect``
    finally:
        del sys.modules["inspect"]


class _Pattern:
    """A regular expression that is compiled when it is first used."""

    def __init__(self, *given: Any) -> None:
        self._given = given

    def __getattr__(self, name: str) -> Any:
        # Only what is not there yet comes here: from now on the compiled one's own method is.
        found = getattr(_compile(*self._given), name)
        setattr(self, name, found)
        return found


@contextmanager
def patterns() -> Iterator[None]:
    """Modules that are imported within compile their regular expressions when they use them.

    Compiling takes longer than importing: 9 of PyYAML's 13 ms, most of it for what its scanner in
    C does without. A pattern that does not compile is found out when it is used.
    """
    re.compile = _Pattern  # type: ignore[assignment,misc]
    try:
        yield
    finally:
        re.compile = _compile
