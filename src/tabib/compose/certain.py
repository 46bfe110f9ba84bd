"""Whether a tree is certainly valid: the few keywords that the Compose schema is written in.

Most files are valid, and loading the schema library costs more than the rest of a small file.
So this says yes where nothing is in doubt; whatever else there is, the library judges and
explains (:mod:`tabib.compose.schema`). A keyword or value that is not known here is a doubt.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

Check = Callable[[Any], bool]
_NOTES = frozenset(("description", "title", "$id", "$schema", "default", "deprecated",
                    "definitions"))  # fmt: skip
_KEYED = frozenset(("properties", "patternProperties"))
_SAFE = 1 << 53
"""Beyond it numbers of JSON and of Python may differ."""


class Doubt(Exception):
    """Something that only the library can judge."""


def _is_integer(value: Any) -> bool:
    if type(value) is float:
        raise Doubt  # 1.0 is an integer to some
    return type(value) is int and _plain(value)


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and _plain(value)


def _plain(value: float) -> bool:
    if not -_SAFE < value < _SAFE:  # infinite and not-a-number, too
        raise Doubt
    return True


_TYPES: dict[str, Check] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: value is True or value is False,
    "null": lambda value: value is None,
    "integer": _is_integer,
    "number": _is_number,
}


def _matcher(pattern: str) -> Callable[[str], bool]:
    if pattern == "^x-":
        return lambda text: text.startswith("x-")
    search = re.compile(pattern).search

    def matches(text: str) -> bool:
        if not text.isascii() or "\n" in text:
            raise Doubt  # where the dialects of patterns may differ
        return search(text) is not None

    return matches


def _unique(value: Any) -> bool:
    """Python's equality is coarser than JSON's (1 == true): what it tells apart is unique."""
    if not isinstance(value, list):
        return True
    for index, item in enumerate(value):
        if item in value[:index]:
            raise Doubt
    return True


class Schema:
    """One schema document; its parts are turned into functions when they are first met."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self._named: dict[str, Check] = {}
        self._root = self._check(document)

    def certain(self, tree: Any) -> bool:
        """Whether ``tree`` is valid beyond doubt."""
        try:
            return self._root(tree)
        except (Doubt, TypeError, RecursionError):
            return False

    def _check(self, node: Any) -> Check:
        if "$ref" in node:
            return self._reference(node["$ref"])
        checks = []
        for keyword in node:
            make = getattr(self, f"_{keyword}", None)
            if make is not None:
                checks.append(make(node))
            elif keyword not in _NOTES and keyword not in _KEYED:
                raise Doubt
        if "additionalProperties" not in node and _KEYED.intersection(node):
            checks.append(self._members(node, None))
        if len(checks) == 1:
            return checks[0]  # type: ignore[no-any-return]
        return lambda value: all(check(value) for check in checks)

    def _reference(self, name: str) -> Check:
        def check(value: Any) -> bool:
            known = self._named.get(name)
            if known is None:
                part = self.document["definitions"][name.removeprefix("#/definitions/")]
                known = self._named[name] = self._check(part)
            return known(value)

        return check

    def _type(self, node: Any) -> Check:
        wanted = node["type"]
        if isinstance(wanted, str):
            return _TYPES[wanted]
        kinds = [_TYPES[kind] for kind in wanted]
        return lambda value: any(kind(value) for kind in kinds)

    def _required(self, node: Any) -> Check:
        names = node["required"]
        return lambda value: not isinstance(value, dict) or all(name in value for name in names)

    def _enum(self, node: Any) -> Check:
        options = node["enum"]
        if not all(isinstance(option, str) for option in options):
            raise Doubt
        return lambda value: isinstance(value, str) and value in options

    def _minimum(self, node: Any) -> Check:
        limit = node["minimum"]
        return lambda value: not _comparable(value) or value >= limit

    def _maximum(self, node: Any) -> Check:
        limit = node["maximum"]
        return lambda value: not _comparable(value) or value <= limit

    def _pattern(self, node: Any) -> Check:
        matches = _matcher(node["pattern"])
        return lambda value: not isinstance(value, str) or matches(value)

    def _uniqueItems(self, node: Any) -> Check:
        return _unique

    def _items(self, node: Any) -> Check:
        check = self._check(node["items"])
        return lambda value: not isinstance(value, list) or all(check(item) for item in value)

    def _oneOf(self, node: Any) -> Check:
        branches = [self._check(branch) for branch in node["oneOf"]]
        return lambda value: sum(branch(value) for branch in branches) == 1

    def _anyOf(self, node: Any) -> Check:
        branches = [self._check(branch) for branch in node["anyOf"]]
        return lambda value: any(branch(value) for branch in branches)

    def _additionalProperties(self, node: Any) -> Check:
        return self._members(node, node["additionalProperties"])

    def _members(self, node: Any, rest: Any) -> Check:
        """``properties``, ``patternProperties`` and what is said of all other keys."""
        # Made when they are first met: of the many keys that there are, a file has a few.
        parts: dict[str, Any] = node.get("properties", {})
        named: dict[str, Check] = {}
        patterns = [(_matcher(pattern), self._check(inner) if inner else None)
                    for pattern, inner in node.get("patternProperties", {}).items()]  # fmt: skip
        other = self._check(rest) if isinstance(rest, dict) else None

        def check(value: Any) -> bool:
            if not isinstance(value, dict):
                return True
            for key, inner in value.items():
                known = named.get(key)
                if known is None and key in parts:
                    known = named[key] = self._check(parts[key])
                if known is not None and not known(inner):
                    return False
                met = known is not None
                for matches, judge in patterns:
                    if (not met or judge is not None) and matches(key):
                        met = True
                        if judge is not None and not judge(inner):
                            return False
                if not met and (rest is False or (other is not None and not other(inner))):
                    return False
            return True

        return check


def _comparable(value: Any) -> bool:
    return type(value) in (int, float) and _plain(value)
