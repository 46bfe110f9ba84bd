"""restic's JSON → nouns."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from tabib.model.backup import Saved, Stored, StoredEntry

_UNITS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
_FREED = re.compile(r"^total prune:.*/ ([\d.]+) ([KMGT]?i?B)", re.MULTILINE)


def encoded_tags(tags: Iterable[str]) -> list[str]:
    """restic takes a comma for the end of a tag."""
    return [tag.replace("%", "%25").replace(",", "%2C") for tag in tags]


def decoded_tags(tags: Iterable[str]) -> tuple[str, ...]:
    return tuple(tag.replace("%2C", ",").replace("%25", "%") for tag in tags)


def saved_of(summary: Mapping[str, Any], unread: Sequence[str], seconds: float) -> Saved:
    """A backup's ``summary``."""
    added = summary.get("data_added_packed")
    return Saved(
        id=str(summary["snapshot_id"]),
        size_bytes=int(summary.get("total_bytes_processed") or 0),
        added_bytes=int(summary.get("data_added") or 0 if added is None else added),
        files=int(summary.get("total_files_processed") or 0),
        files_unreadable=tuple(unread),
        seconds=round(seconds, 3),
    )


def stored_of(text: bytes) -> list[Stored]:
    """The answer of ``snapshots --json``."""
    return [
        Stored(
            id=str(one["id"]),
            at=moment(one["time"]),
            tags=tuple(one.get("tags") or ()),
            paths=tuple(one.get("paths") or ()),
            parent=str(one.get("parent") or ""),
        )
        for one in msgspec.json.decode(text or b"[]") or []
    ]


def entries_of(text: bytes) -> list[StoredEntry]:
    """The answer of ``ls --json``: a line for the snapshot, then one for each node."""
    found = []
    for line in text.splitlines():
        said = msgspec.json.decode(line)
        if "path" not in said or said.get("struct_type", said.get("message_type")) == "snapshot":
            continue
        found.append(
            StoredEntry(
                path=str(said["path"]),
                type=str(said.get("type") or ""),
                size_bytes=int(said.get("size") or 0),
                modified_at=moment(said["mtime"]) if said.get("mtime") else None,
                mode=int(said.get("mode") or 0) & 0o7777,
                uid=int(said.get("uid") or 0),
                gid=int(said.get("gid") or 0),
            )
        )
    return found


def freed_bytes(text: str) -> int:
    """What ``prune`` says it removed; restic rounds it to three digits or so."""
    found = _FREED.search(text)
    return int(float(found[1]) * _UNITS.get(found[2], 1)) if found else 0


def moment(text: str) -> datetime:
    """A time as Go writes it: up to nine digits after the point."""
    cut = re.sub(r"(\.\d{6})\d+", r"\1", text)
    return datetime.fromisoformat(cut)
