"""When a project's data is copied and drilled by itself.

A schedule's time counts once: what came due while nobody ran is done once, not once for each time
that was missed. Times of the wall are those of the policy's time zone; where clocks go back, what
would come twice comes once, and where they go forward, what would be left out comes right after.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import pairwise

from cronsim import CronSim

JITTER = timedelta(minutes=10)
"""The most that a project waits beyond its time, so that not all of them begin at once."""
_SHARE = 0.1
"""Of the interval, the most of it."""
BACK_OFF = (
    timedelta(minutes=5),
    timedelta(minutes=15),
    timedelta(minutes=45),
    timedelta(hours=2),
    timedelta(hours=6),
)
"""After so many failures in a row, until the next try."""
STALE_SLACK = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a project's copies stand. ``done_at``: of the newest one that could be restored from;
    ``tried_at``: when the last try that failed began, ``failures`` how many there were in a row."""

    since: datetime
    """When it came into care."""
    done_at: datetime | None = None
    tried_at: datetime | None = None
    failures: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """``at`` may lie in the past: it is due now."""

    at: datetime
    why: str


def next_backup(
    standing: Standing, schedule: str, zone: tzinfo, *, seed: str, first_after: timedelta
) -> Due | None:
    """When the project's data is to be copied next; None: never by itself. ``seed``: what makes
    its waiting its own."""
    if not schedule:
        return None
    if standing.done_at is None:
        first = Due(at=standing.since + first_after, why="its first snapshot")
        return _after_failure(standing, first)
    return _after_failure(standing, _slot(standing.done_at, schedule, zone, seed, "backup"))


def next_drill(
    standing: Standing, schedule: str, zone: tzinfo, *, seed: str, first_at: datetime | None
) -> Due | None:
    """When the project's newest snapshot is to be drilled next. ``standing``: of its drills;
    ``first_at``: when there first was a snapshot; None: there is none to drill."""
    if not schedule or first_at is None:
        return None
    base = max(standing.done_at, first_at) if standing.done_at else first_at
    return _after_failure(standing, _slot(base, schedule, zone, seed, "drill"))


def _slot(base: datetime, schedule: str, zone: tzinfo, seed: str, what: str) -> Due | None:
    """The first time of the schedule after ``base``, with the project's own waiting."""
    times = CronSim(schedule, base.astimezone(zone))
    slot = next(times, None)
    if slot is None:
        return None
    after = next(times, None)
    gap = after.astimezone(UTC) - slot.astimezone(UTC) if after else timedelta(days=1)
    most = min(JITTER, gap * _SHARE)
    return Due(
        at=(slot + most * _fraction(f"{what} {seed}")).astimezone(UTC),
        why=f"scheduled for {slot.strftime('%Y-%m-%d %H:%M')}",
    )


def _fraction(seed: str) -> float:
    """From 0 to 1, always the same for the same seed."""
    return int.from_bytes(hashlib.sha256(seed.encode()).digest()[:4]) / 2**32


def _after_failure(standing: Standing, due: Due | None) -> Due | None:
    """Not before it is time to try again after failures."""
    if due is None or standing.tried_at is None or not standing.failures:
        return due
    pause = BACK_OFF[min(standing.failures, len(BACK_OFF)) - 1]
    again = standing.tried_at + pause
    if again <= due.at:
        return due
    return Due(at=again, why=f"{due.why}; tried again after {standing.failures} failures")


def interval(schedule: str, zone: tzinfo, now: datetime) -> timedelta | None:
    """The longest of the next gaps between two times of a schedule; None: it has none."""
    times = CronSim(schedule, now.astimezone(zone))
    found = [one.astimezone(UTC) for one in (next(times, None) for _ in range(9)) if one]
    gaps = [later - earlier for earlier, later in pairwise(found)]
    return max(gaps, default=None)


def stale_after(schedule: str, zone: tzinfo, now: datetime) -> timedelta | None:
    """How old the newest snapshot may become before that is trouble: two intervals, and a little;
    None: there is no schedule to be behind of."""
    gap = interval(schedule, zone, now) if schedule else None
    return None if gap is None else gap * 2 + STALE_SLACK
