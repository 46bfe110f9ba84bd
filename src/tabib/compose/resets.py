"""``!reset`` takes a key away, ``!override`` replaces instead of merging.

Both speak about what earlier files (or the extended service) said at the same path.
"""

from __future__ import annotations

from typing import Any

from tabib.compose.tree import Map, Path, Seq


def collect(tree: Any) -> list[Path]:
    """The paths that are tagged; what is tagged ``!reset`` is removed from ``tree``.

    Below a tag, further tags say nothing: Compose does not look there either.
    """
    found: list[Path] = []
    pending: list[tuple[Any, Path]] = [(tree, ())]
    while pending:
        node, path = pending.pop()
        if isinstance(node, Map):
            for key, tag in node.tags.items():
                found.append((*path, key))
                if tag == "!reset":
                    node.pop(key, None)
            kept = [key for key in node if key not in node.tags]
            pending += [(node[k], (*path, k)) for k in kept if isinstance(node[k], Map | Seq)]
        elif isinstance(node, Seq):
            inner = [(v, (*path, i)) for i, v in enumerate(node) if i not in node.tags]
            pending += [(v, at) for v, at in inner if isinstance(v, Map | Seq)]
            for index in sorted(node.tags, reverse=True):
                if node.tags[index] == "!reset":
                    del node[index], node.marks[index]
            node.tags.clear()
    return found


def apply(paths: list[Path], target: Map) -> None:
    """Remove ``paths`` from ``target``. Items of lists cannot be named, and stay."""
    for path in paths:
        node: Any = target
        for part in path[:-1]:
            node = node.get(str(part)) if isinstance(node, Map) else None
        if isinstance(node, Map):
            node.pop(str(path[-1]), None)
