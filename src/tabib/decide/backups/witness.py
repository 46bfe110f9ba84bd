"""Whether data is restored by itself: two witnesses, no reason against, a good copy.

Restoring wrongly loses what was written since the copy; not restoring keeps an application down.
So one sign is never enough: a log line may lie (a kernel that reports what is not so, a disk that
is merely full), and a record may be old. docs/decisions/0046 has the reasons.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from tabib.decide.backups.identity import SHRUNK_BELOW
from tabib.model.backup import Identity, Part, Snapshot
from tabib.model.incident import Case, Cause, DataState, Incident

WINDOW = timedelta(hours=24)
"""One restore by itself of a data set within this."""
FRESH = timedelta(minutes=15)
"""What was made this lately, where known data was, was made by a start on an empty place. Older: it
was written to since, and is newer than any copy."""
_OWN_FILES = frozenset({"postgres", "mysql", "mongodb"})
"""Databases that never remove the files that they are made of."""

MERELY_DOWN = frozenset(
    {
        *("storage.permission-denied", "storage.volume-permission", "storage.read-only"),
        *("storage.full", "storage.inodes-full", "storage.engine-root-full", "storage.log-flood"),
        *("memory.container-oom", "memory.host-oom", "memory.exhausted", "memory.shared"),
        *("process.pid-limit", "process.fd-leak"),
        *("database.lock-file", "database.version-mismatch", "database.cannot-open"),
    }
)
"""Causes that keep a database from running though its data is well."""


class Sort(StrEnum):
    """What kind of damage."""

    LOST = "lost"
    EMPTIED = "emptied"
    REPLACED = "replaced"
    SHRUNK = "shrunk"
    CORRUPT = "corrupt"
    FAILING_DISK = "failing_disk"


class Do(StrEnum):
    RESTORE = "restore"
    OFFER = "offer"
    """A person decides: a restore is ready to be asked for."""
    REPORT = "report"
    """There is nothing to restore, or it must not be."""
    EXAMINE = "examine"
    """The second witness has not been heard: let the service's own checker look at a copy."""
    START = "start"
    """The data is sound: what is stopped is started, and treated as any trouble."""


_SORTS: Mapping[str, Sort] = {
    "storage.volume-lost": Sort.LOST,
    "storage.volume-emptied": Sort.EMPTIED,
    "database.replaced": Sort.REPLACED,
    "storage.volume-shrunk": Sort.SHRUNK,
    "database.corrupt": Sort.CORRUPT,
    "storage.io-error": Sort.FAILING_DISK,
}
DATA_CODES = frozenset(_SORTS)
"""Causes that are about data: their service being up does not mean that they are over."""
BY_LOOKS = DATA_CODES - {"database.corrupt", "storage.io-error"}
"""Causes that a look at the data shows, and shows to be over."""
_BY_STATE = {Sort.LOST, Sort.EMPTIED, Sort.REPLACED, Sort.SHRUNK}


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """The snapshot that would be restored."""

    snapshot: str
    taken_at: datetime
    """The point in time that it is a copy of."""
    verified: bool = False
    """A drill has shown that it works; else it is drilled on the way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """All that is known about damaged data of one service, with what forbids a restore."""

    sort: Sort
    datasets: tuple[str, ...]
    kind: str = "files"
    text: str = ""
    record: str = ""
    """What the record of better times says against what is there now; ``""``: nothing is."""
    engine: str = ""
    """What the engine or the disk itself shows."""
    signature: str = ""
    """What the service (or a dump of it) said; ``""``: nothing."""
    examined: bool | None = None
    """Whether its own checker finds a copy of it sound; None: not asked, or it could not tell."""
    asked: bool = False
    """Whether the checker was asked."""
    examination: str = ""
    fails: bool = False
    """The service is down or unhealthy, or a dump of it fails."""
    merely_down: str = ""
    """A cause that keeps it from running though its data may be well: its code."""
    deliberate: str = ""
    """Why a person may have wanted this; ``""``: nobody did."""
    since: datetime | None = None
    """When what is there now was made."""
    well_at: datetime | None = None
    seen_at: datetime | None = None
    """When the damage was seen."""
    copy: Copy | None = None
    auto_restore: bool = True
    hold: bool = False
    last_restore: datetime | None = None
    """When it was last restored by itself."""
    damage_snapshot: str = ""
    by_person: bool = False
    """A person asks for it: what only forbids doing it unasked is no reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    do: Do
    reason: str


def about_data_alone(incident: Incident) -> bool:
    """Whether its service being well says nothing of what it is about."""
    if incident.cause.code in BY_LOOKS:
        return True
    told = (one for finding in incident.findings for one in finding.evidence)
    return incident.cause.code in DATA_CODES and any(one.source == "dump" for one in told)


def about_data_first(causes: Sequence[Cause]) -> tuple[Cause, ...]:
    """The causes of a case that was opened for its data, what is about data before what else was
    noticed of its service; empty where none is about data, or something else explains what was
    seen (``MERELY_DOWN``)."""
    if causes and causes[0].code in MERELY_DOWN:
        return ()
    data = [one for one in causes if one.code in DATA_CODES]
    return (*data, *(one for one in causes if one.code not in DATA_CODES)) if data else ()


def sort_of(case: Case, causes: Sequence[Cause]) -> Sort | None:
    """The damage that a case is about; None where it is about something else."""
    return _SORTS.get(causes[0].code) if causes else None


def states_of(sort: Sort, case: Case) -> tuple[DataState, ...]:
    """The data sets that the damage is of, where their record tells."""
    if sort not in _BY_STATE:
        return ()
    return tuple(one for one in case.data if one.verdict == str(sort))


def merely_down(case: Case, causes: Iterable[Cause]) -> str:
    """The likeliest cause that would keep a database with sound data from running: its code."""
    if case.oom_killed or case.oom_event:
        return "memory.container-oom"
    if any(one.verdict == "full" for one in case.data):
        # What was cut off by that is no damage before there is room again.
        return "storage.full"
    found = [one for one in causes if one.code in MERELY_DOWN and one.confidence >= 0.3]
    return found[0].code if found else ""


def weigh(damage: Damage, now: datetime) -> Judgement:
    """What is done about it. Never a restore without two witnesses and a good copy."""
    if damage.by_person:
        return _asked_for(damage, now)
    return (
        _never(damage)
        or _witnesses(damage)
        or _no_copy(damage)
        or _not_unasked(damage, now)
        or Judgement(do=Do.RESTORE, reason=f"{_why(damage)}; {_back(damage, now)}")
    )


def wants_examination(damage: Damage, now: datetime) -> bool:
    """Whether all but the checker's word is there for a restore: then it is worth the copy."""
    return weigh(damage, now).do is Do.EXAMINE


def _asked_for(damage: Damage, now: datetime) -> Judgement:
    if damage.sort is Sort.FAILING_DISK:
        return Judgement(do=Do.REPORT, reason=_DISK)
    return _no_copy(damage) or Judgement(
        do=Do.RESTORE, reason=f"asked for by a person: {_why(damage)}; {_back(damage, now)}"
    )


_DISK = "the disk fails: what is restored to it would be lost again"


def _never(damage: Damage) -> Judgement | None:
    if damage.sort is Sort.FAILING_DISK:
        return Judgement(do=Do.REPORT, reason=_DISK)
    if damage.sort is Sort.SHRUNK:
        reason = f"{damage.text}; an application may remove its own data, so nothing is restored"
        return Judgement(do=Do.OFFER if damage.copy else Do.REPORT, reason=reason)
    if damage.sort is Sort.CORRUPT and damage.merely_down:
        return Judgement(
            do=Do.REPORT,
            reason=f"{damage.merely_down} keeps it from running as well: that is no damage",
        )
    return None


def _witnesses(damage: Damage) -> Judgement | None:
    """None where there are two; else what is missing."""
    if damage.sort is Sort.CORRUPT:
        return _corrupt(damage)
    if not damage.record:
        return Judgement(do=Do.OFFER, reason="there is no record of what it was while it was well")
    if damage.kind == "redis" and not damage.fails and damage.sort is not Sort.REPLACED:
        return Judgement(
            do=Do.OFFER,
            reason=f"{damage.text}; its process runs on, and has the data in memory: "
            "a restart would lose it",
        )
    if damage.kind == "sqlite" and damage.sort is Sort.REPLACED and not damage.fails:
        # A file has no identity of its own: its application may have begun anew on purpose.
        return Judgement(
            do=Do.OFFER,
            reason=f"{damage.text}; the application may have made it anew itself, and works",
        )
    if damage.engine:
        return None
    if damage.sort is Sort.EMPTIED and (damage.kind in _OWN_FILES or damage.fails):
        return None
    return Judgement(
        do=Do.OFFER,
        reason=f"{damage.text}; the application may have removed it itself, and works",
    )


def _corrupt(damage: Damage) -> Judgement | None:
    if not damage.signature:
        return Judgement(do=Do.REPORT, reason="nothing says that its data is damaged")
    if damage.examined is False:
        return None
    if damage.examined:
        return Judgement(
            do=Do.START,
            reason=f"its own checker finds the data sound ({damage.examination}), "
            "whatever its log says",
        )
    if damage.asked:
        told = damage.examination or "it could not be asked"
        return Judgement(
            do=Do.OFFER,
            reason=f"its log says that its data is damaged, and its checker cannot tell: {told}",
        )
    refused = _no_copy(damage) or _forbidden(damage)
    return refused or Judgement(do=Do.EXAMINE, reason="its own checker shall look at a copy first")


def _no_copy(damage: Damage) -> Judgement | None:
    if damage.copy is not None:
        return None
    return Judgement(do=Do.REPORT, reason=f"{_why(damage)}; there is no snapshot to restore")


def _forbidden(damage: Damage) -> Judgement | None:
    if damage.hold:
        return Judgement(do=Do.OFFER, reason=f"{_why(damage)}; `tabib.hold` is set on it")
    if not damage.auto_restore:
        reason = f"{_why(damage)}; `backup.auto_restore: false` is written"
        return Judgement(do=Do.OFFER, reason=reason)
    return None


def _not_unasked(damage: Damage, now: datetime) -> Judgement | None:
    """What forbids it unasked, though it is damage."""
    forbidden = _forbidden(damage)
    if forbidden is not None:
        return forbidden
    why = _why(damage)
    if damage.deliberate:
        return Judgement(do=Do.OFFER, reason=f"{why}; {damage.deliberate}")
    if damage.last_restore is not None and now - damage.last_restore < WINDOW:
        ago = _ago(now - damage.last_restore)
        return Judgement(
            do=Do.OFFER,
            reason=f"{why}; it was restored {ago} ago, and is damaged again: find out why first",
        )
    return _newer(damage, why, now)


def _newer(damage: Damage, why: str, now: datetime) -> Judgement | None:
    """Live data that is newer than the copy, and can be read, is not thrown away."""
    if damage.sort is not Sort.REPLACED:
        return None
    began = damage.since
    if began is None or (damage.well_at is not None and began < damage.well_at):
        return Judgement(
            do=Do.OFFER,
            reason=f"{why}; when it was put there is not known: it may be what somebody wanted",
        )
    seen = damage.seen_at or now
    if seen - began <= FRESH:
        return None
    return Judgement(
        do=Do.OFFER,
        reason=f"{why}; what is there now was written to for {_ago(seen - began)}, which a restore "
        "would set aside",
    )


def _why(damage: Damage) -> str:
    if damage.sort is Sort.CORRUPT and damage.examined is False:
        return f"its data is damaged: so says its log, and its own checker ({damage.examination})"
    return damage.text or "its data is damaged"


def _back(damage: Damage, now: datetime) -> str:
    copy = damage.copy
    if copy is None:
        return ""
    age = _ago((damage.seen_at or now) - copy.taken_at)
    drilled = "" if copy.verified else ", drilled on the way"
    return f"back to snapshot {copy.snapshot}, {age} older{drilled}"


def _ago(time: timedelta) -> str:
    seconds = max(0.0, time.total_seconds())
    for limit, size, unit in ((120, 1, "s"), (7200, 60, "min"), (172_800, 3600, "h")):
        if seconds < limit:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds / 86_400:.0f} days"


# ── the copy ───────────────────────────────────────────────────────────────────────────────────


def newest_good(
    snapshots: Iterable[Snapshot],
    wanted: Sequence[str],
    known: Mapping[str, Identity],
    before: datetime,
) -> Snapshot | None:
    """The newest snapshot that holds every one of the data sets ``wanted`` as they were known, and
    was taken before the damage was seen; None where there is none.

    One that a drill found bad, or that copied the damage itself (the empty volume, another
    database), is not good.
    """
    good = [
        one
        for one in snapshots
        if not one.damaged
        and one.taken_at <= before
        and (one.drill is None or one.drill.outcome == "passed")
        and all(_holds(one, name, known.get(name)) for name in wanted)
    ]
    return max(good, key=lambda one: (one.taken_at, one.id), default=None)


def _holds(snapshot: Snapshot, dataset: str, known: Identity | None) -> bool:
    part = next((one for one in snapshot.parts if one.dataset.name == dataset), None)
    return part is not None and (known is None or _same(part, known))


def _same(part: Part, known: Identity) -> bool:
    if part.identity and known.database.isdigit() and part.identity.isdigit():
        return part.identity == known.database
    if part.form != "files" or not known.size_bytes or not part.size_bytes:
        return True
    return part.size_bytes >= SHRUNK_BELOW * known.size_bytes


def restored_at(
    incidents: Iterable[Incident], datasets: Sequence[str], begun: datetime | None = None
) -> datetime | None:
    """When one of ``datasets`` was last restored by tabib itself; those cut off do not count, nor
    those before ``begun``, when a person had ended the data that there was."""
    times = [
        treatment.started_at
        for incident in incidents
        for treatment in incident.treatments
        if treatment.action == "restore"
        and not treatment.by
        and treatment.outcome in ("verified", "not_verified", "failed", "undone")
        and (begun is None or treatment.started_at > begun)
        and set(treatment.before.get("datasets", "").split(",")) & set(datasets)
    ]
    return max(times, default=None)
