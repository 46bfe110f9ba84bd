"""Terminals in containers: what ``exec`` and ``run`` have in common."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

from tabib.cli.console import is_terminal
from tabib.model.errors import UsageError

if TYPE_CHECKING:
    from tabib.client.terminal import Streams


def wants_tty(no_tty: bool, detached: bool = False) -> bool:
    """Whether the program gets a terminal: unless refused, where there is one on both sides."""
    return not (no_tty or detached) and is_terminal(sys.stdin) and is_terminal(sys.stdout)


def streams(*, interactive: bool) -> Streams:
    """The command's descriptors; what Python has buffered is written out first."""
    from tabib.client.terminal import Streams

    sys.stdout.flush()
    sys.stderr.flush()
    return Streams(stdin=0 if interactive else None)


def environment_of(pairs: Iterable[str], option: str = "--env") -> dict[str, str]:
    """``NAME=VALUE`` each, as ``option`` was given them; a bare ``NAME`` takes its value from here,
    and is left out without.

    :raises UsageError: no name.
    """
    values = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not name:
            raise UsageError("wants NAME=VALUE", attempted=f"read {option}", target=repr(pair))
        if equals:
            values[name] = value
        elif name in os.environ:
            values[name] = os.environ[name]
    return values


def exit_code_for(signalled: int) -> int:
    """A container's code as a process can give it."""
    return signalled & 0xFF
