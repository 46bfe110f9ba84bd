"""Splitting a command written as one text. Source: mattn/go-shellwords with its defaults."""

from __future__ import annotations

_UNREADABLE = "is no command line: a quote, a bracket or a backslash is left open"


class _Words:
    """The state of one split."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.word: list[str] = []  # a text would be copied at every character
        self.begun = False
        self.escaped = False
        self.single = self.double = self.back = self.dollar = False

    @property
    def quoted(self) -> bool:
        return self.single or self.double or self.back or self.dollar

    def space(self, char: str) -> None:
        if self.quoted:
            self.word.append(char)
        elif self.begun:
            self.end()

    def end(self) -> None:
        self.done.append("".join(self.word))
        self.word, self.begun = [], False

    def special(self, char: str) -> bool | None:
        """True: dealt with; False: an ordinary character; None: the command ends here."""
        if char == "`" and not (self.single or self.double or self.dollar):
            self.back = not self.back
        elif char == ")" and not (self.single or self.double or self.back):
            self.dollar = not self.dollar
        elif char == "(" and not (self.single or self.double or self.back):
            if self.dollar or self.word[-1:] != ["$"]:
                raise ValueError(_UNREADABLE)
            self.dollar = True
            self.word.append("(")
            return True
        elif char == '"' and not (self.single or self.dollar):
            self.begun = self.begun or self.double
            self.double = not self.double
            return True
        elif char == "'" and not (self.double or self.dollar):
            self.begun = self.begun or self.single
            self.single = not self.single
            return True
        elif char in ";&|<>" and not self.quoted:
            if char == ">" and self.word and self.word[0].isdigit():
                self.begun = False
            return None
        return False


def split(text: str) -> list[str]:
    """The words of a command; everything from an unquoted ``;``, ``&``, ``|``, ``<``, ``>`` on is
    dropped, as Compose does. :raises ValueError: something is left open."""
    words = _Words()
    for char in text:
        if words.escaped:
            words.word.append(char)
            words.escaped, words.begun = False, True
        elif char == "\\" and not words.single:
            words.escaped = True
        elif char == "\\":
            words.word.append(char)
        elif char in " \t\r\n":
            words.space(char)
        else:
            handled = words.special(char)
            if handled is None:
                break
            if not handled:
                words.begun = True
                words.word.append(char)
    if words.begun:
        words.end()
    if words.escaped or words.quoted:
        raise ValueError(_UNREADABLE)
    return words.done
