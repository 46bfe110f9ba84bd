"""Variable substitution in one text: every form that the Compose Specification knows.

Written as a scanner, not as the regular expression that Compose uses: a text of a megabyte of
``${`` must not cost a minute.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

Lookup = Callable[[str], str | None]
_OPERATORS = (":?", ":-", ":+", "?", "-", "+")
_MAX_NESTING = 40
MAX_GROWTH = 4 << 20
"""Characters that variables may add to the files of a project. Values that name others double."""
_STEP = 16
"""What one variable costs of it, however short its value."""
_START = frozenset("_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_INNER = _START | frozenset("0123456789")


class TemplateError(ValueError):
    """A text with ``$`` that cannot be read, or a required variable without a value."""


class _Braced(NamedTuple):
    name: str
    operator: str
    word: str
    end: int


class Substitution:
    """Substitutes in texts; ``unset`` gathers variables that had no value and no default."""

    __slots__ = ("left", "lookup", "unset")

    def __init__(self, lookup: Lookup, unset: list[str], left: int = MAX_GROWTH) -> None:
        self.lookup = lookup
        self.unset = unset
        self.left = left
        """Of the growth; what uses several of these hands it on."""

    def apply(self, text: str, depth: int = 0) -> str:
        """The text with its variables filled in.

        Words after ``:-``, ``:?`` and the like are substituted even where they are not used, as
        Compose does. :raises TemplateError: a bad form, or a required variable is missing.
        """
        if "$" not in text:
            return text
        if depth > _MAX_NESTING:
            raise TemplateError("variables are nested too deeply")
        parts, at = [], 0
        while (dollar := text.find("$", at)) >= 0:
            parts.append(text[at:dollar])
            value, at = self._one(text, dollar, depth)
            parts.append(value)
        return "".join(parts) + text[at:]

    def _one(self, text: str, dollar: int, depth: int) -> tuple[str, int]:
        following = text[dollar + 1 : dollar + 2]
        if following == "$":
            return "$", dollar + 2
        if following in _START and following:
            end = _name_end(text, dollar + 1)
            return self._value(text[dollar + 1 : end]), end
        if following != "{":
            return "$", dollar + 1
        found = _braced(text, dollar)
        if not found.operator:
            return self._value(found.name), found.end
        return self._operate(found, depth), found.end

    def _value(self, name: str) -> str:
        value = self.lookup(name)
        if value is None:
            self.unset.append(name)
        return self._spend(value or "")

    def _spend(self, value: str) -> str:
        self.left -= len(value) + _STEP
        if self.left < 0:
            raise TemplateError(f"variables make the text longer than {MAX_GROWTH >> 20} MB")
        return value

    def _operate(self, found: _Braced, depth: int) -> str:
        word = self.apply(found.word, depth + 1)
        value = self.lookup(found.name)
        usable = value is not None and (value != "" or found.operator[0] != ":")
        kind = found.operator[-1]
        if kind == "+":
            return word if usable else self._spend(value or "")
        if usable:
            return self._spend(value or "")
        if kind == "-":
            return word
        reason = f": {word}" if word else ""
        raise TemplateError(f"required variable {found.name} is missing a value{reason}")


def references(text: str) -> Iterator[tuple[str, str, str]]:
    """Name, operator and word of each variable in ``text``; the words are not looked into.

    :raises TemplateError: a bad form.
    """
    at = 0
    while (dollar := text.find("$", at)) >= 0:
        following = text[dollar + 1 : dollar + 2]
        at = dollar + 1
        if following == "$":
            at += 1
        elif following in _START and following:
            at = _name_end(text, dollar + 1)
            yield text[dollar + 1 : at], "", ""
        elif following == "{":
            found = _braced(text, dollar)
            at = found.end
            yield found.name, found.operator, found.word


def _name_end(text: str, start: int) -> int:
    end = start
    while end < len(text) and text[end] in _INNER:
        end += 1
    return end


def _braced(text: str, dollar: int) -> _Braced:
    """``${NAME}`` or ``${NAME<op>word}`` at ``dollar``; the word may hold further braces."""
    start = dollar + 2
    bad = TemplateError(
        f"'{text[dollar : dollar + 40]}' is not a variable; a $ that stands for itself is $$"
    )
    if text[start : start + 1] not in _START or start >= len(text):
        raise bad
    end = _name_end(text, start)
    name = text[start:end]
    if text[end : end + 1] == "}":
        return _Braced(name, "", "", end + 1)
    operator = next((op for op in _OPERATORS if text.startswith(op, end)), "")
    line_end = text.find("\n", end)
    last = text.rfind("}", end, len(text) if line_end < 0 else line_end)
    if not operator or last < 0:
        raise bad
    close = _closing(text, dollar, last)
    return _Braced(name, operator, text[end + len(operator) : close], close + 1)


def _closing(text: str, dollar: int, last: int) -> int:
    """The brace that closes the one after ``dollar``; ``last`` where they do not balance."""
    depth, at = 0, dollar
    while at <= last:
        if text[at] == "}":
            depth -= 1
            if depth == 0:
                return at
        elif text[at] == "{":
            depth += 1
            if depth > _MAX_NESTING:
                raise TemplateError("variables are nested too deeply")
            at += 1  # Compose never looks at the character after an opening brace
        at += 1
    return last
