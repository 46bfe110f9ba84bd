"""How Go prints values: the words in which Compose writes numbers, durations, sizes and JSON.

Sources: Go's ``fmt``, ``strconv``, ``time`` and ``encoding/json``; docker/go-units;
xhit/go-str2duration. Needed to the letter, because Compose hashes what it prints.
"""

from __future__ import annotations

import math
import re
import struct
from json.encoder import encode_basestring
from typing import Any

_INT = re.compile(r"[+-]?[0-9]+")
_FLOAT = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_MAX_INT64 = (1 << 63) - 1


def parse_int(text: str, low: int = -(1 << 63), high: int = _MAX_INT64) -> int:
    """``strconv.ParseInt(text, 10, 64)``; :raises ValueError: not such a number."""
    if not _INT.fullmatch(text) or not low <= (number := int(text[:40])) <= high:
        raise ValueError(f"'{text}' is not a whole number")
    return number


def parse_float(text: str) -> float:
    """``strconv.ParseFloat``; :raises ValueError: not a number that JSON can hold."""
    simple = text.isascii() and text.replace(".", "", 1).isdigit()
    if not (simple or _FLOAT.fullmatch(text)) or not math.isfinite(float(text)):
        raise ValueError(f"'{text[:40]}' is not a number")
    return float(text)


def float32(number: float) -> int | float:
    """The value after a trip through 32 bits, as the shortest decimal that names it."""
    try:
        packed = struct.pack("f", number)
    except OverflowError:
        raise ValueError(f"{number} is too large") from None
    if not math.isfinite(number):
        raise ValueError(f"{number} is not a usable number")
    (exact,) = struct.unpack("f", packed)
    for digits in range(1, 10):
        short = float(f"{exact:.{digits}g}")
        if struct.pack("f", short) == packed:
            break
    return int(short) if short.is_integer() and abs(short) < 1e21 else short


def _digits(number: float) -> tuple[str, int, str]:
    """Sign, exponent of the first digit, and the shortest digits that name ``number``."""
    if number == 0:
        return "-" if math.copysign(1, number) < 0 else "", 0, "0"
    mantissa, _, exponent = repr(abs(number)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    text = (whole + fraction).lstrip("0") or "0"
    top = len(text) - len(fraction) + int(exponent or 0) - 1
    return "-" if math.copysign(1, number) < 0 else "", top, text.rstrip("0") or "0"


def sprint(value: Any) -> str:
    """``fmt.Sprint`` of a value that YAML can hold."""
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _sprint_float(value)
    if isinstance(value, dict):
        inner = " ".join(f"{k}:{sprint(value[k])}" for k in sorted(value))
        return f"map[{inner}]"
    if isinstance(value, list):
        return "[" + " ".join(sprint(item) for item in value) + "]"
    return str(value)


def _sprint_float(number: float) -> str:
    if math.isnan(number):
        return "NaN"
    if math.isinf(number):
        return "+Inf" if number > 0 else "-Inf"
    sign, top, digits = _digits(number)
    if top < -4 or top >= 6:
        point = f".{digits[1:]}" if len(digits) > 1 else ""
        return f"{sign}{digits[0]}{point}e{'-' if top < 0 else '+'}{abs(top):02d}"
    return sign + _plain(top, digits)


def _plain(top: int, digits: str) -> str:
    if top < 0:
        return "0." + "0" * (-top - 1) + digits
    whole = digits[: top + 1].ljust(top + 1, "0")
    return f"{whole}.{digits[top + 1 :]}" if len(digits) > top + 1 else whole


def _json_float(number: float) -> str:
    sign, top, digits = _digits(number)
    if number != 0 and (abs(number) < 1e-6 or abs(number) >= 1e21):
        point = f".{digits[1:]}" if len(digits) > 1 else ""
        return f"{sign}{digits[0]}{point}e{'-' if top < 0 else '+'}{abs(top)}"
    return sign + _plain(top, digits)


_ESCAPES = {
    "<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029",
}  # fmt: skip
_ESCAPED = re.compile("[<>&\u2028\u2029]")


def quote(text: str) -> str:
    """A JSON string as Go writes it."""
    plain = encode_basestring(text)
    if _ESCAPED.search(plain) is None:
        return plain
    return _ESCAPED.sub(lambda found: _ESCAPES[found[0]], plain)


def dumps(value: Any, indent: str = "", _level: str = "\n") -> str:
    """``json.Marshal`` (or ``MarshalIndent``): key order is kept, so sort Go's maps before."""
    if isinstance(value, str):
        return quote(value)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, float):
        return _json_float(value)
    if isinstance(value, int):
        return str(value)
    inner = _level + indent if indent else ""
    end = _level if indent else ""
    colon = ": " if indent else ":"
    if isinstance(value, dict):
        parts = [f"{quote(k)}{colon}{dumps(v, indent, inner)}" for k, v in value.items()]
        return "{" + inner + f",{inner}".join(parts) + end + "}" if parts else "{}"
    parts = [dumps(item, indent, inner) for item in value]
    return "[" + inner + f",{inner}".join(parts) + end + "]" if parts else "[]"


_UNITS_NS = {
    "ns": 1, "us": 10**3, "µs": 10**3, "μs": 10**3, "ms": 10**6, "s": 10**9,
    "m": 60 * 10**9, "h": 3600 * 10**9, "d": 86400 * 10**9, "w": 604800 * 10**9,
}  # fmt: skip
_TERM = re.compile(r"([0-9]*)(?:\.([0-9]*))?([^.0-9]+)")


def duration_ns(text: str) -> int:
    """``1w2d3h4m5.5s`` in nanoseconds; :raises ValueError: not a duration."""
    wrong = ValueError(f"'{text}' is not a duration such as 1m30s")
    rest = text[1:] if text[:1] in ("+", "-") else text
    if rest == "0":
        return 0
    total, at = 0, 0
    while at < len(rest) or not rest:
        term = _TERM.match(rest, at)
        if not term or not (term[1] or term[2]) or term[3] not in _UNITS_NS:
            raise wrong
        unit = _UNITS_NS[term[3]]
        total += int((term[1] or "0")[:25]) * unit
        if term[2]:
            total += int(float(term[2][:18]) * (unit / 10.0 ** len(term[2][:18])))
        at = term.end()
        if total > _MAX_INT64:
            raise wrong
    return -total if text.startswith("-") else total


def duration_text(ns: int) -> str:
    """``time.Duration.String``: ``1m30s``, ``1.5s``, ``300ms``."""
    if ns == 0:
        return "0s"
    sign, ns = ("-", -ns) if ns < 0 else ("", ns)
    if ns < 10**9:
        for unit, size in (("ms", 10**6), ("µs", 10**3), ("ns", 1)):
            if ns >= size:
                return f"{sign}{_decimal(ns, size)}{unit}"
    hours, rest = divmod(ns, 3600 * 10**9)
    minutes, rest = divmod(rest, 60 * 10**9)
    text = f"{_decimal(rest, 10**9)}s"
    if hours or minutes:
        text = f"{minutes}m{text}"
    return sign + (f"{hours}h{text}" if hours else text)


def _decimal(amount: int, size: int) -> str:
    whole, part = divmod(amount, size)
    digits = f"{part:0{len(str(size)) - 1}d}".rstrip("0") if part else ""
    return f"{whole}.{digits}" if digits else str(whole)


_POWERS = {"k": 10, "m": 20, "g": 30, "t": 40, "p": 50}


def size_bytes(text: str) -> int:
    """``512m``, ``1.5 GiB`` in bytes; :raises ValueError: not a size."""
    wrong = ValueError(f"'{text}' is not a size such as 512m")
    at = max(text.rfind(c) for c in "0123456789. ")
    if at < 0:
        raise wrong
    number, unit = (text[:at] if text[at] == " " else text[: at + 1]), text[at + 1 :].lower()
    try:
        size = parse_float(number)
    except ValueError:
        raise wrong from None
    power = 0
    if unit not in ("", "b"):
        if unit[0] not in _POWERS or unit[1:] not in ("", "b", "ib"):
            raise wrong
        power = _POWERS[unit[0]]
    if not 0 <= size < float(1 << 63):
        raise wrong
    return int(size * (1 << power))
