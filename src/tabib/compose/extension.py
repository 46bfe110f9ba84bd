"""``x-tabib`` and the labels ``tabib.*``: what tabib needs beyond the Compose file.

Compose ignores the one and passes on the other; neither changes what it prints.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tabib.compose.gotext import size_bytes
from tabib.compose.interpolate import to_boolean
from tabib.compose.problems import Problems, nearest
from tabib.compose.scalars import Date
from tabib.compose.tree import Map, Path, mark_at

_CARE = ("observe", "advise", "act")


class Misplaced(ValueError):
    """What is wrong with a part of a value: where in it, and what would be right."""

    def __init__(self, message: str, at: Path, suggestion: str = "") -> None:
        super().__init__(message)
        self.at = at
        self.suggestion = suggestion


def _care(value: Any) -> str:
    if value not in _CARE:
        raise ValueError(f"must be one of {', '.join(_CARE)}")
    return str(value)


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return to_boolean(value)
    raise ValueError("must be true or false")


def _mapping(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("must be a mapping")
    return plain(value)  # type: ignore[no-any-return]


_LIMITS: dict[str, Callable[[Any], int]] = {
    "memory": lambda value: value if isinstance(value, int) else size_bytes(str(value)),
    "pids": int,
}


def _limits(value: Any) -> dict[str, Any]:
    """``{memory: {max: 1g}}``: how far tabib may raise a limit; sizes in bytes."""
    found: dict[str, Any] = {}
    for limit, policy in _mapping(value).items():
        if limit not in _LIMITS:
            hint = nearest(limit, _LIMITS) or f"keys that exist here: {', '.join(_LIMITS)}"
            raise Misplaced(f"unknown key '{limit}'", (limit,), hint)
        if not isinstance(policy, dict) or not policy:
            raise Misplaced("must be a mapping", (limit,), f"{limit}: {{max: …}}")
        for key in policy:
            if key != "max":
                hint = nearest(key, ["max"]) or "keys that exist here: max"
                raise Misplaced(f"unknown key '{key}'", (limit, key), hint)
        try:
            highest = _LIMITS[limit](policy["max"])
        except (ValueError, TypeError) as error:
            raise Misplaced(_AMOUNTS[limit], (limit, "max")) from error
        if isinstance(policy["max"], bool) or highest <= 0:
            raise Misplaced(_AMOUNTS[limit], (limit, "max"))
        found[limit] = {"max": highest}
    return found


_AMOUNTS = {
    "memory": "must be a size above 0, as 512m or 1g",
    "pids": "must be a whole number above 0",
}


_KEYS: dict[str, Callable[[Any], Any]] = {
    "care": _care,
    "job": _boolean,
    "limits": _limits,
    "backup": lambda value: value,  # see below: problems of these have places of their own
    "notify": lambda value: value,
    "expose": _mapping,
    "rollout": _mapping,
}
PREFIX = "tabib."


def plain(value: Any) -> Any:
    """A tree without marks: plain dicts and lists, dates as text."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value.printed if isinstance(value, Date) else value


def _nested(labels: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """``tabib.expose.port=80`` → ``{expose: {port: 80}}``, and the label that named each key."""
    result: dict[str, Any] = {}
    named: dict[str, str] = {}
    for label in sorted(labels):
        if not label.startswith(PREFIX):
            continue
        key, _, rest = label.removeprefix(PREFIX).partition(".")
        named.setdefault(key, label)
        if not rest:
            result[key] = labels[label]
        elif isinstance(result.setdefault(key, {}), dict):
            node = result[key]
            *parents, leaf = rest.split(".")
            for part in parents:
                node = node.setdefault(part, {}) if isinstance(node, dict) else {}
            if isinstance(node, dict):
                node[leaf] = labels[label]
    return result, named


def from_labels(labels: Mapping[str, Any]) -> dict[str, Any]:
    """What the labels of a container that somebody else started say of its backups; what is wrong
    is left out."""
    from tabib.compose.backup import backup_settings  # only who says something pays for it

    found = _nested(labels)[0].get("backup")
    return {} if found is None else {"backup": backup_settings(found, _ignore, service=True)}


def _ignore(_: Path, __: str, ___: str) -> None:
    pass


def parse(
    tree: Map, path: Path, node: Any, labels: Mapping[str, Any], problems: Problems
) -> dict[str, Any]:
    """The extension of the project (``path`` empty) or of one service; labels win."""

    def add(at: Path, message: str, suggestion: str = "") -> None:
        problems.add(message, mark=mark_at(tree, at), path=at, suggestion=suggestion)

    written = node.get("x-tabib") if isinstance(node, dict) else None
    if written is not None and not isinstance(written, dict):
        add((*path, "x-tabib"), "must be a mapping")
        written = None
    from_labels, named = _nested(labels)
    result: dict[str, Any] = {}
    sources: list[tuple[Mapping[str, Any], Callable[[str], Path]]] = [
        (written or {}, lambda key: (*path, "x-tabib", key)),
        (from_labels, lambda key: (*path, "labels", named[key])),
    ]
    for values, place in sources:
        for key, value in values.items():
            if key not in _KEYS:
                hint = nearest(key, _KEYS) or f"keys that exist here: {', '.join(_KEYS)}"
                add(place(key), f"unknown key '{key}'", hint)
                continue
            if key == "backup":
                found = _backup(tree, place(key), value, problems, service=bool(path))
                result = merged(result, {key: found})
                continue
            try:
                result[key] = _KEYS[key](value)
            except Misplaced as error:
                where = place(key)
                nested = where[-2:-1] == ("x-tabib",)
                add((*where, *error.at) if nested else where, str(error), error.suggestion)
            except ValueError as error:
                add(place(key), str(error))
            if key == "notify":
                result[key] = _notify(tree, place(key), value, problems)
    return result


def _notify(tree: Map, at: Path, value: Any, problems: Problems) -> list[dict[str, Any]]:
    """The rules of ``notify``; the lines that are wrong are not quoted, for they hold URLs."""
    from tabib.compose.notify import notify_rules  # only who notifies pays for it

    inside = "labels" not in at[2:3]

    def add(below: Path, message: str, suggestion: str) -> None:
        path = (*at, *below)
        mark = mark_at(tree, path if inside else at)
        problems.add(message, mark=mark, path=path, suggestion=suggestion, hidden=True)

    return notify_rules(plain(value), add)


def _backup(
    tree: Map, at: Path, value: Any, problems: Problems, *, service: bool
) -> bool | dict[str, Any]:
    """The settings of ``backup``; lines of repositories are not quoted, for they hold secrets."""
    from tabib.compose.backup import backup_settings  # only who says something pays for it

    inside = "labels" not in at[2:3]

    def add(below: Path, message: str, suggestion: str) -> None:
        path = (*at, *below)
        mark = mark_at(tree, path if inside else at)
        hidden = str(below[0] if below else "").startswith("repositor")
        problems.add(message, mark=mark, path=path, suggestion=suggestion, hidden=hidden)

    return backup_settings(plain(value), add, service=service)


def merged(project: Mapping[str, Any], service: Mapping[str, Any]) -> dict[str, Any]:
    """The service's settings over the project's; mappings merge key by key."""
    result = dict(project)
    for key, value in service.items():
        base = result.get(key)
        both = isinstance(base, dict) and isinstance(value, dict)
        result[key] = {**base, **value} if both else value  # type: ignore[dict-item]
    return result
