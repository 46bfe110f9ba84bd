"""Which copy is restored from by itself: never one of damage, one that a drill found bad, one that
lacks what is wanted, one of a course that was given up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabib.decide.backups.restore import (
    BEFORE_A_RESTORE,
    Abandoned,
    abandoned,
    asked_again,
    candidates,
    lost,
    sources,
)
from tabib.model.backup import Dataset, DrillResult, Part, Place, Snapshot

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
NAMES = ("files", "rows")


def hours(number: float) -> datetime:
    return AT + timedelta(hours=number)


def dataset(name: str, kind: str = "files") -> Dataset:
    place = Place(type="volume", source=f"shop_{name}")
    return Dataset(name=name, place=place, kind=kind, service="web", services=("web",))


WANTED = [dataset(name) for name in NAMES]


def snapshot(
    id: str,
    at: float = 0,
    *,
    names: Sequence[str] = NAMES,
    trigger: str = "manual",
    drill: str = "",
    kind: str = "files",
) -> Snapshot:
    parts = [
        Part(
            dataset=dataset(name, kind),
            stored=f"{id}-{name}",
            form="files",
            path="/data",
            consistency="stopped",
            taken_at=hours(at),
            ended_at=hours(at + 0.1),
        )
        for name in names
    ]
    result = DrillResult(at=hours(at + 1), outcome=drill) if drill else None
    return Snapshot(
        id=id,
        project="shop",
        engine_id="e",
        cluster="default",
        taken_at=hours(at),
        ended_at=hours(at + 0.1),
        trigger=trigger,
        parts=tuple(parts),
        volumes=tuple(names),
        drill=result,
        verified_at=hours(at + 1) if drill == "passed" else None,
        complete=set(names) == set(NAMES),
    )


def ids(found: Sequence[Snapshot]) -> list[str]:
    return [one.id for one in found]


@pytest.mark.parametrize(
    ("newer", "chosen"),
    [
        (snapshot("new", 5), "new"),
        (snapshot("new", 5, drill="passed"), "new"),
        (snapshot("new", 5, trigger="before_change"), "new"),
        (snapshot("new", 5, trigger="damage"), "old"),
        (snapshot("new", 5, drill="failed"), "old"),
        (snapshot("new", 5, names=("rows",)), "old"),
        (snapshot("new", 5, kind="postgres"), "old"),
    ],
)
def test_the_newest_that_is_good(newer: Snapshot, chosen: str) -> None:
    assert ids(candidates([snapshot("old", 1), newer], WANTED))[0] == chosen


def test_a_copy_that_lacks_something_serves_what_it_has() -> None:
    part = snapshot("part", 5, names=("rows",))
    assert ids(candidates([snapshot("old", 1), part], [dataset("rows")])) == ["part", "old"]


def test_one_that_ends_later_than_the_time_asked_for_is_none() -> None:
    known = [snapshot("early", 1), snapshot("late", 5)]
    assert ids(candidates(known, WANTED, before=hours(5.05))) == ["early"]
    assert ids(candidates(known, WANTED, before=hours(5.1))) == ["late", "early"]


def test_a_course_that_was_given_up_is_not_taken_up_by_itself() -> None:
    known = [snapshot("good", 1), snapshot("accident", 3), snapshot("before", 4.9)]
    back = Abandoned(since=hours(1), at=hours(5), datasets=("rows",))
    assert ids(candidates(known, WANTED, given_up=[back])) == ["good"]
    assert ids(candidates(known, [dataset("files")], given_up=[back])) == [
        "before",
        "accident",
        "good",
    ]
    since = snapshot("since", 6)
    assert ids(candidates([*known, since], WANTED, given_up=[back])) == ["since", "good"]


def test_a_restore_that_was_cut_off_and_is_asked_for_again_means_the_same_copy() -> None:
    good, first, second = (
        snapshot("good", 1),
        replace(snapshot("first", 5), reason=BEFORE_A_RESTORE),
        replace(snapshot("second", 6), reason=BEFORE_A_RESTORE),
    )
    found = candidates([good, first, second], WANTED)
    assert ids(found) == ["second", "first", "good"], "care means what was there last"
    assert ids(asked_again(found)) == ["good"]
    assert ids(asked_again([second, first])) == ["second", "first"]
    assert ids(asked_again([snapshot("newer", 7), *found])) == ["newer", "second", "first", "good"]
    assert asked_again([]) == []


def test_what_is_lost_is_said_to_the_second() -> None:
    (source,) = sources(snapshot("s", 1), [dataset("rows")])
    seconds, words = lost(source, hours(1) + timedelta(seconds=90))
    assert seconds == 90
    assert words == "rows: what was written after 2026-03-01 13:00:00 UTC (1 min 30 s)"
    seconds, words = lost(source, hours(2), reached=hours(2))
    assert seconds == 0
    assert "if anything" in words


def test_nothing_is_lost_before_the_copy() -> None:
    (source,) = sources(snapshot("s", 1), [dataset("rows")])
    assert lost(source, hours(0))[0] == 0


@st.composite
def histories(draw: st.DrawFn) -> list[Snapshot]:
    count = draw(st.integers(0, 8))
    made = [
        snapshot(
            f"s{number}",
            draw(st.floats(0, 100)),
            names=draw(st.sampled_from([NAMES, ("rows",), ("files",)])),
            trigger=draw(st.sampled_from(["manual", "schedule", "damage", "before_change"])),
            drill=draw(st.sampled_from(["", "passed", "failed"])),
            kind=draw(st.sampled_from(["files", "postgres"])),
        )
        for number in range(count)
    ]
    return draw(st.permutations(made))


@given(histories(), st.floats(0, 100), st.floats(0, 100), st.floats(0, 110))
def test_a_bad_copy_is_never_chosen(
    known: list[Snapshot], since: float, until: float, before: float
) -> None:
    back = [Abandoned(since=hours(since), at=hours(until), datasets=("rows",))]
    found = candidates(known, WANTED, before=hours(before), given_up=back)
    for one in found:
        assert not one.damaged
        assert one.drill is None or one.drill.outcome == "passed"
        assert {part.dataset.name for part in one.parts} == set(NAMES)
        assert all(part.dataset.kind == "files" for part in one.parts)
        assert one.ended_at <= hours(before)
        assert not abandoned(one, NAMES, back)
    assert [one.taken_at for one in found] == sorted((o.taken_at for o in found), reverse=True)
    good = [one for one in known if one.complete and not one.damaged and one.drill is None]
    good = [one for one in good if all(part.dataset.kind == "files" for part in one.parts)]
    good = [one for one in good if one.ended_at <= hours(before) and one.taken_at <= hours(since)]
    assert {one.id for one in good} <= set(ids(found)), "no good one is left out"


def test_what_the_parts_are_now_is_not_what_they_were() -> None:
    moved = replace(dataset("rows"), place=Place(type="volume", source="elsewhere"))
    (source,) = sources(snapshot("s", 1), [moved])
    assert source.dataset.place.source == "elsewhere"
    assert source.part.dataset.place.source == "shop_rows"
