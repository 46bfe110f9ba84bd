"""What strangers wrote, made fit to be shown: one line, nothing that steers, bounded."""

from __future__ import annotations

import re
import unicodedata

from tabib.decide.log_levels import plain

LINE = 400
"""Characters of one text of a stranger."""
_ESCAPES = re.compile(
    r"\x1b(?:\[[0-?]{0,64}[ -/]{0,8}[@-~]|\][^\x07\x1b]{0,256}(?:\x07|\x1b\\)|[@-_])"
)
_SPACES = re.compile(r"[ \t\r\n\f\v]+")
_REPLACED = "\ufffd"


def clean(text: str, limit: int = LINE) -> str:
    """``text`` on one line of at most ``limit`` characters and a word on what was cut off.

    Terminal sequences go; invalid characters become U+FFFD; other controls, and what turns the
    direction of writing or cannot be seen, are shown by their number.
    """
    return line(_SPACES.sub(" ", text[: 4 * limit + 4096]).strip(), limit, len(text))


def line(text: str, limit: int = LINE, length: int | None = None) -> str:
    """As :func:`clean`, with the blanks inside kept as they are (a log line, a stack trace)."""
    length = len(text) if length is None else length
    head = text[: 4 * limit + 4096]
    if "\x1b" in head:
        head = _ESCAPES.sub("", plain(head))
    shown: list[str] = []
    room = limit
    for char in head:
        said = char if char.isprintable() else _said(char)
        room -= len(said)
        if room < 0:
            return "".join(shown) + f"… ({length} characters)"
        shown.append(said)
    cut = length > len(text) or len(text) > 4 * limit + 4096
    return "".join(shown) + (f"… ({length} characters)" if cut else "")


def spans(text: str) -> list[tuple[str, bool]]:
    """Pieces of advice, and whether each stood in backticks (a command). Where these do not pair,
    the whole is plain."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return [(text, False)]
    return [(part, place % 2 == 1) for place, part in enumerate(parts) if part]


def _said(char: str) -> str:
    if char == "\t":
        return "    "
    if char in "\r\n\f\v\u0085\u2028\u2029":
        return " "
    kind = unicodedata.category(char)
    if kind == "Cs" or char == "\x00":
        return _REPLACED
    return " " if kind == "Zs" else f"⟨U+{ord(char):04X}⟩"
