"""YAML scalars as Compose understands them: YAML 1.2 words, octal ``0444``, no base 60.

Source: the resolution table of go-yaml v3. PyYAML's own rules (YAML 1.1) would read ``22:22`` as
1342 and ``yes`` as true.
"""

from __future__ import annotations

import math
import re
from typing import Any

_WORDS: dict[str, Any] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    # no field has a use for these as numbers, and JSON cannot hold them: kept as Go prints them
    **dict.fromkeys((".nan", ".NaN", ".NAN"), "NaN"),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), "+Inf"),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), "-Inf"),
}
_INT = re.compile(r"([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[oO]?([0-7]+)|0[bB]([01]+)|(0|[1-9][0-9]*))")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt ][0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}\S*)?")
_LONGEST_NUMBER = 60
"""Longer digit strings are text; they would only be a way to make the loader slow."""
_CORE = "tag:yaml.org,2002:"


class Date(str):
    """A plain scalar that YAML reads as a date, which no Compose field accepts."""

    __slots__ = ()


def plain(text: str) -> Any:
    """The value of an unquoted scalar without a tag."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "+-.0123456789" or len(text) > _LONGEST_NUMBER:
        return text
    if _DATE.fullmatch(text):
        return Date(text)
    digits = text.replace("_", "") if text[0] != "." else text
    whole = _INT.fullmatch(digits)
    if whole:
        number = _whole(whole)
        if -(1 << 63) <= number < (1 << 64):
            return number
    if _FLOAT.fullmatch(digits) and math.isfinite(float(digits)):
        return float(digits)
    return text


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
    if not tag.startswith(_CORE):
        return text
    kind = tag[len(_CORE) :]
    if kind == "str":
        return text
    value = plain(text)
    if kind == "float" and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    kinds = {"int": int, "float": float, "bool": bool, "null": type(None)}
    if kind in kinds and type(value) is kinds[kind]:
        return value
    raise ValueError(f"'{text[:40]}' is not a !!{kind}")
