"""One path in a snapshot: what it is, and what lies below it."""

from __future__ import annotations

import posixpath
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from difflib import get_close_matches

from tabib.model.backup import Part, Snapshot, StoredEntry
from tabib.model.errors import NotFound
from tabib.operations.backups import contents
from tabib.operations.backups.contents import Meant
from tabib.operations.tools import Tools


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What was asked for, as it is in the snapshot, and where to read it."""

    entry: StoredEntry
    """Its path begins with the data set's name."""
    part: Part
    meant: Meant

    def read(self) -> AsyncIterator[bytes]:
        """The content; of a folder a tar."""
        return self.meant.repository.read(self.part.stored, self.meant.path)


async def find_entry(tools: Tools, snapshot: Snapshot, path: str) -> Found:
    """The file or folder that ``path`` (``DATASET[/PATH]``) names; of a data set that is one stream
    that stream, a ``file``.

    :raises NotFound: there is nothing there; says what is alike.
    :raises UsageError: it names no data set, and there are several.
    """
    meant = await contents.at(tools, snapshot, path)
    part = meant.part
    name = part.dataset.name
    if part.form != "files":
        entry = StoredEntry(path=f"{name}{part.path}", type="file", size_bytes=part.size_bytes)
        return Found(entry=entry, part=part, meant=meant)
    root = part.path.rstrip("/")
    inner = meant.path.removeprefix(root).strip("/")
    if not inner:
        entry = StoredEntry(path=name, type="dir", size_bytes=part.size_bytes)
        return Found(entry=entry, part=part, meant=meant)
    above = posixpath.dirname(posixpath.join(root, inner))
    try:
        siblings = await meant.repository.entries(part.stored, above)
    except NotFound:
        siblings = []
    for one in siblings:
        if one.path.rstrip("/") == f"{root}/{inner}":
            entry = replace(one, path=f"{name}/{inner}")
            return Found(entry=entry, part=part, meant=meant)
    raise _nothing(snapshot, path, [f"{name}{one.path.removeprefix(root)}" for one in siblings])


async def entries(tools: Tools, snapshot: Snapshot, path: str) -> list[StoredEntry]:
    """As :func:`contents.entries`; of a file that file.

    :raises NotFound: there is nothing there; says what is alike.
    """
    try:
        found = await contents.entries(tools, snapshot, path)
    except NotFound:
        # It may be a file, or be alike to something.
        return [(await find_entry(tools, snapshot, path)).entry]
    return found


def _nothing(snapshot: Snapshot, path: str, siblings: list[str]) -> NotFound:
    near = get_close_matches(path.strip("/"), siblings, n=1)
    above = posixpath.dirname(path.strip("/"))
    lists = f"`tabib snapshot {snapshot.id} ls {above}`".replace(" `", "`")
    return NotFound(
        f"there is no {path!r} in it",
        attempted="read snapshot",
        target=snapshot.id,
        advice=f"Did you mean {near[0]}?" if near else f"{lists} lists what is there.",
    )
