"""Redaction: secrets in text, taken out where evidence enters.

Two kinds are found: **known values** (of secrets, and of variables whose names look secret),
wherever they stand, also as JSON, a URL or Base64 writes them; and **patterns** (``password=…``,
``Authorization: …``, ``scheme://user:password@``, well-known tokens, private keys).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import quote, quote_plus, unquote

from tabib.decide.secret_patterns import (
    SECRET_END,
    SECRET_NAME,
    URL_PASSWORD,
    mask_patterns,
    may_match,
)

MINIMUM_LENGTH = 4
"""Shorter known values are left: masking every ``db`` would make all evidence unreadable. As
``password=db`` they are still masked by pattern."""

_GUESSED_LENGTH = 6
"""Values that only stand where secrets do are known ones from this length on."""
_TRIVIAL = frozenset({"true", "false", "none", "null", "yes", "enabled", "disabled", "default"})
_LINE_MINIMUM = 8
"""Lines of a longer secret (a key file) are known values of their own from this length on."""
_MASK_CHARACTERS = "*•█▒#×"
_MASK_LENGTH = 5


def looks_secret(name: str) -> bool:
    """Whether a variable, label or option of this name probably holds a secret."""
    return SECRET_NAME.search(name) is not None


def secret_values(environment: Mapping[str, Any] | Iterable[str]) -> frozenset[str]:
    """The values of those variables whose names look secret, and passwords in URLs of any other.

    ``environment``: a mapping, or ``NAME=value`` as engines list it.
    """
    if isinstance(environment, Mapping):
        pairs: list[tuple[str, Any]] = list(environment.items())
    else:
        pairs = [(name, value) for name, _, value in (one.partition("=") for one in environment)]
    texts = [(name, value) for name, value in pairs if isinstance(value, str) and value]
    found = {value for name, value in texts if looks_secret(name)}
    return frozenset(found.union(*(_url_passwords(value) for _, value in texts)))


def argument_secrets(command: Sequence[str]) -> frozenset[str]:
    """What the options of a command line give away: ``--password=…``, ``--requirepass …``, and
    ``API_TOKEN=…``. A program prints such a value by itself later."""
    found: set[str] = set()
    before = ""
    for argument in command:
        name, equals, value = argument.partition("=")
        if not equals:
            name, value = (before, argument) if before.startswith("-") else ("", "")
        plain = not value.startswith(("-", "/", "$")) and not any(c.isspace() for c in value)
        if plain and len(value) >= _GUESSED_LENGTH and SECRET_END.search(name):
            found.add(value)
        found |= _url_passwords(argument)
        before = argument
    return frozenset(found)


def _url_passwords(text: str) -> set[str]:
    if "://" not in text:
        return set()
    found = {one for one in URL_PASSWORD.findall(text) if len(one) >= _GUESSED_LENGTH}
    # A password that is also the user's or the database's name would hide every word of it.
    secret = {one for one in found if text.count(one) == 1 and not one.startswith("$")}
    return secret | {unquote(one) for one in secret}


def redact(text: str, secrets: frozenset[str] = frozenset()) -> str:
    """``text`` without ``secrets`` and without what looks like one."""
    return _redactor(secrets).text(text)


@dataclass(frozen=True, slots=True, repr=False)
class Redactor:
    """Masks a fixed set of known values, and the patterns. Build it with :meth:`knowing`."""

    values: tuple[str, ...] = ()
    mask: str = _MASK_CHARACTERS[0] * _MASK_LENGTH
    """Made of a character that no known value has: what is left beside a mask cannot join with it
    into a secret."""

    @classmethod
    def knowing(cls, secrets: Iterable[str] = ()) -> Redactor:
        """A redactor for these secrets, in all the forms in which text carries them."""
        known = {form for secret in secrets for form in _forms(secret)}
        return cls(values=tuple(sorted(known)), mask=_mask_for(known))

    def text(self, text: str) -> str:
        """``text`` without secrets; the number of lines stays."""
        return mask_patterns(self._known(text), self.mask)

    def lines(self, lines: Sequence[str]) -> list[str]:
        """Each line without secrets, also those that run over several lines."""
        if not lines:
            return []
        # A line may itself hold line ends: each keeps its own share of the joined text.
        counts = [line.count("\n") + 1 for line in lines]
        parts = self.text("\n".join(lines)).split("\n")
        result, start = [], 0
        for count in counts:
            result.append("\n".join(parts[start : start + count]))
            start += count
        return result

    def quick_lines(self, lines: Sequence[str]) -> list[str]:
        """The same as :meth:`lines`, at little cost where there is nothing to hide: only lines
        that may hold something are read closely, with those around them."""
        joined = "\n".join(lines)
        if "-----BEGIN" in joined or any(value in joined for value in self.values):
            return self.lines(lines)
        result = list(lines)
        for start, end in _surroundings([may_match(line) for line in lines]):
            result[start:end] = self.lines(lines[start:end])
        return result

    def tree(self, value: Any) -> Any:
        """A JSON value with every string redacted, and whole where its key looks secret.

        Lists are read as command lines: what follows ``--password`` is masked.
        """
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(str(key)): self._member(str(key), value[key]) for key in value}
        if isinstance(value, list | tuple):
            return [self._argument(value, index) for index in range(len(value))]
        return value

    def name(self, text: str, cut_at: int) -> str:
        """The same for a name that the kernel cuts: half a secret at its end is hidden too."""
        hidden = self.text(text)
        if hidden != text or len(text.encode("utf-8", "surrogateescape")) < cut_at:
            return hidden
        for start in range(len(text) - MINIMUM_LENGTH + 1):
            if any(value.startswith(text[start:]) for value in self.values):
                return text[:start] + self.mask
        return text

    def holds_secret(self, text: str) -> bool:
        """Whether redaction would change ``text``."""
        return self.text(text) != text

    def _member(self, key: str, value: Any) -> Any:
        if isinstance(value, str) and value and looks_secret(key):
            return self.mask
        return self.tree(value)

    def _argument(self, items: Sequence[Any], index: int) -> Any:
        item = items[index]
        before = items[index - 1] if index else ""
        if isinstance(item, str) and isinstance(before, str) and is_secret_option(before):
            return self.mask
        return self.tree(item)

    def _known(self, text: str) -> str:
        spans = sorted(
            (start, start + len(value))
            for value in self.values
            for start in _occurrences(text, value)
        )
        if not spans:
            return text
        pieces, end = [], 0
        for start, stop in _united(spans):
            hidden = text[start:stop]
            pieces += [text[end:start], "\n".join([self.mask] * (hidden.count("\n") + 1))]
            end = stop
        return "".join([*pieces, text[end:]])


@lru_cache(maxsize=64)
def _redactor(secrets: frozenset[str]) -> Redactor:
    return Redactor.knowing(secrets)


def is_secret_option(argument: str) -> bool:
    """Whether the next argument of a command line is a secret: ``--password``, ``-requirepass``."""
    return argument.startswith("-") and "=" not in argument and looks_secret(argument)


def _surroundings(marked: Sequence[bool]) -> Iterable[tuple[int, int]]:
    """Stretches of marked lines, with one before and three after: a pattern may begin with a line
    end, and reach over three."""
    spans = [(max(0, at - 1), at + 4) for at, yes in enumerate(marked) if yes]
    return [(start, min(end, len(marked))) for start, end in _united(spans)] if spans else []


def _forms(secret: str) -> Iterable[str]:
    """The secret, and how JSON, URLs, Base64 and single log lines show it."""
    candidates = {secret, secret.strip()}
    candidates |= {line.strip() for line in secret.splitlines() if len(line) >= _LINE_MINIMUM}
    for plain in tuple(candidates):
        if not _worth(plain):
            continue
        data = plain.encode("utf-8", "surrogatepass")
        candidates |= {
            json.dumps(plain)[1:-1],
            json.dumps(plain, ensure_ascii=False)[1:-1],
            quote(data, safe=""),
            quote_plus(data),
            base64.b64encode(data).decode(),
        }
    return filter(_worth, candidates)


def _worth(value: str) -> bool:
    return len(value.strip()) >= MINIMUM_LENGTH and value.strip().lower() not in _TRIVIAL


def _mask_for(known: Iterable[str]) -> str:
    used = set().union(*known)
    character = next((c for c in _MASK_CHARACTERS if c not in used), None)
    if character is None:
        # Past every usual one: the first of the private use area that no value has.
        character = next(c for c in map(chr, range(0xE000, 0xF8FF)) if c not in used)
    return character * _MASK_LENGTH


def _occurrences(text: str, value: str) -> Iterable[int]:
    start = text.find(value)
    while start >= 0:
        yield start
        start = text.find(value, start + 1)


def _united(spans: Sequence[tuple[int, int]]) -> Iterable[tuple[int, int]]:
    """Sorted spans, overlapping ones as one: else the tail of the second would stay."""
    start, end = spans[0]
    for next_start, next_end in spans[1:]:
        if next_start > end:
            yield start, end
            start, end = next_start, next_end
        else:
            end = max(end, next_end)
    yield start, end
