"""One line of output as a text to search in: of a JSON line its messages, of any line no colours."""

# ruff: noqa: E501
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from tabib.decide.log_levels import has_marker, level_of, plain

LINE_CHARACTERS = 800
_JSON_CHARACTERS = 3000
"""So much of a line is searched: what it is about stands there."""
_DEPTH = 4
_VALUES = 60
_PREFIX = 80
"""JSON may begin so far from the beginning of a line: behind a time, or a name."""
_MESSAGES = ("message", "msg", "@m", "@mt", "event", "text", "log", "short_message")
_UNTOLD = frozenset({"time", "timestamp", "ts", "@timestamp", "@t", "hostname", "pid", "logger"})
_LEVELS = ("level", "severity", "lvl", "log.level", "levelname", "@l", "loglevel", "level_name")
_MONGO = {"F": "fatal", "E": "error", "W": "warning", "I": "info", "D": "debug"}


def read(line: str) -> tuple[str, str]:
    """(text, level). ``level``: ``fatal``, ``error``, ``warning``; ``info`` where the line itself
    says that it is nothing bad; empty where it says nothing."""
    found = _json(line)
    if found is not None:
        text = "\n".join(_told(found))[:_JSON_CHARACTERS]
        said = _json_level(found)
        return text, said or _level(text)
    text = plain(line[:LINE_CHARACTERS])
    if '="' in text and "\\" in text:  # logfmt
        text = text.replace('\\"', '"').replace("\\n", "\n").replace("\\t", "\t")
    return text, _level(text)


def _level(text: str) -> str:
    return level_of(text) or ("info" if has_marker(text) else "")


def _json(line: str) -> dict[str, Any] | None:
    start = line.find("{", 0, _PREFIX)
    if start < 0 or not line.rstrip().endswith("}") or '"' not in line[start : start + 8]:
        return None
    try:
        found = msgspec.json.decode(line[start:].encode("utf-8", "replace"))
    except (msgspec.DecodeError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _json_level(found: dict[str, Any]) -> str:
    if (letter := found.get("s")) in _MONGO:
        return _MONGO[letter]
    log = found.get("log")
    nested = log.get("level") if isinstance(log, dict) else None
    for name in _LEVELS:
        value = found.get(name, nested if name == "level" else None)
        if isinstance(value, str | int) and not isinstance(value, bool):
            return _level(f"level={value}")
    return ""


def _told(found: dict[str, Any]) -> Iterator[str]:
    """Its texts, the message first; short values with their names, as ``name=value``."""
    first = [found[name] for name in _MESSAGES if isinstance(found.get(name), str)]
    yield from first
    rest = {name: value for name, value in found.items() if value not in first}
    for count, text in enumerate(_values(rest, _DEPTH)):
        if count >= _VALUES:
            return
        yield text


def _values(value: object, depth: int, name: str = "") -> Iterator[str]:
    if isinstance(value, str):
        if value:
            yield value if " " in value or not name else f"{name}={value}"
    elif depth and isinstance(value, dict):
        for key, inner in value.items():
            if key.lower() not in _UNTOLD and key not in _LEVELS:
                yield from _values(inner, depth - 1, str(key))
    elif depth and isinstance(value, list):
        for inner in value[:20]:
            yield from _values(inner, depth - 1)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield f"{name}={value}"
