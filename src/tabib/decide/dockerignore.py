"""``.dockerignore``: which files of a folder belong to a build's context.

Source of the rules: the documentation of the Docker build context ("Syntax", "Negating matches")
and the behaviour of the engine's own client. The last pattern that matches a path, or a folder that
the path is in, decides.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass

_BYTE_ORDER_MARK = "\ufeff"
_SPECIAL = re.compile(r"[*?\[\]\\]")
_LITERAL = frozenset(".+()|{}$^")


class BadPattern(ValueError):
    """A line of the file is no pattern; ``line`` counts from 1."""

    def __init__(self, line: int, text: str, why: str) -> None:
        super().__init__(f"line {line}: {text!r}: {why}")
        self.line = line


@dataclass(frozen=True, slots=True)
class _Pattern:
    text: str
    expression: re.Pattern[str]
    includes: bool


class Ignore:
    """The rules of one file. Paths are relative to the context, with ``/`` between their parts."""

    def __init__(self, patterns: Iterable[_Pattern] = ()) -> None:
        self._patterns = tuple(patterns)

    def excludes(self, path: str) -> bool:
        """Whether ``path`` stays out."""
        parents = _parents(path)
        excluded = False
        for pattern in self._patterns:
            if pattern.includes != excluded:
                continue  # It could only say what holds already.
            if any(pattern.expression.match(one) for one in (path, *parents)):
                excluded = not pattern.includes
        return excluded

    def may_hold(self, folder: str) -> bool:
        """Whether something below an excluded folder may come in all the same."""
        return any(p.includes and _may_match_below(p.text, folder) for p in self._patterns)


def read(text: str) -> Ignore:
    """The rules of a ``.dockerignore`` with this content.

    :raises BadPattern: a line is no pattern.
    """
    found = []
    for number, line in enumerate(text.removeprefix(_BYTE_ORDER_MARK).splitlines(), 1):
        if line.startswith("#") or not line.strip():
            continue
        pattern = line.strip()
        includes = pattern.startswith("!")
        if includes:
            pattern = pattern[1:].strip()
            if not pattern:
                raise BadPattern(number, line, "an exception without a pattern")
        pattern = posixpath.normpath(pattern).lstrip("/") or "."
        try:
            expression = re.compile(_expression(pattern), re.DOTALL)
        except re.error as error:
            raise BadPattern(number, line, f"no pattern ({error.msg})") from error
        found.append(_Pattern(pattern, expression, includes))
    return Ignore(found)


def _parents(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]


def _may_match_below(pattern: str, folder: str) -> bool:
    """Whether ``pattern`` may match something below ``folder``; when unsure, yes."""
    for mine, theirs in zip(pattern.split("/"), folder.split("/"), strict=False):
        if "**" in mine:
            return True
        if not re.fullmatch(_expression(mine), theirs, re.DOTALL):
            return False
    return True


def _expression(pattern: str) -> str:
    """``*`` within one part of a path, ``**`` any number of parts, ``?`` one character.

    A leading ``**`` before plain text means whatever ends so: ``**.txt`` is each ``.txt`` file.
    """
    ending = pattern.removeprefix("**")
    if ending != pattern and not _SPECIAL.search(ending):
        head = "(?:.*/)?" if ending.startswith("/") else ".*"
        return head + re.escape(ending.removeprefix("/")) + r"\Z"
    out: list[str] = []
    at, end = 0, len(pattern)
    while at < end:
        char = pattern[at]
        at += 1
        if pattern.startswith("**", at - 1):
            at += 1
            at += pattern.startswith("/", at)
            out.append(".*" if at >= end else "(?:.*/)?")
        elif char == "*":
            out.append("[^/]*")
        elif char == "?":
            out.append("[^/]")
        elif char == "\\" and at < end:
            out.append(re.escape(pattern[at]))
            at += 1
        elif char in _LITERAL and not _in_class(pattern, at - 1):
            out.append("\\" + char)
        else:
            out.append("\\\\" if char == "\\" else char)
    return "".join(out) + r"\Z"


def _in_class(pattern: str, at: int) -> bool:
    opened = pattern.rfind("[", 0, at)
    return opened >= 0 and "]" not in pattern[opened:at]
