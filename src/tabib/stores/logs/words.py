"""Words of lines, and searches made of words.

One rule cuts words out of lines and out of searches: runs of letters and digits, without case. The
index only tells blocks that may hold a match; each line is judged here. So no text can be a syntax
error, and the index may be small: words of a block without positions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_WORD = re.compile(r"[^\W_]+")
_INDEXED_LENGTH = 48
"""Longer words are listed by their beginning."""
_ASKED_WORDS = 32
"""So many words of a search are looked up; the lines are judged by all."""
_PART = re.compile(r'"([^"]*)"|[^\s"]+')


def words_of(texts: Iterable[str]) -> set[str]:
    """The different words, as they are listed."""
    found = set(_WORD.findall("\n".join(texts).casefold()))
    return {word[:_INDEXED_LENGTH] for word in found}


@dataclass(frozen=True, slots=True)
class Search:
    """A search; :meth:`of` makes one of any text.

    Each of ``phrases`` is one or more words in a row; ``literal`` stands for a text without words.
    """

    phrases: tuple[str, ...] = ()
    literal: str = ""

    @classmethod
    def of(cls, text: str) -> Search:
        """Words that must all be there, ``"…"`` in a row; a last ``*`` of a word: words that
        begin so. What has no letter or digit is looked for as it stands; nothing finds all."""
        phrases = []
        for part in _PART.finditer(text):
            quoted = part[1]
            words = _WORD.findall((part[0] if quoted is None else quoted).casefold())
            if words:
                begins = quoted is None and part[0].endswith("*")
                phrases.append(f" {' '.join(words)}" + ("" if begins else " "))
        if phrases:
            return cls(phrases=tuple(dict.fromkeys(phrases)))
        return cls(literal=text.strip())

    def may_match(self, text: str) -> bool:
        """False where no line of ``text`` can match. Costs little."""
        if not self.phrases:
            return self.literal in text
        folded = text.casefold()
        return all(word in folded for phrase in self.phrases for word in phrase.split())

    def matches(self, text: str) -> bool:
        if not self.phrases or not self.may_match(text):
            return not self.phrases and self.literal in text
        words = f" {' '.join(_WORD.findall(text.casefold()))} "
        return all(phrase in words for phrase in self.phrases)

    def query(self) -> str:
        """For the index: blocks that may hold a match; empty: any may."""
        asked: dict[str, None] = {}
        for phrase in self.phrases:
            words = phrase.split()
            for index, word in enumerate(words):
                begins = index == len(words) - 1 and not phrase.endswith(" ")
                asked[f'"{word[:_INDEXED_LENGTH]}"' + ("*" if begins else "")] = None
        return " AND ".join(list(asked)[:_ASKED_WORDS])
