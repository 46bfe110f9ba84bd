"""``backup``: how a project's data is copied, in its short and its long form, as the long one.

No message here quotes a repository: its address and its credentials may be secrets.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from tabib.compose.interpolate import to_boolean
from tabib.compose.problems import nearest
from tabib.compose.tree import Path
from tabib.model.backup_words import BEFORE_CHANGE, METHODS, NEVER, parse_cron, parse_zone

Complain = Callable[[Path, str, str], None]
"""Is told where below ``backup`` something is wrong, what, and what was probably meant."""
Settings = dict[str, Any]

_KEEP = ("last", "hourly", "daily", "weekly", "monthly", "yearly", "within_days")
_REPOSITORY = ("url", "environment", "name", "append_only", "limit_upload")
_SCHEMES = ("s3", "sftp", "rest", "rclone", "b2", "azure", "gs", "swift")
_URL = re.compile(rf"(?:{'|'.join(_SCHEMES)}):\S.*|/.*", re.DOTALL)
_UNSET = re.compile(r"\s*(\$|$)")
"""Nothing, or a variable that nobody was asked to fill in."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_RATE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmg]?)(?:i?b)?(?:/s)?", re.IGNORECASE)
_FACTORS = {"": 1, "k": 1, "m": 1024, "g": 1024 * 1024}


class _Wrong(ValueError):
    def __init__(self, message: str, hint: str = "", at: Path = ()) -> None:
        super().__init__(message)
        self.hint, self.at = hint, at


def backup_settings(value: Any, add: Complain, *, service: bool) -> bool | Settings:
    """The settings of a ``backup`` with what is wrong left out: ``true``, ``false``, or a mapping
    in which every key has its one form. Reading what was read already changes nothing. ``service``:
    it stands at a service, where ``hooks`` may be."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        try:
            return to_boolean(value)
        except ValueError:
            add((), "must be true, false or a mapping", "backup: {schedule: …}")
            return True
    if not isinstance(value, dict):
        add((), "must be true, false or a mapping", "backup: {schedule: …}")
        return True
    found: Settings = {}
    for key, inner in value.items():
        name = str(key)
        read = _READERS.get(name)
        if read is None:
            hint = nearest(name, _READERS) or f"keys that exist here: {', '.join(_READERS)}"
            add((name,), f"unknown key '{name}'", hint)
            continue
        if name in _OF_SERVICES and not service:
            add(
                (name,),
                "belongs to a service",
                f"services: {{NAME: {{x-tabib: {{backup: {{{name}: …",
            )
            continue
        try:
            _merge(found, read(inner))
        except _Wrong as error:
            add((name, *error.at), str(error), error.hint)
    return found


def _merge(found: Settings, read: Settings) -> None:
    for key, value in read.items():
        both = isinstance(value, dict) and isinstance(found.get(key), dict)
        found[key] = {**found[key], **value} if both else value


# ── one key each ───────────────────────────────────────────────────────────────────────────────


def _switch(name: str) -> Callable[[Any], Settings]:
    def read(value: Any) -> Settings:
        if isinstance(value, bool):
            return {name: value}
        try:
            return {name: to_boolean(value)}
        except (ValueError, AttributeError) as error:
            raise _Wrong("must be true or false") from error

    return read


def _one_of(name: str, words: tuple[str, ...]) -> Callable[[Any], Settings]:
    def read(value: Any) -> Settings:
        if value not in words:
            hint = nearest(value, words) if isinstance(value, str) else ""
            raise _Wrong(f"must be one of {', '.join(words)}", hint or "")
        return {name: value}

    return read


def _cron(value: Any) -> str:
    """A schedule; ``""``: never."""
    if value is False or value in ("", NEVER, "false"):
        return ""
    if not isinstance(value, str):
        raise _Wrong("must be a schedule as cron has it", '"0 3 * * *", or never')
    if _UNSET.match(value):
        return ""
    try:
        return parse_cron(value)
    except ValueError as error:
        raise _Wrong(str(error), '"0 3 * * *" is every day at 03:00') from error


def _drill(value: Any) -> Settings:
    if not isinstance(value, dict):
        return {"drill": {"schedule": _cron(value)}}
    for key in value:
        if key != "schedule":
            hint = nearest(str(key), ["schedule"]) or "keys that exist here: schedule"
            raise _Wrong(f"unknown key '{key}'", hint, (key,))
    try:
        return {"drill": {"schedule": _cron(value.get("schedule", ""))}}
    except _Wrong as error:
        raise _Wrong(str(error), error.hint, ("schedule",)) from error


def _zone(value: Any) -> Settings:
    if not isinstance(value, str):
        raise _Wrong("must be a time zone as Europe/Berlin")
    try:
        return {"timezone": parse_zone(value)}
    except ValueError as error:
        from zoneinfo import available_timezones  # only where somebody names one wrongly

        raise _Wrong(str(error), nearest(value, available_timezones()) or "") from error


def _keep(value: Any) -> Settings:
    if not isinstance(value, dict) or not value:
        raise _Wrong("must be a mapping", "keep: {daily: 7, weekly: 4, monthly: 12}")
    found: Settings = {}
    for key, number in value.items():
        if key not in _KEEP:
            hint = nearest(str(key), _KEEP) or f"keys that exist here: {', '.join(_KEEP)}"
            raise _Wrong(f"unknown key '{key}'", hint, (key,))
        try:
            read = float(number) if key == "within_days" else int(str(number))
        except (TypeError, ValueError) as error:
            raise _Wrong("must be a number", "", (key,)) from error
        if isinstance(number, bool) or read < 0 or read != read or read > 1_000_000:
            raise _Wrong("must be a number from 0 to 1000000", "", (key,))
        found[key] = read
    if not any(found.values()):
        raise _Wrong("keeps nothing", "keep: {last: 1} keeps the newest alone")
    return {"keep": found}


def _texts(name: str) -> Callable[[Any], Settings]:
    def read(value: Any) -> Settings:
        items = [part.strip() for part in value.split(",")] if isinstance(value, str) else value
        if not isinstance(items, list) or not all(isinstance(one, str) and one for one in items):
            raise _Wrong("must be a list of texts")
        return {name: items}

    return read


def _hooks(value: Any) -> Settings:
    if not isinstance(value, dict):
        raise _Wrong("must be a mapping", "hooks: {before: …, after: …}")
    found: Settings = {}
    for key, command in value.items():
        if key not in ("before", "after"):
            hint = nearest(str(key), ("before", "after")) or "keys that exist here: before, after"
            raise _Wrong(f"unknown key '{key}'", hint, (key,))
        found |= _hook(key)(command)["hooks"]
    return {"hooks": found}


def _hook(name: str) -> Callable[[Any], Settings]:
    def read(value: Any) -> Settings:
        if not isinstance(value, str) or not value.strip():
            raise _Wrong("must be a command", "it is run by `sh -c` in the service's container")
        return {"hooks": {name: value}}

    return read


def _repositories(value: Any) -> Settings:
    items = value if isinstance(value, list) else [value]
    found = []
    for index, item in enumerate(items):
        at: Path = (index,) if isinstance(value, list) else ()
        try:
            one = repository(item)
        except _Wrong as error:
            raise _Wrong(str(error), error.hint, (*at, *error.at)) from error
        if one is not None:
            found.append(one)
    return {"repositories": found}


def repository(item: Any) -> Settings | None:
    """One repository in its long form; None where its url is a variable that is not set.

    :raises ValueError: what is wrong; ``at`` and ``hint`` say where and what is right.
    """
    if isinstance(item, str):
        url = _url(item)
        return {"url": url} if url else None
    if not isinstance(item, dict):
        raise _Wrong("must be a URL, or a mapping with a url")
    found: Settings = {}
    for key, value in item.items():
        if key not in _REPOSITORY:
            hint = (
                nearest(str(key), _REPOSITORY) or f"keys that exist here: {', '.join(_REPOSITORY)}"
            )
            raise _Wrong(f"unknown key '{key}'", hint, (key,))
        try:
            found[key] = _OF_REPOSITORY[key](value)
        except _Wrong as error:
            raise _Wrong(str(error), error.hint, (key, *error.at)) from error
    if "url" not in found:
        raise _Wrong("has no url", "s3:https://…, sftp:…, rest:https://…, rclone:…, or a folder /…")
    return found if found["url"] else None


def _url(value: Any) -> str:
    if not isinstance(value, str):
        raise _Wrong("must be a URL")
    if _UNSET.match(value):
        return ""
    if not _URL.fullmatch(value.strip()):
        raise _Wrong(
            "is no repository (it is not shown: it may hold a secret)",
            f"a folder from /, or one of {', '.join(f'{one}:' for one in _SCHEMES)}",
        )
    return value.strip()


def _environment(value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        raise _Wrong("must be a mapping", "environment: {AWS_ACCESS_KEY_ID: …}")
    for key, inner in value.items():
        if not _NAME.fullmatch(str(key)):
            raise _Wrong("is no name of a variable", "", (key,))
        if isinstance(inner, dict | list) or inner is None:
            raise _Wrong("must be a text", "", (key,))
    return {str(key): str(inner) for key, inner in value.items()}


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise _Wrong("must be a text")
    return value


def _truth(value: Any) -> bool:
    return bool(_switch("it")(value)["it"])


def _rate(value: Any) -> int:
    """KiB/s."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    found = _RATE.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        raise _Wrong("must be KiB in a second, as 500 or 2m")
    return int(float(found[1]) * _FACTORS[found[2].lower()])


_OF_REPOSITORY: dict[str, Callable[[Any], Any]] = {
    "url": _url,
    "environment": _environment,
    "name": _text,
    "append_only": _truth,
    "limit_upload": _rate,
}
_OF_SERVICES = ("hooks", "before", "after")
_READERS: dict[str, Callable[[Any], Settings]] = {
    "enabled": _switch("enabled"),
    "schedule": lambda value: {"schedule": _cron(value)},
    "timezone": _zone,
    "keep": _keep,
    "repository": _repositories,
    "repositories": _repositories,
    "method": _one_of("method", METHODS),
    "together": _switch("together"),
    "point_in_time": _switch("point_in_time"),
    "drill": _drill,
    "exclude": _texts("exclude"),
    "include": _texts("include"),
    "auto_restore": _switch("auto_restore"),
    "before_change": _one_of("before_change", BEFORE_CHANGE),
    "hooks": _hooks,
    "before": _hook("before"),
    "after": _hook("after"),
}
