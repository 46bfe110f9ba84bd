"""Retention: what the policy keeps, and what it can never let go."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tabib.decide.backups.retention import Judgement, judge, usable, verified
from tabib.model.backup import TRIGGERS, DrillResult, Keep, Snapshot

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
NONE = Keep(last=0, hourly=0, daily=0, weekly=0, monthly=0, yearly=0)


def snapshot(name: str, age: timedelta, trigger: str = "schedule", **fields: object) -> Snapshot:
    at = NOW - age
    made = Snapshot(
        id=name, project="shop", engine_id="e", cluster="c", taken_at=at, ended_at=at,
        trigger=trigger,
    )  # fmt: skip
    return replace(made, **fields)  # type: ignore[arg-type]


def days(count: int, **fields: object) -> list[Snapshot]:
    return [snapshot(f"d{n:03d}", timedelta(days=n), **fields) for n in range(count)]


def kept(judgements: list[Judgement]) -> set[str]:
    return {one.snapshot.id for one in judgements if one.keep}


def why(judgements: list[Judgement], name: str) -> str:
    return "; ".join(next(one.reasons for one in judgements if one.snapshot.id == name))


@pytest.mark.parametrize(
    ("keep", "expected"),
    [
        (replace(NONE, last=2), {0, 1}),
        (replace(NONE, daily=3), {0, 1, 2}),
        # 25 November 2026 is a Wednesday: its week began two days before.
        (replace(NONE, weekly=2), {0, 3}),
        (replace(NONE, monthly=2), {0, 25}),
        (replace(NONE, yearly=2), {0, 329}),
        (replace(NONE, within_days=4.5), {0, 1, 2, 3, 4}),
        (replace(NONE, last=1, daily=2, monthly=2), {0, 1, 25}),
        (replace(NONE, hourly=2), {0, 1}),
    ],
)
def test_the_policy(keep: Keep, expected: set[int]) -> None:
    assert kept(judge(days(400), keep, NOW)) == {f"d{n:03d}" for n in expected}


def test_a_policy_that_names_nothing_lets_nothing_go() -> None:
    assert len(kept(judge(days(9), NONE, NOW))) == 9


def test_days_are_those_of_the_time_zone() -> None:
    late = snapshot("late", timedelta(hours=12, minutes=30))  # 23:30 in UTC, 00:30 in Berlin
    later = snapshot("later", timedelta(hours=11, minutes=30))
    keep = replace(NONE, daily=2)
    assert kept(judge([late, later], keep, NOW)) == {"late", "later"}
    assert kept(judge([late, later], keep, NOW.astimezone(ZoneInfo("Europe/Berlin")))) == {"later"}


def test_every_snapshot_says_why() -> None:
    found = judge([*days(3), snapshot("old", timedelta(days=99))], replace(NONE, last=1), NOW)
    assert why(found, "d000") == "the newest that is complete; last 1 of 1"
    assert why(found, "old") == "nothing in the policy keeps it"
    assert all(one.reasons for one in found)


def test_the_newest_verified_one_stays_whatever_comes_after_it() -> None:
    proven = snapshot("proven", timedelta(days=900), verified_at=NOW)
    found = judge([*days(20), proven], replace(NONE, last=1), NOW)
    assert kept(found) == {"d000", "proven"}


def test_what_could_not_be_restored_pushes_nothing_out() -> None:
    bad = DrillResult(at=NOW, outcome="failed")
    good = snapshot("good", timedelta(days=9))
    for fields in ({"complete": False}, {"drill": bad}, {"trigger": "damage"}):
        found = judge([*days(5, **fields), good], replace(NONE, last=2), NOW)
        assert "good" in kept(found), fields


def test_damage_is_kept_until_something_newer_is_verified_and_for_thirty_days() -> None:
    damage = snapshot("damage", timedelta(days=40), "damage")
    young = snapshot("young", timedelta(days=20), "damage")
    keep = replace(NONE, last=1)
    assert {"damage", "young"} <= kept(judge([damage, young, *days(3)], keep, NOW))
    proven = snapshot("proven", timedelta(days=1), verified_at=NOW)
    assert kept(judge([damage, young, proven], keep, NOW)) == {"young", "proven"}
    before = replace(proven, taken_at=damage.taken_at - timedelta(days=1))
    assert "damage" in kept(judge([damage, before], keep, NOW))


def test_least_lives() -> None:
    keep = replace(NONE, last=1)
    for trigger, least in (("before_change", 7), ("final", 30)):
        young = snapshot("young", timedelta(days=least), trigger)
        old = snapshot("old", timedelta(days=least + 1), trigger)
        assert kept(judge([*days(1), young, old], keep, NOW)) == {"d000", "young"}
    part = snapshot("part", timedelta(days=6), "manual", complete=False)
    assert "part" in kept(judge([*days(1), part], keep, NOW))


@pytest.mark.parametrize("how", [{"frozen": "the data shrank"}, {"append_only": True}])
def test_when_nothing_may_go(how: dict[str, object]) -> None:
    found = judge(days(50), replace(NONE, last=1), NOW, **how)  # type: ignore[arg-type]
    assert len(kept(found)) == 50
    assert "the data shrank" in why(found, "d049") or "append-only" in why(found, "d049")


def test_held_ones_stay_and_the_future_pushes_nothing_out() -> None:
    held = snapshot("held", timedelta(days=99), hold=True)
    future = snapshot("future", -timedelta(days=5))
    found = judge([held, future, *days(3)], replace(NONE, last=1), NOW)
    assert kept(found) == {"held", "future", "d000"}


# ── properties ─────────────────────────────────────────────────────────────────────────────────

SMALL = st.integers(0, 4)
KEEPS = st.builds(
    Keep, last=SMALL, hourly=SMALL, daily=SMALL, weekly=SMALL, monthly=SMALL, yearly=SMALL,
    within_days=st.sampled_from([0.0, 0.5, 3.0, 40.0]),
)  # fmt: skip


@st.composite
def snapshots(draw: st.DrawFn) -> list[Snapshot]:
    found = []
    for index in range(draw(st.integers(0, 12))):
        outcome = draw(st.sampled_from(["", "", "passed", "failed"]))
        found.append(
            snapshot(
                f"s{index}",
                timedelta(hours=draw(st.integers(-50, 20_000))),
                draw(st.sampled_from(TRIGGERS)),
                complete=draw(st.booleans()),
                hold=draw(st.integers(0, 9)) == 0,
                drill=DrillResult(at=NOW, outcome=outcome) if outcome else None,
                verified_at=NOW if draw(st.booleans()) else None,
            )
        )
    return found


@settings(max_examples=400, deadline=None)
@given(snapshots(), KEEPS)
def test_a_good_copy_always_remains(every: list[Snapshot], keep: Keep) -> None:
    left = [one.snapshot for one in judge(every, keep, NOW) if one.keep]
    assert any(map(usable, left)) == any(map(usable, every))
    assert any(map(verified, left)) == any(map(verified, every))
    past = [one for one in every if usable(one) and one.taken_at <= NOW]
    if past:
        newest = max(one.taken_at for one in past)
        assert any(usable(one) and one.taken_at == newest for one in left)


@settings(max_examples=400, deadline=None)
@given(snapshots(), KEEPS)
def test_judging_again_changes_nothing(every: list[Snapshot], keep: Keep) -> None:
    left = [one.snapshot for one in judge(every, keep, NOW) if one.keep]
    assert all(one.keep for one in judge(left, keep, NOW))
    assert {one.snapshot.id for one in judge(every, keep, NOW)} == {one.id for one in every}


@settings(max_examples=400, deadline=None)
@given(snapshots(), snapshots(), KEEPS)
def test_more_snapshots_never_cost_the_last_good_one(
    every: list[Snapshot], more: list[Snapshot], keep: Keep
) -> None:
    """Whatever comes, unless it is verified and newer itself."""
    proven = [one for one in every if verified(one) and one.taken_at <= NOW]
    if not proven:
        return
    best = max(proven, key=lambda one: (one.taken_at, one.id))
    added = [replace(one, id=f"m{one.id}", verified_at=None) for one in more]
    assert best.id in kept(judge([*every, *added], keep, NOW))
