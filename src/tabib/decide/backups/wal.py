"""PostgreSQL's write-ahead log as files: which of them belong together, and lead where.

A file's name is its timeline, and where in the log it begins, in hexadecimal. ``.partial`` is one
that is still being received; ``.history`` says where a timeline left the one before.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

SEGMENT_BYTES = 16 * 1024 * 1024
"""As usual; ``initdb --wal-segsize`` may say otherwise."""
PARTIAL = ".partial"
PUT_BACK = "the database was put back to an earlier state"
_SEGMENT = re.compile(r"([0-9A-F]{8})([0-9A-F]{8})([0-9A-F]{8})(\.partial)?")
_HISTORY = re.compile(r"([0-9A-F]{8})\.history")
_LOG_BYTES = 1 << 32
_REFUSED = "START_REPLICATION"
_ANEW = (
    ("has already been removed", "the database let go of a part of its log before it was received"),
    ("not in this server's history", PUT_BACK),
    ("ahead of the WAL flush position", PUT_BACK),
)
_ENGLISH = re.compile(r"\b(LOG|FATAL|PANIC|ERROR|HINT|DETAIL):  ")
_TARGET_MISSED = "recovery ended before configured recovery target was reached"


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One file of the log. ``partial``: received in part."""

    name: str
    timeline: int
    number: int
    partial: bool = False

    @property
    def whole_name(self) -> str:
        return self.name.removesuffix(PARTIAL)


def segment(name: str, size: int = SEGMENT_BYTES) -> Segment | None:
    """The segment with this file name; None: it is none. ``size``: of every segment, in bytes."""
    match = _SEGMENT.fullmatch(name)
    if match is None or size <= 0:
        return None
    timeline, high, low = (int(one, 16) for one in match.group(1, 2, 3))
    number = high * (_LOG_BYTES // size) + low
    return Segment(name=name, timeline=timeline, number=number, partial=bool(match[4]))


def history(name: str) -> int | None:
    """The timeline whose history the file tells; None: it is no such file."""
    match = _HISTORY.fullmatch(name)
    return int(match[1], 16) if match else None


def position(text: str) -> int | None:
    """A place in the log, as the server writes it (``0/16B3748``), in bytes; None: it is none."""
    high, _, low = text.partition("/")
    try:
        return (int(high, 16) << 32) + int(low, 16)
    except ValueError:
        return None


def begins_anew(said: str) -> str:
    """Why receiving cannot go on where it was, from what the receiver said; ``""``: it can."""
    for words, why in _ANEW:
        if words in said:
            return why
    # The server's words may be in another language; the receiver's are not.
    return "the database does not have its log from there on" if _REFUSED in said else ""


def missed_target(said: Sequence[str]) -> bool:
    """Whether a server ended since its log has no transaction as late as it was to reach."""
    return any(_TARGET_MISSED in line for line in said)


def took_connections(said: Sequence[str]) -> bool:
    """Whether a server that said this let anybody in. One that speaks another language than English
    is taken to have."""
    if any("ready to accept" in line for line in said):
        return True
    return bool(said) and not any(_ENGLISH.search(line) for line in said)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """What leads on from a base backup: ``names`` of files to put beside its own, ``missing`` the
    first segment that is not there though later ones are (``""``: none)."""

    names: tuple[str, ...] = ()
    missing: str = ""
    timeline: int = 0
    """To follow."""


def stretch(
    names: Iterable[str], base: Iterable[str], start: str, *, size: int, timeline: int
) -> Stretch:
    """The files of one stream that lead on from a base backup, without a hole.

    ``base``: the segments that came with the backup, of which ``start`` is where its own recovery
    begins; ``timeline``: the one to follow.
    """
    names = list(names)
    begun = segment(start, size)
    if begun is None:
        return Stretch(timeline=timeline)
    usable = [
        one
        for name in names
        if (one := segment(name, size)) is not None
        and begun.timeline <= one.timeline <= timeline
        and one.number >= begun.number
    ]
    own = {one.number for name in base if (one := segment(name, size)) is not None}
    numbers = {one.number for one in usable} | own
    last = begun.number
    while last + 1 in numbers:
        last += 1
    whole = {(one.timeline, one.number) for one in usable if not one.partial}
    chosen = {
        one.name
        for one in usable
        if one.number <= last and not (one.partial and (one.timeline, one.number) in whole)
    }
    # All of them: a server that is promoted takes the first number that no history has.
    chosen |= {name for name in names if history(name) is not None}
    return Stretch(
        names=tuple(sorted(chosen)),
        missing=_name(timeline, last + 1, size) if max(numbers, default=0) > last else "",
        timeline=timeline,
    )


def _name(timeline: int, number: int, size: int) -> str:
    high, low = divmod(number, _LOG_BYTES // size)
    return f"{timeline:08X}{high:08X}{low:08X}"


def timeline_at(histories: Mapping[str, datetime], base: int, to: datetime | None) -> int:
    """The timeline that the database was on at ``to`` (None: in the end). ``histories``: history
    files with when each came, which is when its timeline began; ``base``: of the base backup."""
    begun = [
        timeline
        for name, at in histories.items()
        if (timeline := history(name)) is not None and (to is None or at <= to)
    ]
    return max([base, *begun])
