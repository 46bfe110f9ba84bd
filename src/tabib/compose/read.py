"""Stage 1, read: YAML text → trees with marks.

Built from the C parser's events with a stack of our own: nothing here recurses, so a hostile
file can neither overflow the stack nor, through aliases, the memory.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import Any, NamedTuple

from tabib.compose import escapes, scalars, yamlerrors
from tabib.compose.problems import Problems, Stop
from tabib.compose.tree import Document, Map, Mark, Path, Seq

MAX_BYTES = 4 << 20
MAX_DEPTH = 100
MAX_DOCUMENTS = 200
MAX_NODES = 200_000
"""Nodes of one file with every alias written out. The largest file of a real project that we
know of has 20,000; Docker Compose 2.40 has no such limit and eats 17 GB on a file of 700 bytes."""
_MERGE = object()
_RESETS = ("!reset", "!override")
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def decode(data: bytes, file: str, problems: Problems, limit: int = MAX_BYTES) -> str:
    """The text of a file of up to ``limit`` bytes; :raises Stop: too large, or no text."""
    if len(data) > limit:
        problems.add(f"the file is larger than {limit >> 20} MB", mark=Mark(file, 0, 0))
        raise Stop
    coding = next((name for bom, name in _BOMS if data.startswith(bom)), "utf-8")
    try:
        text = data.decode(coding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        problems.add("the file is not UTF-8 text", mark=Mark(file, line, column))
        raise Stop from None
    problems.texts[file] = text
    return text


class _Frame:
    """A mapping or sequence whose end has not been seen yet."""

    __slots__ = (
        "anchor",
        "has_key",
        "key",
        "key_mark",
        "mark",
        "merges",
        "names",
        "size",
        "tag",
        "value",
    )

    def __init__(self, value: Any, anchor: str | None, mark: Mark, tag: str) -> None:
        self.value = value
        self.anchor = anchor
        self.mark = mark
        self.tag = tag
        self.size = 1
        self.key: Any = None
        self.key_mark: Mark | None = None
        self.has_key = False
        self.merges: list[tuple[Any, Mark]] = []
        self.names: set[str] | None = None
        """Keys as they are written, where that is not what they say: an alias has its own name."""


class _Anchor(NamedTuple):
    """What an alias stands for. ``below``: the paths in it that are tagged ``!override``."""

    value: Any
    size: int
    tag: str
    below: tuple[Path, ...] = ()


class _Builder:
    """Turns the events of one document into a tree."""

    def __init__(self, file: str, text: str, problems: Problems) -> None:
        self.file = file
        self.text = text
        self.problems = problems
        self.stack: list[_Frame] = []
        self.anchors: dict[str, _Anchor | None] = {}
        self.resets: list[Path] = []
        self.overrides: list[Path] = []
        self.root: Any = None
        self.total = 0

    def mark(self, event: Any) -> Mark:
        start = event.start_mark
        return Mark(self.file, start.line + 1, start.column + 1)

    def fail(self, message: str, mark: Mark) -> Stop:
        self.problems.add(message, mark=mark)
        return Stop()

    def open(self, event: Any, value: Any) -> None:
        mark = self.mark(event)
        if len(self.stack) >= MAX_DEPTH:
            raise self.fail(f"nested deeper than {MAX_DEPTH} levels", mark)
        if event.anchor:
            self.anchors[event.anchor] = None
        self.stack.append(_Frame(value, event.anchor, mark, event.tag or ""))

    def close(self) -> None:
        frame = self.stack.pop()
        if frame.merges:
            _merge(frame, self)
        if frame.anchor:
            below = self.below() if self.overrides else ()
            self.anchors[frame.anchor] = _Anchor(frame.value, frame.size, frame.tag, below)
        self.put(frame.value, frame.mark, frame.size, frame.tag)

    def alias(self, event: Any) -> None:
        mark = self.mark(event)
        if event.anchor not in self.anchors:
            raise self.fail(f"unknown anchor '{event.anchor}'", mark)
        known = self.anchors[event.anchor]
        if known is None:
            raise self.fail(f"the anchor '{event.anchor}' contains itself", mark)
        if known.below and not self.is_below_reset():
            base = self.path()
            self.resets += [(*base, *path) for path in known.below]
            self.overrides += [(*base, *path) for path in known.below]
        self.put(known.value, mark, known.size, known.tag, event.anchor)

    def document(self) -> Any:
        """What has been built: a :class:`Document` where something in it is tagged."""
        if not self.resets or not isinstance(self.root, Map):
            return self.root
        return Document(self.root, self.root.marks, self.resets)

    def path(self) -> Path:
        """Where the next node is going to stand; what ``<<`` holds stands beside it."""
        return tuple(
            len(frame.value) if isinstance(frame.value, Seq) else frame.key
            for frame in self.stack
            if isinstance(frame.value, Seq) or (frame.has_key and frame.key is not _MERGE)
        )

    def below(self) -> tuple[Path, ...]:
        base = self.path()
        paths = [path[len(base) :] for path in self.overrides if path[: len(base)] == base]
        return tuple(path for path in paths if path)

    def is_below_reset(self) -> bool:
        """Below a tag, further tags say nothing: Compose does not look there either."""
        return any(frame.tag in _RESETS for frame in self.stack)

    def scalar(self, event: Any) -> None:
        mark = self.mark(event)
        tag = event.tag or ""
        if event.implicit[0] and tag in ("", "!"):
            value = scalars.plain(event.value)
            if value == "<<" and self.key_is_next():
                value = _MERGE
        elif event.implicit[1] and tag in ("", "!"):
            value = event.value
        elif tag == "tag:yaml.org,2002:merge" and event.value == "<<" and self.key_is_next():
            value = _MERGE
        else:
            value = self.tagged(tag, event.value, mark)
        if event.style == '"' and escapes.is_refused(self.text, event):
            self.problems.add("'\\/' is no escape of YAML 1.1: write '/'", mark=mark)
        if event.anchor:
            self.anchors[event.anchor] = _Anchor(value, 1, tag)
        self.put(value, mark, 1, tag)

    def key_is_next(self) -> bool:
        return (
            bool(self.stack)
            and isinstance(self.stack[-1].value, Map)
            and not self.stack[-1].has_key
        )

    def tagged(self, tag: str, text: str, mark: Mark) -> Any:
        try:
            return scalars.tagged(tag, text)
        except ValueError as error:
            self.problems.add(str(error), mark=mark)
            return text

    def put(self, value: Any, mark: Mark, size: int, tag: str, alias: str = "") -> None:
        """A finished node: the root, an item, a key or a value."""
        self.total += size
        if (size > 1 and self.total > MAX_NODES * 2) or size > MAX_NODES:
            raise self.fail(f"more than {MAX_NODES} nodes with its aliases written out", mark)
        if not self.stack:
            self.root = value
            return
        frame = self.stack[-1]
        frame.size += size
        if frame.size > MAX_NODES:
            raise self.fail(f"more than {MAX_NODES} nodes with its aliases written out", mark)
        if tag in _RESETS and not self.key_is_next() and not self.is_below_reset():
            self.resets.append(self.path())
            if tag == "!reset":
                self.leave_out(frame)
                return
            self.overrides.append(self.path())
        if isinstance(frame.value, Seq):
            frame.value.append(value)
            frame.value.marks.append(mark)
        elif not frame.has_key:
            key = self.key(value, mark, frame, alias)
            frame.key, frame.key_mark, frame.has_key = key, mark, True
        else:
            self.pair(frame, value, mark)

    def leave_out(self, frame: _Frame) -> None:
        """The value that comes next is tagged ``!reset``: its key is seen, and that is all."""
        if isinstance(frame.value, Map):
            frame.names = {*frame.value} if frame.names is None else frame.names
            frame.names.add(str(frame.key))
            frame.key, frame.has_key = None, False

    def key(self, value: Any, mark: Mark, frame: _Frame, alias: str) -> Any:
        if alias and frame.names is None:
            frame.names = {*frame.value}
        names = frame.value if frame.names is None else frame.names
        if value is _MERGE:
            return value
        if isinstance(value, str) and (alias or value) not in names:
            if frame.names is not None:
                frame.names.add(alias or value)
            return value
        if isinstance(value, str):
            first = frame.value.marks.get(value, mark).line
            self.problems.add(f"the key '{value}' is already there in line {first}", mark=mark)
        elif isinstance(value, Map | Seq):
            self.problems.add("a key must be text", mark=mark)
        else:
            text = str(value).lower() if isinstance(value, bool) else str(value)
            self.problems.add("a key must be text", mark=mark, suggestion=f'write "{text}"')
        return None

    def pair(self, frame: _Frame, value: Any, mark: Mark) -> None:
        key, frame.has_key = frame.key, False
        frame.key = None
        if key is _MERGE:
            if frame.merges:
                self.problems.add("the key '<<' is already there", mark=frame.key_mark or mark)
            frame.merges.append((value, mark))
        elif key is not None:
            frame.value.place(key, value, frame.key_mark)


def _merge(frame: _Frame, builder: _Builder) -> None:
    """``<<``: keys written out win over merged ones, earlier sources over later ones."""
    value, mark = frame.merges[0]
    for source in value if isinstance(value, Seq) else [value]:
        if not isinstance(source, Map):
            builder.problems.add("'<<' takes a mapping or a list of mappings", mark=mark)
            continue
        for key, inner in source.items():
            if key not in frame.value:
                frame.value.place(key, inner, source.marks.get(key))


def documents(text: str, file: str, problems: Problems) -> Iterator[Any]:
    """The documents of a file, each as ``Map``, ``Seq`` or scalar.

    Problems go to ``problems``; :raises Stop: the text is no YAML, or beyond a limit.
    """
    import yaml  # 20 ms: only where there is something to read

    text = escapes.corrected(text)
    builder, count = _Builder(file, text, problems), 0
    event: Any
    try:
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            kind = type(event).__name__
            if kind == "ScalarEvent":
                builder.scalar(event)
            elif kind in ("MappingStartEvent", "SequenceStartEvent"):
                builder.open(event, Map() if kind[0] == "M" else Seq())
            elif kind in ("MappingEndEvent", "SequenceEndEvent"):
                builder.close()
            elif kind == "AliasEvent":
                builder.alias(event)
            elif kind == "DocumentStartEvent" and event.version not in (None, (1, 1)):
                raise builder.fail("only %YAML 1.1 can be read", builder.mark(event))
            elif kind == "DocumentEndEvent":
                count += 1
                if count > MAX_DOCUMENTS:
                    raise builder.fail(f"more than {MAX_DOCUMENTS} documents", builder.mark(event))
                yield builder.document()
                builder.anchors, builder.root = {}, None
                builder.resets, builder.overrides = [], []
    except yaml.MarkedYAMLError as error:
        yamlerrors.explain(error, text, file, problems)
        raise Stop from None
    except yaml.YAMLError as error:
        problems.add(f"not valid YAML: {_first_line(error)}", mark=Mark(file, 0, 0))
        raise Stop from None


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0]
