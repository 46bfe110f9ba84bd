"""``!reset`` takes a key away, ``!override`` replaces instead of merging.

Both speak about what earlier files (or the extended service) said at the same path.
"""

from __future__ import annotations

from typing import Any

from tabib.compose.tree import Map, Path, Seq


def collect(tree: Any) -> list[Path]:
    """The paths that are tagged; what is tagged ``!reset`` is removed from ``tree``."""
    found: list[Path] = []
    pending: list[tuple[Any, Path]] = [(tree, ())]
    while pending:
        node, path = pending.pop()
        if isinstance(node, Map):
            for key, tag in node.tags.items():
                found.append((*path, key))
                if tag == "!reset":
                    node.pop(key, None)
            pending += [(v, (*path, k)) for k, v in node.items() if isinstance(v, Map | Seq)]
        elif isinstance(node, Seq):
            gone = [index for index, tag in node.tags.items() if tag == "!reset"]
            for index in reversed(gone):
                del node[index], node.marks[index]
            node.tags.clear()
            pending += [(v, (*path, i)) for i, v in enumerate(node) if isinstance(v, Map | Seq)]
    return found


def apply(paths: list[Path], target: Map) -> None:
    """Remove ``paths`` from ``target``. Items of lists cannot be named, and stay."""
    for path in paths:
        node: Any = target
        for part in path[:-1]:
            node = node.get(str(part)) if isinstance(node, Map) else None
        if isinstance(node, Map):
            node.pop(str(path[-1]), None)
