"""YAML trees that remember where each key and item stands.

Every stage hands on :class:`Map` and :class:`Seq`; merging copies the marks along, so that an
error found at the end still points at the line of the file that caused it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

Path = tuple[str | int, ...]


class Mark(NamedTuple):
    """A place in a file; lines and columns count from 1, 0 means unknown."""

    file: str
    line: int
    column: int


NOWHERE = Mark("", 0, 0)


class Map(dict[str, Any]):
    """A mapping with a mark per key."""

    __slots__ = ("marks",)

    def __init__(self, values: Any = (), marks: dict[str, Mark] | None = None) -> None:
        super().__init__(values)
        self.marks: dict[str, Mark] = {} if marks is None else marks

    def place(self, key: str, value: Any, mark: Mark | None) -> None:
        """Set ``key`` together with where it came from."""
        self[key] = value
        if mark is not None:
            self.marks[key] = mark


class Document(Map):
    """A whole document; ``resets`` are the paths in it that are tagged ``!reset``, which are
    left out, or ``!override``."""

    __slots__ = ("resets",)

    def __init__(self, values: Any, marks: dict[str, Mark], resets: list[Path]) -> None:
        super().__init__(values, marks)
        self.resets = resets


class Seq(list[Any]):
    """A sequence with a mark per item (fewer marks than items where they are unknown)."""

    __slots__ = ("marks",)

    def __init__(self, values: Iterable[Any] = (), marks: list[Mark] | None = None) -> None:
        super().__init__(values)
        self.marks: list[Mark] = [] if marks is None else marks

    def mark_of(self, index: int) -> Mark:
        return self.marks[index] if index < len(self.marks) else NOWHERE


def clone(value: Any) -> Any:
    """A deep copy that keeps the marks."""
    if isinstance(value, Map):
        return Map(((k, clone(v)) for k, v in value.items()), dict(value.marks))
    if isinstance(value, Seq):
        return Seq((clone(v) for v in value), list(value.marks))
    return value


def marked_items(value: Any) -> list[tuple[Any, Mark]]:
    """The items of a list, each with its mark."""
    if isinstance(value, Seq):
        return [(item, value.mark_of(i)) for i, item in enumerate(value)]
    return [(item, NOWHERE) for item in value]


def seq_of(pairs: Sequence[tuple[Any, Mark]]) -> Seq:
    """The inverse of :func:`marked_items`."""
    return Seq((item for item, _ in pairs), [mark for _, mark in pairs])


def mark_at(tree: Any, path: Path) -> Mark:
    """The mark of ``path``, or of its nearest ancestor that has one."""
    found = NOWHERE
    for part in path:
        mark: Mark | None = None
        if isinstance(tree, Map) and isinstance(part, str):
            mark, tree = tree.marks.get(part), tree.get(part)
        elif isinstance(tree, Seq) and isinstance(part, int) and part < len(tree):
            mark, tree = tree.mark_of(part), tree[part]
        else:
            break
        if mark is not None and mark.line:
            found = mark
    return found


_MEMBER = 2
"""Length of the path of a service, a network and so on."""


def prune(tree: Any, path: Path) -> None:
    """Take ``path`` out; a service and its like stay, empty, since others may refer to them."""
    for part in path[:-1]:
        if isinstance(tree, Map):
            tree = tree.get(str(part))
        elif isinstance(tree, Seq) and isinstance(part, int) and part < len(tree):
            tree = tree[part]
        else:
            return
    leaf = path[-1]
    if isinstance(tree, Map) and leaf in tree:
        if len(path) == _MEMBER:
            tree[str(leaf)] = Map()
        else:
            del tree[str(leaf)]
    elif isinstance(tree, Seq) and isinstance(leaf, int) and leaf < len(tree):
        del tree[leaf], tree.marks[leaf : leaf + 1]


def dotted(path: Iterable[str | int]) -> str:
    """``services.web.ports[0]``, as people write it."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def matches(path: Sequence[Any], pattern: Sequence[str]) -> bool:
    """Whether ``path`` fits ``pattern``, in which ``*`` stands for any one part."""
    return len(path) == len(pattern) and all(
        want in ("*", have) for have, want in zip(path, pattern, strict=True)
    )
