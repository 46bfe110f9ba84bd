"""Whether what would be written fits on the disks it would be written to. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

ROOM = 1.1
"""So much more room than a copy is large must be free before it is fetched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What would be written to one disk."""

    disk: int
    """Its device number: two folders of one disk share its room."""
    path: str
    """A folder on it, as people know it."""
    bytes: int
    free_bytes: int


def too_small(needs: Iterable[Need]) -> list[Need]:
    """The disks that what is to be written to them does not fit on, with all that is to be."""
    disks: dict[int, Need] = {}
    for one in needs:
        with_ = disks.get(one.disk, replace(one, bytes=0))
        disks[one.disk] = replace(
            with_,
            bytes=with_.bytes + one.bytes,
            free_bytes=min(with_.free_bytes, one.free_bytes),
        )
    needed = [replace(one, bytes=int(one.bytes * ROOM)) for one in disks.values()]
    return [one for one in needed if one.bytes > one.free_bytes]
