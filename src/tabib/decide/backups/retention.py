"""Which snapshots of one project in one repository are kept, and why.

Only copies that could be restored from count: complete ones that no drill has found bad. Whatever
the policy says, the newest complete one and the newest verified one stay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tabib.model.backup import Keep, Snapshot

LIFE = {"before_change": timedelta(days=7), "final": timedelta(days=30)}
"""The least that a snapshot is kept, by its trigger, whatever the policy says."""
LIFE_INCOMPLETE = timedelta(days=7)
LIFE_DAMAGE = timedelta(days=30)
"""What was damaged may go after this time, once a verified snapshot is newer."""

Bucket = Callable[[datetime], tuple[int, ...]]
_BUCKETS: tuple[tuple[str, Bucket], ...] = (
    ("hourly", lambda at: (at.year, at.month, at.day, at.hour)),
    ("daily", lambda at: (at.year, at.month, at.day)),
    ("weekly", lambda at: tuple(at.isocalendar()[:2])),
    ("monthly", lambda at: (at.year, at.month)),
    ("yearly", lambda at: (at.year,)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What becomes of a snapshot. ``reasons``: why it is kept, all of them; or why it is not."""

    snapshot: Snapshot
    keep: bool
    reasons: tuple[str, ...]


def usable(snapshot: Snapshot) -> bool:
    """Whether it could be restored from as far as is known: it has everything, is of sound data,
    and no drill has found it bad."""
    failed = snapshot.drill is not None and snapshot.drill.outcome == "failed"
    return snapshot.complete and not snapshot.damaged and not failed


def verified(snapshot: Snapshot) -> bool:
    """Whether a drill has shown that it can be restored."""
    return usable(snapshot) and snapshot.verified_at is not None


def judge(
    snapshots: Iterable[Snapshot],
    keep: Keep,
    now: datetime,
    *,
    frozen: str = "",
    append_only: bool = False,
) -> list[Judgement]:
    """What becomes of each snapshot, newest first. Days and hours are those of ``now``'s time zone.

    ``snapshots``: all of one project in one repository. ``frozen``: why nothing may be let go.
    Judging again what was kept keeps all of it.
    """
    every = sorted(snapshots, key=lambda one: (one.taken_at, one.id), reverse=True)
    # A clock that was wrong must not let the future push out what there is.
    past = [one for one in every if one.taken_at <= now]
    counted = [one for one in past if usable(one)]
    complete = _newest(counted) or _newest(filter(usable, every))
    proven = _newest(filter(verified, past)) or _newest(filter(verified, every))
    by_policy = _by_policy(counted, keep, now)
    result = []
    for one in every:
        reasons = [
            *([f"nothing is let go now: {frozen}"] if frozen else []),
            *(["the repository is append-only"] if append_only else []),
            *(["held by a person"] if one.hold else []),
            *(["the newest that a drill has verified"] if one is proven else []),
            *(["the newest that is complete"] if one is complete else []),
            *(["its time lies in the future"] if one.taken_at > now else []),
            *by_policy.get(one.id, ()),
            *_by_life(one, now, complete, proven),
        ]
        let_go = _why_not(one) if not reasons else ""
        result.append(
            Judgement(snapshot=one, keep=bool(reasons), reasons=tuple(reasons) or (let_go,))
        )
    return result


def _newest(snapshots: Iterable[Snapshot]) -> Snapshot | None:
    return next(iter(snapshots), None)


def _by_policy(counted: Sequence[Snapshot], keep: Keep, now: datetime) -> dict[str, list[str]]:
    """Snapshot's id → what of the policy keeps it."""
    reasons: dict[str, list[str]] = {}

    def add(one: Snapshot, reason: str) -> None:
        reasons.setdefault(one.id, []).append(reason)

    wanted = {name: getattr(keep, name) for name, _ in _BUCKETS}
    if not any((keep.last, keep.within_days, *wanted.values())):
        for one in counted:
            add(one, "the policy names nothing that may go")
        return reasons
    for index, one in enumerate(counted[: keep.last], 1):
        add(one, f"last {index} of {keep.last}")
    for name, bucket in _BUCKETS:
        found: list[tuple[int, ...]] = []
        for one in counted:
            key = bucket(one.taken_at.astimezone(now.tzinfo))
            if len(found) >= wanted[name]:
                break
            if key not in found:
                found.append(key)
                add(one, f"{name} {len(found)} of {wanted[name]}")
    for one in counted:
        if keep.within_days and now - one.taken_at <= timedelta(days=keep.within_days):
            add(one, f"younger than {keep.within_days:g} days")
    return reasons


def _by_life(
    one: Snapshot, now: datetime, complete: Snapshot | None, proven: Snapshot | None
) -> list[str]:
    """What keeps it apart from the policy: that it is young, or that nothing newer replaces it."""
    age = now - one.taken_at
    if one.damaged:
        if proven is None or proven.taken_at <= one.taken_at:
            return ["of damaged data, and no newer snapshot is verified"]
        return ["of damaged data, for 30 days"] if age <= LIFE_DAMAGE else []
    reasons = []
    least = LIFE.get(one.trigger)
    if least is not None and age <= least:
        reasons.append(f"taken {_TAKEN[one.trigger]}, for {least.days} days")
    if not usable(one):
        if complete is None or complete.taken_at <= one.taken_at:
            reasons.append("nothing newer is complete")
        elif age <= LIFE_INCOMPLETE:
            reasons.append(f"{_lacks(one)}, for {LIFE_INCOMPLETE.days} days")
    return reasons


_TAKEN = {"before_change": "before a change", "final": "before the data was let go"}


def _lacks(one: Snapshot) -> str:
    return "a drill found it bad" if one.complete else "not complete"


def _why_not(one: Snapshot) -> str:
    if one.damaged:
        return "of damaged data, older than 30 days, and a newer snapshot is verified"
    if not usable(one):
        return f"{_lacks(one)}, and a newer one is complete"
    return "nothing in the policy keeps it"
