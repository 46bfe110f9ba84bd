"""When data is copied by itself: cron, time zones, jitter, catching up, trying again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tabib.decide.backups.due import (
    BACK_OFF,
    JITTER,
    Due,
    Standing,
    next_backup,
    next_drill,
    stale_after,
)

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
FIRST = timedelta(minutes=5)
DAILY = "0 3 * * *"


def standing(done_at: datetime | None = None, **fields: object) -> Standing:
    return Standing(since=NOW - timedelta(days=9), done_at=done_at, **fields)  # type: ignore[arg-type]


def due(one: Standing, schedule: str = DAILY, zone: object = UTC, seed: str = "shop") -> Due:
    found = next_backup(one, schedule, zone, seed=seed, first_after=FIRST)  # type: ignore[arg-type]
    assert found is not None
    return found


def test_the_first_one_comes_soon_after_the_first_up() -> None:
    assert due(standing()).at == NOW - timedelta(days=9) + FIRST


def test_without_a_schedule_nothing_comes_by_itself() -> None:
    assert next_backup(standing(), "", UTC, seed="shop", first_after=FIRST) is None
    assert next_drill(standing(), "", UTC, seed="shop", first_at=NOW) is None
    assert next_drill(standing(), DAILY, UTC, seed="shop", first_at=None) is None


def test_each_project_waits_its_own_while_always_the_same() -> None:
    slot = datetime(2026, 11, 26, 3, 0, tzinfo=UTC)
    found = {due(standing(NOW), seed=f"project {n}").at for n in range(50)}
    assert len(found) == 50
    assert all(slot <= one <= slot + JITTER for one in found)
    assert due(standing(NOW)) == due(standing(NOW))
    often = due(standing(NOW), "*/5 * * * *").at - NOW
    assert timedelta(minutes=5) <= often <= timedelta(minutes=5, seconds=30)


def test_what_came_due_while_nobody_ran_is_done_once() -> None:
    long_ago = NOW - timedelta(days=8)
    assert due(standing(long_ago)).at < NOW
    assert due(standing(NOW)).at > NOW


@pytest.mark.parametrize(
    ("done", "expected"),
    [
        # 02:30 is there twice on 25 October 2026, and not at all on 28 March 2027.
        (datetime(2026, 10, 24, 12, tzinfo=UTC), datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        (datetime(2026, 10, 25, 0, 41, tzinfo=UTC), datetime(2026, 10, 26, 1, 30, tzinfo=UTC)),
        (datetime(2027, 3, 27, 12, tzinfo=UTC), datetime(2027, 3, 28, 1, 0, tzinfo=UTC)),
        (datetime(2027, 3, 28, 1, 11, tzinfo=UTC), datetime(2027, 3, 29, 0, 30, tzinfo=UTC)),
    ],
)
def test_clocks_that_are_put_back_and_forward(done: datetime, expected: datetime) -> None:
    at = due(standing(done), "30 2 * * *", BERLIN).at
    assert expected <= at <= expected + JITTER


def test_failures_are_tried_again_ever_more_slowly() -> None:
    waits = []
    for failures in range(1, 8):
        one = standing(NOW - timedelta(days=2), tried_at=NOW, failures=failures)
        waits.append(due(one).at - NOW)
    assert waits == [*BACK_OFF, BACK_OFF[-1], BACK_OFF[-1]]
    first = standing(tried_at=NOW, failures=1)
    assert due(first).at == NOW + BACK_OFF[0]


def test_a_failure_long_past_holds_nothing_up() -> None:
    one = standing(NOW, tried_at=NOW - timedelta(hours=9), failures=1)
    assert due(one) == due(standing(NOW))


def test_drills() -> None:
    weekly = "0 5 * * 0"
    found = next_drill(standing(), weekly, UTC, seed="shop", first_at=NOW)
    assert found is not None
    sunday = datetime(2026, 11, 29, 5, 0, tzinfo=UTC)
    assert sunday <= found.at <= sunday + JITTER
    after = next_drill(standing(found.at), weekly, UTC, seed="shop", first_at=NOW)
    assert after is not None
    assert after.at - found.at == timedelta(days=7)


@pytest.mark.parametrize(
    ("schedule", "hours"), [(DAILY, 49), ("0 * * * *", 3), ("0 3 * * 1,2", 6 * 48 + 1), ("", None)]
)
def test_when_copies_are_too_old(schedule: str, hours: int | None) -> None:
    found = stale_after(schedule, UTC, NOW)
    assert found == (None if hours is None else timedelta(hours=hours))


@settings(max_examples=300, deadline=None)
@given(
    st.integers(0, 60 * 24 * 900),
    st.sampled_from([DAILY, "*/7 * * * *", "30 2 * * *", "0 0 1 * *", "15 */6 * * 1-5"]),
    st.sampled_from(["Europe/Berlin", "UTC", "Asia/Kolkata", "America/New_York"]),
    st.text(max_size=5),
)
def test_every_time_comes_once(minutes: int, schedule: str, zone: str, seed: str) -> None:
    """Done when it was due, the next one is later; and nothing comes before its time."""
    start = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    first = due(standing(start), schedule, ZoneInfo(zone), seed)
    assert first.at >= start
    second = due(standing(first.at), schedule, ZoneInfo(zone), seed)
    assert second.at > first.at
    assert second.at - first.at >= timedelta(minutes=3)
