"""Which copy is restored, and what is lost by it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from tabib.model.backup import Dataset, Part, Snapshot
from tabib.model.units import duration


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The copy that one data set is restored from."""

    dataset: Dataset
    """As it is now."""
    part: Part
    snapshot: Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Abandoned:
    """What a restore left behind: ``datasets`` went back to what they were at ``since``, at ``at``.
    What was copied in between is of a course that was given up."""

    since: datetime
    at: datetime
    datasets: tuple[str, ...]
    began: datetime | None = None
    """When the restore was begun: log of the new course was received after that."""
    log_until: datetime | None = None
    """Log of the old course is replayed until then, and no further; None: to its end."""
    snapshot: str = ""
    """What was restored from."""
    kept: Mapping[str, str] = field(default_factory=dict)
    """Where what it replaced is kept, by data set; not of one whose place was gone."""


def abandoned(snapshot: Snapshot, names: Iterable[str], given_up: Iterable[Abandoned]) -> bool:
    """Whether the snapshot is of a course that was given up for one of the data sets ``names``."""
    wanted = set(names)
    return any(
        one.since < snapshot.taken_at <= one.at and wanted & set(one.datasets) for one in given_up
    )


def course(name: str, given_up: Iterable[Abandoned]) -> Abandoned | None:
    """The last restore of the data set that went back behind its log; None: there was none."""
    mine = [one for one in given_up if name in one.datasets and one.log_until is not None]
    return max(mine, key=lambda one: one.at, default=None)


def holds(snapshot: Snapshot, wanted: Iterable[Dataset]) -> bool:
    """Whether the snapshot has a part of every one of ``wanted``."""
    names = {part.dataset.name for part in snapshot.parts}
    return all(one.name in names for one in wanted)


def candidates(
    snapshots: Iterable[Snapshot],
    wanted: Sequence[Dataset],
    *,
    before: datetime | None = None,
    given_up: Sequence[Abandoned] = (),
) -> list[Snapshot]:
    """Those that may be restored from by themselves, the best first: whole, of nothing damaged, not
    found bad by a drill, of the same kinds of data, and not of a course that an earlier restore
    went back behind; the newest first.

    A snapshot that no drill has looked at is as good a candidate as one that was verified: it is
    checked on the way, and the next one is taken where it does not hold.
    """
    kinds = {one.name: one.kind for one in wanted}
    good = [
        one
        for one in snapshots
        if not one.damaged
        and (one.drill is None or one.drill.outcome == "passed")
        and holds(one, wanted)
        and all(
            kinds.get(part.dataset.name, part.dataset.kind) == part.dataset.kind
            for part in one.parts
        )
        and (before is None or one.ended_at <= before)
        and not abandoned(one, kinds, given_up)
    ]
    return sorted(good, key=lambda one: (one.taken_at, one.id), reverse=True)


BEFORE_A_RESTORE = "before a restore"
"""Why a copy was taken of what a restore is about to replace."""


def asked_again(found: Sequence[Snapshot]) -> list[Snapshot]:
    """Of candidates those that a person means who names none: a copy that a restore took of what it
    was about to replace is none of them, where that restore was cut off and is asked for again;
    unless there is no other."""
    number = next((n for n, one in enumerate(found) if one.reason != BEFORE_A_RESTORE), 0)
    return list(found[number:])


def sources(snapshot: Snapshot, wanted: Iterable[Dataset]) -> list[Source]:
    """What each of ``wanted`` is restored from; those that the snapshot lacks are left out."""
    parts = {part.dataset.name: part for part in snapshot.parts}
    return [
        Source(dataset=one, part=parts[one.name], snapshot=snapshot)
        for one in wanted
        if one.name in parts
    ]


def lost(
    source: Source, until: datetime, *, reached: datetime | None = None, cut: str = ""
) -> tuple[float, str]:
    """Seconds of which everything written is lost, at most, and the words for it. ``until``: when
    the data was last written to, as far as is known; ``reached``: up to where logs were replayed;
    ``cut``: why they go no further.
    """
    upto = max(source.part.taken_at, reached or source.part.taken_at)
    seconds = max((until - upto).total_seconds(), 0.0)
    name = source.dataset.name
    if reached is not None:
        words = f"{name}: what was acknowledged after {upto:%Y-%m-%d %H:%M:%S.%f} UTC, if anything"
        return seconds, f"{words}: {cut}" if cut else words
    words = f"{name}: what was written after {upto:%Y-%m-%d %H:%M:%S} UTC ({duration(seconds)})"
    return seconds, words
