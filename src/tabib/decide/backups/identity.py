"""Whether a data set is still the one that was known while it was well.

A lost volume comes back *empty and healthy*: the engine creates it anew, and the image initialises
it. So what counts is not whether the service is well, but whether its data is what it was: its
folder, the files that make it a database, the database's own identity, and how much there is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from tabib.model.backup import Identity

SHRUNK_BELOW = 0.5
"""Less than this part of the bytes that were there is a sharp loss."""
_MADE_ANEW = frozenset({"sqlite"})
"""Databases that are files, which their applications may put in place of one another: another file
alone says nothing, one that holds less does."""
_REWRITES = frozenset({"redis"})
"""Kinds that write all of their data anew now and then, much smaller: size tells nothing."""
WORTH_BYTES = 65_536
"""What never held more is not judged by its size."""


class Sameness(StrEnum):
    SAME = "same"
    LOST = "lost"
    """Its place is gone: no such folder, no such volume."""
    EMPTIED = "emptied"
    """Its place is there, and what made it a data set is not."""
    REPLACED = "replaced"
    """Another database, or other files, are where it was."""
    SHRUNK = "shrunk"
    """More than half of its bytes are gone."""
    UNKNOWN = "unknown"
    """It could not be looked at: nothing follows from that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A data set as a look found it. None (and ``""``): that could not be had."""

    there: bool | None = None
    empty: bool | None = None
    root: str = ""
    """As of :class:`~tabib.model.backup.Identity`."""
    volume_id: str = ""
    generation: int | None = None
    database: str = ""
    since: datetime | None = None
    """When the database that is there was made."""
    marks: tuple[str, ...] | None = None
    """Those of the known marks that are there."""
    size_bytes: int | None = None
    files: int | None = None
    why: str = ""
    """What told that its place is gone, or why it could not be looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    verdict: Sameness
    text: str
    """One sentence for a person; ``""`` where it is the same."""
    engine: str = ""
    """What the engine or the disk itself shows, beside the record: the second witness."""


def compare(known: Identity, seen: Seen) -> Comparison:
    """What became of the data set ``known``. What cannot be told counts as the same, or unknown."""
    if seen.there is None:
        return Comparison(verdict=Sameness.UNKNOWN, text=seen.why or "it could not be looked at")
    if not _held(known):
        return Comparison(verdict=Sameness.SAME, text="")
    if not seen.there:
        why = seen.why or "its folder does not exist"
        return Comparison(verdict=Sameness.LOST, text=f"{_name(known)} is gone: {why}", engine=why)
    moved = _moved(known, seen)
    if seen.empty:
        return Comparison(
            verdict=Sameness.EMPTIED,
            text=f"{_name(known)} is empty; it held {_amount(known)}",
            engine=moved,
        )
    return _another(known, seen, moved) or _emptied(known, seen, moved) or _less(known, seen, moved)


def ripened(known: Identity, seen: Seen) -> bool:
    """Whether something to know it by has come into it since it was recorded."""
    if not seen.there or seen.empty or seen.empty is None:
        return False
    return (
        not _held(known)
        or bool(seen.database and not known.database)
        or bool(seen.marks and not known.marks)
    )


def _held(known: Identity) -> bool:
    """Whether it held anything that could be lost; what was not measured did."""
    return bool(known.database or known.marks or known.files != 0)


def _moved(known: Identity, seen: Seen) -> str:
    """What the disk shows where the place is another one than it was."""
    if known.volume_id and seen.volume_id != known.volume_id:
        return "the volume of this name is another one"
    if known.root and seen.root and known.root != seen.root:
        if known.generation != seen.generation:
            return ""  # tabib's own swap
        return "its folder is another one than before"
    if known.kind in _MADE_ANEW and known.database and seen.database not in ("", known.database):
        made = f", made {seen.since:%Y-%m-%d %H:%M:%S} UTC" if seen.since else ""
        return f"{known.database.rpartition(' of ')[0]} is another file than before{made}"
    return ""


def _another(known: Identity, seen: Seen, moved: str) -> Comparison | None:
    """Another database: certain, since a database keeps its identity for life."""
    if not known.database or not seen.database or known.database == seen.database:
        return None
    if known.kind in _MADE_ANEW:
        return None
    made = f", made {seen.since:%Y-%m-%d %H:%M:%S} UTC" if seen.since else ""
    engine = f"the database's own identity is {seen.database}{made}"
    return Comparison(
        verdict=Sameness.REPLACED,
        text=f"another database is in {_name(known)}: {seen.database}{made}; "
        f"it was {known.database}",
        engine=f"{engine}; {moved}" if moved else engine,
    )


def _emptied(known: Identity, seen: Seen, moved: str) -> Comparison | None:
    if not known.marks or seen.marks is None or seen.marks:
        return None
    wanted = ", ".join(known.marks[:3])
    return Comparison(
        verdict=Sameness.EMPTIED,
        text=f"{_name(known)} has none of its files any more ({wanted}); it held {_amount(known)}",
        engine=moved,
    )


def _less(known: Identity, seen: Seen, moved: str) -> Comparison:
    before, now = known.size_bytes, seen.size_bytes
    if known.kind in _REWRITES:
        before = None
    if before is None or now is None or before < WORTH_BYTES or now >= SHRUNK_BELOW * before:
        return Comparison(verdict=Sameness.SAME, text="")
    lost = f"{_name(known)} holds {_bytes(now)}; it held {_bytes(before)}"
    if moved and not (known.database and known.database == seen.database):
        return Comparison(verdict=Sameness.REPLACED, text=f"{lost}, and {moved}", engine=moved)
    return Comparison(verdict=Sameness.SHRUNK, text=lost)


def _name(known: Identity) -> str:
    return f"{'volume' if known.place.type == 'volume' else 'folder'} {known.dataset}"


def _amount(known: Identity) -> str:
    if known.size_bytes is not None:
        return _bytes(known.size_bytes)
    if known.database:
        return f"the database {known.database}"
    if known.files is not None:
        return f"{known.files} files"
    return "data"


def _bytes(number: int) -> str:
    if number < 1000:
        return f"{number} bytes"
    figure = float(number)
    for unit in ("kB", "MB", "GB"):
        figure /= 1000
        if figure < 1000 or unit == "GB":
            break
    return f"{figure:.1f} {unit}"
