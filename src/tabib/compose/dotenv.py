"""``.env`` and ``env_file``: the dialect that Docker Compose reads.

``NAME=value``, ``NAME: value``, ``export``, comments, single quotes (literal), double quotes
(escapes and variables, several lines), ``NAME`` alone (taken from the environment).
"""

from __future__ import annotations

import re

from tabib.compose.template import MAX_GROWTH, Lookup, Substitution, TemplateError

MAX_BYTES = 1 << 20
"""No process can be given more than 2 MB of variables; reading one million bytes takes 0.3 s."""
_BLANK = "\t\v\f\r \x85\xa0"
_ESCAPE = re.compile(r'\\(?:[abcfnrtv$"\\]|0[0-9]{0,3})')
_ESCAPED = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v",
            "\\": "\\", '"': '"', "$": "$$"}  # fmt: skip
_EXPORT = re.compile(r"export\s+")


class DotenvError(ValueError):
    """A line that cannot be read; ``line`` counts from 1."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


class _Parser:
    def __init__(self, text: str, values: dict[str, str], lookup: Lookup) -> None:
        self.text = text.removeprefix("\ufeff")
        self.values = values
        self.lookup = lookup
        self.at = 0
        self.left = MAX_GROWTH

    def parse(self) -> None:
        while self._next_statement():
            start = self.at
            name, inherited = self._name()
            if " " in name:
                raise self._error(f"'{name}' is no name=value: a name holds no space", start)
            if inherited:
                value = self.lookup(name)
                if value is not None:
                    self.values[name] = value
                continue
            quote = self.text[self.at : self.at + 1]
            self.values[name] = self._quoted(quote) if quote in ("'", '"') else self._bare()

    def _error(self, message: str, at: int | None = None) -> DotenvError:
        return DotenvError(message, self.text.count("\n", 0, self.at if at is None else at) + 1)

    def _next_statement(self) -> bool:
        while True:
            while self.at < len(self.text) and self.text[self.at].isspace():
                self.at += 1
            if not self.text.startswith("#", self.at):
                return self.at < len(self.text)
            end = self.text.find("\n", self.at)
            self.at = len(self.text) if end < 0 else end

    def _name(self) -> tuple[str, bool]:
        if found := _EXPORT.match(self.text, self.at):
            self.at = found.end()
        start = self.at
        for end in range(start, len(self.text)):
            char = self.text[end]
            if char in "=:\n":
                self._skip_blank(end + 1)
                return self.text[start:end].rstrip(), char == "\n"
            if not (char in _BLANK or char in "_.-[]" or char.isalnum()):
                raise self._error(f"unexpected character '{char}' in a variable's name")
        # Compose: a last line without = and newline names nothing, and its text is the value
        self._skip_blank(start)
        return "", False

    def _skip_blank(self, at: int) -> None:
        while at < len(self.text) and self.text[at] in _BLANK:
            at += 1
        self.at = at

    def _bare(self) -> str:
        end = self.text.find("\n", self.at)
        end = len(self.text) if end < 0 else end
        start, raw = self.at, self.text[self.at : end]
        self.at = min(end + 1, len(self.text))
        return self._expand(raw.partition(" #")[0].rstrip(), start)

    def _quoted(self, quote: str) -> str:
        start, chars, at = self.at, [], self.at + 1
        while at < len(self.text):
            char = self.text[at]
            if char == "\\" and at + 1 < len(self.text):
                following = self.text[at + 1]
                chars.append(following if following == quote else char + following)
                at += 2
                continue
            if char == quote:
                self.at = at + 1
                value = "".join(chars)
                return self._expand(_ESCAPE.sub(_unescape, value), start) if quote == '"' else value
            chars.append(char)
            at += 1
        raise self._error("a quoted value has no end", start)

    def _expand(self, value: str, at: int) -> str:
        def find(name: str) -> str | None:
            found = self.lookup(name)
            return self.values.get(name) if found is None else found

        try:
            substitution = Substitution(find, [], self.left)
            expanded = substitution.apply(value)
            self.left = substitution.left
            return expanded
        except TemplateError as error:
            raise self._error(str(error), at) from None


def _unescape(found: re.Match[str]) -> str:
    kind = found[0][1]
    if kind == "0":
        code = found[0][2:]
        usable = len(code) == 3 and code < "400" and max(code) < "8"
        return chr(int(code, 8)) if usable else found[0]
    return _ESCAPED.get(kind, found[0])


def parse(text: str, values: dict[str, str], lookup: Lookup) -> None:
    """Add the variables of ``text`` to ``values``; later lines see earlier ones.

    ``lookup`` wins over ``values`` in substitutions. :raises DotenvError: a bad line.
    """
    _Parser(text, values, lookup).parse()


def parse_raw(text: str, values: dict[str, str], lookup: Lookup) -> None:
    """The ``raw`` format, as ``docker run --env-file``: nothing is quoted or substituted."""
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        stripped = line.removesuffix("\r").lstrip()
        if not stripped or stripped.startswith("#"):
            continue
        name, equals, value = stripped.partition("=")
        if not name:
            raise DotenvError("no variable name before '='", number)
        if any(char.isspace() for char in name):
            raise DotenvError(f"the variable '{name}' contains whitespaces", number)
        if equals:
            values[name] = value
        elif (found := lookup(name)) is not None:
            values[name] = found
