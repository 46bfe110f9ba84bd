"""Stage 8, types: one decoder per kind of value, from a canonical tree to Compose's JSON.

Each decoder takes what YAML gave and returns the JSON value that Compose prints for the field of
that Go type; it raises :class:`ValueError` where Compose refuses.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from tabib.compose import gotext
from tabib.compose.interpolate import to_boolean

Decoder = Callable[[Any], Any]
_OCTAL = re.compile(r"[+-]?[0-7]+")


def _kind(value: Any) -> str:
    if isinstance(value, dict):
        return "a mapping"
    return "a list" if isinstance(value, list) else f"'{gotext.sprint(value)}'"


def text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise ValueError(f"must be a text, not {_kind(value)}")


def boolean(value: Any) -> bool:
    if value is None or isinstance(value, bool):
        return bool(value)
    if isinstance(value, str):
        return to_boolean(value)
    raise ValueError(f"must be true or false, not {_kind(value)}")


def integer(low: int = -(1 << 63), high: int = (1 << 63) - 1) -> Decoder:
    def decode(value: Any) -> int:
        if value is None:
            return 0
        if isinstance(value, str):
            return gotext.parse_int(value, low, high)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"must be a whole number, not {_kind(value)}")
        try:
            number = int(value)
        except (ValueError, OverflowError):
            number = high + 1
        if not low <= number <= high:
            raise ValueError(f"must lie between {low} and {high}")
        return number

    return decode


def number(value: Any) -> int | float:
    if value is None:
        return 0
    if isinstance(value, str):
        value = gotext.parse_float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"must be a number, not {_kind(value)}")
    return gotext.float32(float(value))


def size(value: Any) -> str:
    """Bytes, which Compose prints as a text; a fractional number counts as nothing given."""
    if isinstance(value, str):
        count = gotext.size_bytes(value)
    else:
        whole = isinstance(value, int) and not isinstance(value, bool)
        count = value if whole else 0
    return str(count) if count else ""


def rate(value: Any) -> str:
    """Bytes or operations a second; zero is printed too."""
    return size(value) or "0"


def weight(value: Any) -> int:
    """Of block devices; zero is printed too, and no text is taken."""
    if isinstance(value, str):
        raise ValueError(f"must be a whole number, not '{value}'")
    return integer(0, (1 << 16) - 1)(value)  # type: ignore[no-any-return]


def duration(value: Any) -> str:
    return gotext.duration_text(gotext.duration_ns(gotext.sprint(value)))


def duration_or_nothing(value: Any) -> str:
    shown = duration(value)
    return "" if shown == "0s" else shown


def file_mode(value: Any) -> str:
    """Octal in a text, a number as it stands (YAML has read 0440 as octal already)."""
    if isinstance(value, str):
        if not _OCTAL.fullmatch(value):
            raise ValueError(f"'{value}' is not a file mode such as 0440")
        value = int(value, 8)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"must be a file mode, not {_kind(value)}")
    return f"0{value:o}" if value >= 0 else f"0-{-value:o}"


def device_count(value: Any) -> int:
    if isinstance(value, str):
        if value.lower() == "all":
            return -1
        try:
            return gotext.parse_int(value)
        except ValueError:
            raise ValueError(f"'{value}' is neither 'all' nor a number") from None
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"must be 'all' or a number, not {_kind(value)}")
    return value


def list_of(inner: Decoder) -> Decoder:
    def decode(value: Any) -> list[Any]:
        if value is None:
            return []
        if not isinstance(value, list):
            raise ValueError(f"must be a list, not {_kind(value)}")
        return [inner(item) for item in value]

    return decode


texts = list_of(text)


def text_list(value: Any) -> list[str]:
    """One text or a list of them."""
    if isinstance(value, str):
        return [value]
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError(f"must be a text or a list of texts, not {_kind(value)}")
    return list(value)


def printed_list(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else [gotext.sprint(item) for item in value]


def map_of(inner: Decoder) -> Decoder:
    def decode(value: Any) -> dict[str, Any]:
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise ValueError(f"must be a mapping, not {_kind(value)}")
        extra = next((key for key in value if key.startswith("x-")), None)
        if extra:
            raise ValueError(f"'{extra}' has no place here")
        return {key: inner(value[key]) for key in sorted(value)}

    return decode


def _pairs(value: Any) -> dict[str, Any]:
    """A mapping, or a list of ``name=value``, as a mapping; a bare name has no value."""
    if isinstance(value, dict):
        # Compose's own way with x- keys, wherever it meets them
        extras = {key: value[key] for key in value if key.startswith("x-")}
        rest = {key: value[key] for key in value if key not in extras}
        return {**rest, "#extensions": extras} if extras else rest
    if not isinstance(value, list):
        raise ValueError(f"must be a mapping or a list, not {_kind(value)}")
    result: dict[str, Any] = {}
    for entry in value:
        name, equals, inner = gotext.sprint(entry).partition("=")
        result[name] = inner if equals else None
    return result


def mapping(value: Any) -> dict[str, str]:
    """Labels and the like: what has no value is empty."""
    pairs = _pairs(value)
    return {k: "" if pairs[k] is None else gotext.sprint(pairs[k]) for k in sorted(pairs)}


def environment(value: Any) -> dict[str, str | None]:
    """What has no value stays null: it comes from where the container is created."""
    pairs = _pairs(value)
    if isinstance(value, list):
        for name in pairs:
            if name and name[-1].isspace():
                raise ValueError(f"the variable '{name}' has a space at its end")
    return {k: None if pairs[k] is None else gotext.sprint(pairs[k]) for k in sorted(pairs)}


def options(value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        raise ValueError(f"must be a mapping, not {_kind(value)}")
    return mapping(value)


def multi_options(value: Any) -> dict[str, list[str]]:
    if not isinstance(value, dict):
        raise ValueError(f"must be a mapping, not {_kind(value)}")
    lists = {k: v if isinstance(v, list) else [v] for k, v in value.items()}
    return {k: [gotext.sprint(item) for item in lists[k]] for k in sorted(lists)}


def command(value: Any) -> list[str] | None:
    if value is None:
        return None
    if isinstance(value, str):
        from tabib.compose import shellwords  # most commands are lists

        return shellwords.split(value)
    return texts(value)  # type: ignore[no-any-return]


def health_test(value: Any) -> list[str]:
    if isinstance(value, str):
        return ["CMD-SHELL", value]
    return texts(value)  # type: ignore[no-any-return]


def hosts(value: Any) -> list[str]:
    """``name=address`` lines, sorted."""
    table: dict[str, list[str]] = {}
    if isinstance(value, dict):
        for name, inner in value.items():
            addresses = inner if isinstance(inner, list) else [inner or ""]
            table[name] = [gotext.sprint(address) for address in addresses]
    else:
        for entry in value if isinstance(value, list) else ():
            line = gotext.sprint(entry)
            separator = "=" if "=" in line else ":"
            name, found, addresses_text = line.partition(separator)
            if not found:
                raise ValueError(f"'{line}' lacks the address of the host")
            table.setdefault(name, []).extend(addresses_text.split(","))
    for name in table:
        if not name or ":" in name or "=" in name:
            raise ValueError(f"'{name}' is not a host name")
    return sorted(
        f"{name}={ip[1:-1] if len(ip) > 2 and ip[0] == '[' and ip[-1] == ']' else ip}"
        for name, addresses in table.items()
        for ip in addresses
    )


def ulimit(value: Any) -> Any:
    if isinstance(value, dict):
        both = {key: integer()(value.get(key)) for key in ("soft", "hard")}
        return {key: limit for key, limit in both.items() if limit}
    limit = integer()(value)
    return limit or {}


def ulimits(value: Any) -> dict[str, Any]:
    """By name; Compose prints that there are ``x-*`` keys, and not which."""
    if not isinstance(value, dict):
        raise ValueError(f"must be a mapping, not {_kind(value)}")
    limits = {k: ulimit(value[k]) for k in sorted(value) if not k.startswith("x-")}
    return limits if len(limits) == len(value) else {"#extensions": {}, **limits}


def ssh_keys(value: Any) -> list[str]:
    if not isinstance(value, dict):
        raise ValueError(f"must be a mapping, not {_kind(value)}")
    return [k if not v else f"{k}={gotext.sprint(v)}" for k, v in sorted(value.items())]
