"""Stage 4, validate: the official schema, its errors in words that name the way out.

``compose-spec.json`` is the Compose Specification's own file (Apache-2.0, compose-go 2.9.1).
"""

from __future__ import annotations

import functools
import json
import math
import os.path
from collections.abc import Iterator
from typing import Any

from tabib.compose import certain
from tabib.compose.problems import Problems, nearest
from tabib.compose.scalars import Date
from tabib.compose.tree import Map, Path, Seq, mark_at

_KINDS = {
    "object": "a mapping", "array": "a list", "string": "a text", "integer": "a whole number",
    "number": "a number", "boolean": "true or false", "null": "nothing",
}  # fmt: skip
_DURATIONS = ("stop_grace_period", "interval", "timeout", "start_period", "start_interval", "delay",
              "monitor", "window")  # fmt: skip
_SCHEMA = os.path.join(os.path.dirname(__file__), "compose-spec.json")


@functools.cache
def document() -> dict[str, Any]:
    """The schema itself."""
    # our own package data, not the user's files; importlib.resources would cost 15 ms
    with open(_SCHEMA, "rb") as file:
        schema: dict[str, Any] = json.load(file)
    # The draft is named below; the library would fetch this address from the network.
    schema.pop("$schema", None)
    return schema


@functools.cache
def validator() -> Any:
    """The library's judge of the schema."""
    import jsonschema_rs  # 40 ms, with half of the standard library: only for a wrong file

    return jsonschema_rs.Draft7Validator(document())


@functools.cache
def certainty() -> certain.Schema:
    """The quick judge, which knows valid files only."""
    return certain.Schema(document())


def validate(tree: Map, problems: Problems) -> None:
    """Add everything that the schema refuses."""
    _counted_twice(tree, problems)
    if certainty().certain(tree):
        return
    for error in validator().iter_errors(_judged(tree, (), tree, problems)):
        for path, message, suggestion in _explain(error):
            problems.add(message, mark=mark_at(tree, path), path=path, suggestion=suggestion)


_COUNTED = ("group_add", "ports")
"""Lists that may hold texts beside numbers, and hold nothing twice."""
_MANY = 20
"""Compose's validator compares the items of longer lists in another way, by their kind too."""


def _counted_twice(tree: Map, problems: Problems) -> None:
    """To Compose's validator, a number is the same as a text before it that says the number."""
    services = tree.get("services")
    for name, service in services.items() if isinstance(services, Map) else ():
        for key in _COUNTED if isinstance(service, Map) else ():
            items = service.get(key)
            if not isinstance(items, Seq) or not 1 < len(items) <= _MANY:
                continue
            for index, item in enumerate(items):
                if not isinstance(item, str) and any(_same(item, one) for one in items[:index]):
                    path = ("services", name, key, index)
                    problems.add("is there twice", mark=mark_at(tree, path), path=path)


def _same(later: Any, earlier: Any) -> bool:
    if isinstance(later, dict) and isinstance(earlier, dict):
        return later.keys() == earlier.keys() and all(
            _same(value, earlier[key]) for key, value in later.items()
        )
    if type(later) not in (int, float) or not isinstance(earlier, str):
        return type(later) is type(earlier) and bool(later == earlier)
    try:
        return bool(_number(earlier) == later)
    except (ValueError, ZeroDivisionError):
        return False


def _number(text: str) -> float:
    """:raises ValueError: it is none."""
    if text[:2].lower() in ("0x", "0o", "0b"):
        return int(text, 0)
    above, _, below = text.partition("/")
    return float(above) / float(below or 1)


def _judged(value: Any, path: Path, tree: Map, problems: Problems) -> Any:
    """A copy that the library understands: its dates are texts, and noted where none may be;
    what is no number of JSON is some other number."""
    if isinstance(value, dict):
        return {key: _judged(inner, (*path, key), tree, problems) for key, inner in value.items()}
    if isinstance(value, list):
        return [_judged(item, (*path, i), tree, problems) for i, item in enumerate(value)]
    if isinstance(value, float) and not math.isfinite(value):
        return 0.5
    if not isinstance(value, Date):
        return value
    if not any(isinstance(part, str) and part.startswith("x-") for part in path):
        problems.add(
            f"'{value}' is a date in YAML",
            mark=mark_at(tree, path),
            path=path,
            suggestion=f'write "{value}"',
        )
    return value.text


def _explain(error: Any) -> Iterator[tuple[Path, str, str]]:
    kind, path = error.kind, tuple(error.instance_path)
    name = kind.name
    if name == "additionalProperties":
        for key in kind.unexpected:
            yield (*path, key), *_unknown(path, key, _known_keys(error.schema_path))
    elif name in ("oneOf", "anyOf") and hasattr(kind, "context"):
        yield from _best_branch(error, path)
    elif name == "type":
        yield path, f"must be {_wanted(kind.types)}, not {_shown(error.instance)}", _written(error)
    elif name == "required":
        yield path, f"lacks '{str(kind.property).strip(chr(34))}'", ""
    elif name == "enum":
        options = [str(option) for option in kind.options]
        yield path, f"must be one of {', '.join(options)}", nearest(str(error.instance), options)
    elif name == "pattern":
        options = str(kind.pattern).split("|")
        shown = ", ".join("every_…, such as every_12h" if "[" in o else o for o in options)
        message = f"must be one of {shown}, not {_shown(error.instance)}"
        yield path, message, nearest(str(error.instance), options)
    elif name == "uniqueItems":
        yield path, "has the same item twice", ""
    elif name in ("minimum", "maximum"):
        sign = "at least" if name == "minimum" else "at most"
        yield path, f"must be {sign} {kind.limit}", ""
    else:
        yield path, error.message, ""


def _best_branch(error: Any, path: Path) -> Iterator[tuple[Path, str, str]]:
    """Of a value that may take several forms: what is wrong with the form it was written in."""
    branches = [list(branch) for branch in error.kind.context]
    types = {
        kind
        for branch in branches
        for nested in branch
        if nested.kind.name == "type" and tuple(nested.instance_path) == path
        for kind in nested.kind.types
    }
    inner = [
        branch
        for branch in branches
        if not any(e.kind.name == "type" and tuple(e.instance_path) == path for e in branch)
    ]
    if inner:
        for nested in max(inner, key=lambda branch: max(len(e.instance_path) for e in branch)):
            yield from _explain(nested)
    else:
        yield path, f"must be {_wanted(types)}, not {_shown(error.instance)}", ""


def _written(error: Any) -> str:
    """How a number is written that should be a text: a duration says its unit."""
    value = error.instance
    if error.kind.types != ["string"] or type(value) not in (int, float):
        return ""
    last = str(error.instance_path[-1]) if error.instance_path else ""
    return f'write "{value}s" or "{value}m"' if last in _DURATIONS else f'write "{value}"'


def _wanted(types: Any) -> str:
    words = [_KINDS[t] for t in _KINDS if t in types]
    return " or ".join(words)


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    text = str(value)
    return f"'{text[:40]}…'" if len(text) > 40 else f"'{text}'"


def _known_keys(schema_path: Any) -> list[str]:
    node: Any = document()
    for part in list(schema_path)[:-1]:
        if isinstance(node, dict) and "$ref" in node:
            node = document()["definitions"][node["$ref"].rsplit("/", 1)[1]]
        node = node[part] if isinstance(node, dict | list) else {}
    if isinstance(node, dict) and "$ref" in node:
        node = document()["definitions"][node["$ref"].rsplit("/", 1)[1]]
    return list(node.get("properties", ())) if isinstance(node, dict) else []


def _unknown(path: Path, key: str, known: list[str]) -> tuple[str, str]:
    if not known:
        return f"'{key}' is not a usable name", "use letters, digits, '.', '_' and '-'"
    suggestion = nearest(key, known)
    if not suggestion and not path:
        suggestion = "services stand under 'services:'"
    return (
        f"unknown key '{key}'",
        suggestion or f"keys that exist here: {', '.join(sorted(known)[:12])}…",
    )
