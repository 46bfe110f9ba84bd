"""``notify``: whom to tell of what, in its short and its long form, as the long one.

No message here quotes a URL: all of it but the scheme may be a secret.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from tabib.compose.problems import nearest
from tabib.compose.tree import Path
from tabib.model.notice_words import KINDS, parse_hours

Complain = Callable[[Path, str, str], None]
"""Is told where below ``notify`` something is wrong, what, and what was probably meant."""
Rule = dict[str, Any]

_SEVERITIES = ("info", "warning", "error", "critical")
_KEYS = ("url", "min_severity", "on", "quiet_hours", "timezone")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S.*", re.DOTALL)
_NEXT_URL = re.compile(r"\s*,\s*(?=[A-Za-z][A-Za-z0-9+.-]*://)")
"""URLs may hold commas: only one before another URL parts them."""
_UNSET = re.compile(r"\s*(\$|$)")
"""Nothing, or a variable that nobody was asked to fill in."""


def notify_rules(value: Any, add: Complain) -> list[Rule]:
    """The rules of a ``notify``, each with its ``url`` and what else is said; empty URLs (of a
    variable that is not set) are left out. Reading what was read already changes nothing."""
    if isinstance(value, str):
        value = _NEXT_URL.split(value.strip().rstrip(","))
    if isinstance(value, dict):
        value = [value]
    if not isinstance(value, list):
        add((), "must be a list of URLs, or of mappings with a url", "")
        return []
    rules = [_rule(item, (index,), add) for index, item in enumerate(value)]
    return [rule for rule in rules if rule is not None]


def checked(name: str, value: Any) -> Any:
    """The value of one key of a rule, but ``url``.

    :raises ValueError: what it must be.
    """
    if name == "min_severity":
        return _one_of(value, _SEVERITIES)
    if name == "on":
        items = [part.strip() for part in value.split(",")] if isinstance(value, str) else value
        if not isinstance(items, list) or not items:
            raise ValueError(f"must be a list of {', '.join(KINDS)}")
        return [_one_of(item, KINDS) for item in items]
    if not isinstance(value, str):
        raise ValueError("must be a text")
    if name == "quiet_hours":
        parse_hours(value)
    elif value:
        _zone(value)
    return value


def _rule(item: Any, path: Path, add: Complain) -> Rule | None:
    if isinstance(item, str):
        url = _url(item, path, add)
        return {"url": url} if url else None
    if not isinstance(item, dict):
        add(path, "must be a URL, or a mapping with a url", "")
        return None
    rule: Rule = {}
    for key, value in item.items():
        if key not in _KEYS:
            hint = nearest(str(key), _KEYS) or f"keys that exist here: {', '.join(_KEYS)}"
            add((*path, key), f"unknown key '{key}'", hint)
        elif key != "url":
            try:
                rule[key] = checked(key, value)
            except ValueError as error:
                words, _, hint = str(error).partition("\n")
                add((*path, key), words, hint)
    if "url" not in item:
        add(path, "has no url", "")
        return None
    url = _url(item["url"], (*path, "url"), add)
    return {"url": url, **rule} if url else None


def _url(value: Any, path: Path, add: Complain) -> str:
    if not isinstance(value, str):
        add(path, "must be a URL", "")
        return ""
    if _UNSET.match(value):
        return value.strip()
    if not _URL.fullmatch(value.strip()):
        add(path, "is no URL (it is not shown: it may hold a secret)", "write SERVICE://…")
        return ""
    return value.strip()


def _one_of(value: Any, known: Sequence[str]) -> str:
    if value not in known:
        hint = nearest(value, known) if isinstance(value, str) else ""
        raise ValueError(f"must be one of {', '.join(known)}\n{hint}")
    return str(value)


def _zone(name: str) -> None:
    from zoneinfo import ZoneInfo, available_timezones  # only where somebody names one

    try:
        ZoneInfo(name)
    except (OSError, ValueError, LookupError) as error:
        hint = nearest(name, available_timezones())
        raise ValueError(f"must be a time zone as Europe/Berlin\n{hint}") from error
