"""YAML scalars as Compose understands them: YAML 1.2 words, octal ``0444``, no base 60.

Source: the resolution table of go-yaml v3. PyYAML's own rules (YAML 1.1) would read ``22:22`` as
1342 and ``yes`` as true.
"""

from __future__ import annotations

import binascii
import math
import re
from datetime import datetime
from typing import Any

_WORDS: dict[str, Any] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
}
_INT = re.compile(r"([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[oO]?([0-7]+)|0[bB]([01]+)|(0|[1-9][0-9]*))")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_FRACTION = re.compile(r"\.[0-9]+(?:_[0-9]+)*(?:[eE][-+]?[0-9]+)?")
_DATE = re.compile(
    r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})"
    r"(?:(?:[Tt]| +)([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})([.,][0-9]{1,9})?"
    r"(Z|[+-][0-9]{2}:[0-9]{2})?)?"
)
_LAST = frozenset("0123456789abcdefABCDEF.")
"""What a number ends with."""
_LONGEST_NUMBER = 60
"""Longer digit strings are text; they would only be a way to make the loader slow."""
_CORE = "tag:yaml.org,2002:"
_KINDS: dict[str, type] = {"int": int, "float": float, "bool": bool, "null": type(None)}


class Date:
    """A plain scalar that YAML reads as a date: no Compose field takes one, ``x-*`` keys do."""

    __slots__ = ("printed", "text")

    def __init__(self, text: str, printed: str) -> None:
        self.text = text
        self.printed = printed
        """As Compose prints it: RFC 3339."""

    def __str__(self) -> str:
        return self.text


def plain(text: str) -> Any:
    """The value of an unquoted scalar without a tag."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "+-.0123456789" or len(text) > _LONGEST_NUMBER:
        return text
    if text[0] == ".":
        return float(text.replace("_", "")) if _FRACTION.fullmatch(text) else text
    if text[4:5] == "-" and (written := _DATE.fullmatch(text)) and (printed := _printed(written)):
        return Date(text, printed)
    digits = text.replace("_", "")
    if digits[-1] not in _LAST:
        return text  # 5s, 80:80 and the like: the patterns take longest to say no
    whole = _INT.fullmatch(digits)
    if whole:
        number = _whole(whole)
        if -(1 << 63) <= number < (1 << 64):
            return number
    if _FLOAT.fullmatch(digits) and math.isfinite(float(digits)):
        return float(digits)
    return text


def _printed(found: re.Match[str]) -> str:
    """A date in RFC 3339; nothing where there is no such day or time, which makes it a text.

    A time behind a ``T`` has a zone, one behind spaces has none.
    """
    year, month, day, hour, minute, second, fraction, zone = found.groups()
    if hour is not None and ("T" in found[0].upper()) != bool(zone):
        return ""
    leap = (int(year) or 2000, int(month), int(day))  # datetime knows no year 0
    try:
        datetime(*leap, int(hour or 0), int(minute or 0), int(second or 0))
    except ValueError:
        return ""
    clock = ":".join(part.zfill(2) for part in (hour or "0", minute or "0", second or "0"))
    part = (fraction or "")[1:].rstrip("0")
    offset = "Z" if zone in (None, "Z", "+00:00", "-00:00") else zone
    return f"{year}-{month:0>2}-{day:0>2}T{clock}{'.' + part if part else ''}{offset}"


def _whole(found: re.Match[str]) -> int:
    sign, hexadecimal, octal, binary, decimal = found.groups()
    number = (
        int(hexadecimal, 16) if hexadecimal
        else int(octal, 8) if octal
        else int(binary, 2) if binary
        else int(decimal)
    )  # fmt: skip
    return -number if sign == "-" else number


def tagged(tag: str, text: str) -> Any:
    """The value of a scalar with an explicit tag; an unknown tag leaves the text.

    :raises ValueError: the text does not fit a tag of YAML's own.
    """
    kind = tag.removeprefix(_CORE) if tag.startswith(_CORE) else ""
    if kind == "binary":
        return _binary(text)
    if kind not in _KINDS and kind != "timestamp":
        return text
    value = plain(text)
    if kind == "timestamp" and isinstance(value, Date):
        return value
    if kind == "float" and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if kind in _KINDS and type(value) is _KINDS[kind]:
        return value
    raise ValueError(f"'{text[:40]}' is not a !!{kind}")


def _binary(text: str) -> str:
    try:
        data = binascii.a2b_base64(text.replace("\n", "").replace("\r", ""), strict_mode=True)
    except ValueError:
        raise ValueError(f"'{text[:40]}' is not base64, as !!binary needs it") from None
    return data.decode("utf-8", "replace")
