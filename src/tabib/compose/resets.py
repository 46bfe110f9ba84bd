"""``!reset`` takes a key away, ``!override`` replaces instead of merging.

Both speak about what earlier files (or the extended service) said at the same path.
"""

from __future__ import annotations

from typing import Any

from tabib.compose.tree import Document, Map, Path


def of(document: Map) -> list[Path]:
    """The paths of a document that are tagged."""
    return document.resets if isinstance(document, Document) else []


def apply(paths: list[Path], target: Map) -> None:
    """Remove ``paths`` from ``target``. Items of lists cannot be named, and stay."""
    for path in paths:
        node: Any = target
        for part in path[:-1]:
            node = node.get(str(part)) if isinstance(node, Map) else None
        if isinstance(node, Map):
            node.pop(str(path[-1]), None)
