"""Rates, gaps, resets and steps: tables, and a model that says the same in the plainest way."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabib.decide.rollup import (
    ABSENT,
    MINUTE_US,
    QUARTER_US,
    SECOND_US,
    Grid,
    Run,
    fold,
    grid,
    increase,
    joined,
    pieces,
    usual_interval,
    whole,
)

S = SECOND_US


def run(*readings: tuple[int, int]) -> Run:
    return Run([time * S for time, _ in readings], [value for _, value in readings])


def stretches(found: list[tuple[int, int, float, float, float]]) -> list[tuple[float, ...]]:
    return [(start / S, end / S, mean) for start, end, _, mean, _ in found]


def test_a_gauge_stands_for_the_time_before_it() -> None:
    found = pieces(run((10, 5), (20, 7)), False, 10 * S)
    assert stretches(found) == [(0, 10, 5), (10, 20, 7)]


def test_a_counter_stands_for_what_it_grew_by_each_second() -> None:
    found = pieces(run((10, 100), (20, 150), (30, 150)), True, 10 * S)
    assert stretches(found) == [(10, 20, 5.0), (20, 30, 0.0)]


def test_a_single_reading_of_a_counter_tells_nothing() -> None:
    assert pieces(run((10, 100)), True, 10 * S) == []
    assert stretches(pieces(run((10, 100)), False, 10 * S)) == [(0, 10, 100)]


def test_a_gap_is_no_time_at_all() -> None:
    readings = run((0, 0), (10, 10), (20, 20), (60, 60), (70, 70))
    assert stretches(pieces(readings, True, 10 * S)) == [(0, 10, 1), (10, 20, 1), (60, 70, 1)]
    assert stretches(pieces(readings, False, 10 * S))[3] == (50, 60, 60)


def test_three_late_ticks_are_no_gap() -> None:
    readings = run((0, 0), (10, 10), (20, 20), (50, 50), (60, 60))
    assert (20, 50, 1) in stretches(pieces(readings, True, 10 * S))


def test_a_slower_rhythm_from_some_time_on_is_no_gap() -> None:
    fast = [(time, time) for time in range(0, 100, 5)]
    slow = [(95 + 60 * step, 95 + 60 * step) for step in range(1, 5)]
    found = stretches(pieces(run(*fast, *slow), True, 10 * S))
    assert (155, 215, 1) in found
    assert (215, 275, 1) in found


def test_a_clock_that_goes_back_gives_no_rate() -> None:
    found = pieces(run((100, 10), (110, 20), (50, 30), (60, 40), (60, 50)), True, 10 * S)
    assert stretches(found) == [(100, 110, 1), (50, 60, 1)]


@pytest.mark.parametrize(
    ("before", "after", "grown"),
    [(5, 9, 4), (5, 5, 0), (1000, 10, 10), (1000, 500, 500), (1000, 900, None), (5, -1, None)],
)
def test_increase(before: int, after: int, grown: int | None) -> None:
    assert increase(before, after) == grown


def test_an_absent_value_is_as_if_it_was_not_read() -> None:
    readings = Run([0, 10 * S, 20 * S], [10, ABSENT, 30])
    assert stretches(pieces(readings, True, 10 * S)) == [(0, 20, 1.0)]


def test_a_piece_gives_each_step_its_share() -> None:
    found = fold([(5 * S, 25 * S, 20 * S, 3.0, 9.0)], Grid(0, 10 * S, 4))
    assert [weight / S for weight in found.weights] == [5, 10, 5, 0]
    assert found.means() == [3, 3, 3, None]
    assert found.peaks[:3] == [9, 9, 9]


def test_half_a_cover_counts_half() -> None:
    minute = (0, MINUTE_US, MINUTE_US / 2, 10.0, 10.0)
    full = (MINUTE_US, 2 * MINUTE_US, MINUTE_US, 40.0, 50.0)
    assert fold([minute, full], Grid(0, 2 * MINUTE_US, 1)).means() == [30.0]


def test_a_gauge_that_is_read_once_an_hour_has_no_gaps_between() -> None:
    quarters = [
        (start * S, start * S + QUARTER_US, QUARTER_US, 7.0, 7.0)
        for start in (0, 3600, 7200, 36000)
    ]
    found = stretches(joined(quarters, 3600 * S))
    assert found[1] == (900, 4500, 7)
    assert found[3] == (36000, 36900, 7)


@given(
    st.integers(0, 2**50),
    st.integers(1, 400 * 86_400 * S),
    st.integers(1, 2_000),
)
def test_a_grid_covers_the_time_with_no_more_points(since: int, span: int, points: int) -> None:
    over = grid(since, since + span, points)
    assert 1 <= over.count <= points
    assert over.start_us <= since
    if points > 1:
        assert over.end_us >= since + span
        assert over.start_us % over.step_us == 0
    assert over.step_us % S == 0
    if over.step_us > MINUTE_US:
        assert over.step_us % MINUTE_US == 0
    if over.step_us > QUARTER_US:
        assert over.step_us % QUARTER_US == 0


def test_the_usual_interval_is_the_median() -> None:
    assert usual_interval([0, 5, 10, 100, 105], 7) == 5
    assert usual_interval([3], 7) == 7
    assert usual_interval([3, 2, 1], 7) == 7


# ── against a model ────────────────────────────────────────────────────────────────────────────

readings_of_any_kind = st.lists(
    st.tuples(
        # Mostly the usual second, now and then a gap, a repeated time, a clock that was set.
        st.sampled_from([1, 1, 1, 1, 2, 3, 9, 40, 0, -1, -30]),
        st.one_of(st.integers(0, 50), st.just(ABSENT)),
        st.booleans(),
    ),
    max_size=60,
)


def as_run(moves: list[tuple[int, int, bool]], counter: bool) -> Run:
    times, values, time, count = [], [], 1000, 0
    for step, value, reset in moves:
        time += step
        count = 0 if counter and reset and value == 7 else count
        if value != ABSENT and counter:
            count += value
        times.append(time * S)
        values.append(ABSENT if value == ABSENT else count if counter else value)
    return Run(times, values)


def model(read: Run, counter: bool, over: Grid) -> list[float | None]:
    """Second by second: all that is known of each, and the mean of it over each step."""
    known = [
        (time // S, value)
        for time, value in zip(read.times, read.values, strict=True)
        if value != ABSENT
    ]
    steps = sorted(step for step in (b[0] - a[0] for a, b in pairwise(known)) if step > 0)
    usual = steps[len(steps) // 2] if steps else 1
    told: dict[int, list[float]] = {}
    for index, (time, value) in enumerate(known):
        length = time - known[index - 1][0] if index else 0
        connected = length > 0 and not _gap(known, index, length, usual)
        if counter:
            if not connected:
                continue
            grown = increase(known[index - 1][1], value)
            if grown is None:
                continue
            level = grown / length
        else:
            level = float(value)
        for second in range(time - (length if connected else usual), time):
            told.setdefault(second, []).append(level)
    means: list[float | None] = []
    for index in range(over.count):
        first = (over.start_us + index * over.step_us) // S
        within = [
            level
            for second in range(first, first + over.step_us // S)
            for level in told.get(second, ())
        ]
        means.append(sum(within) / len(within) if within else None)
    return means


def _gap(known: list[tuple[int, int]], index: int, length: int, usual: int) -> bool:
    if length <= 3.5 * usual:
        return False
    if index == 1 or index + 1 >= len(known):
        return True
    neighbours = (
        known[index - 1][0] - known[index - 2][0],
        known[index + 1][0] - known[index][0],
    )
    return length > 3.5 * min(neighbours)


@given(readings_of_any_kind, st.booleans(), st.sampled_from([1, 2, 5, 10, 60]))
def test_means_are_those_of_the_model(
    moves: list[tuple[int, int, bool]], counter: bool, step_s: int
) -> None:
    read = as_run(moves, counter)
    over = Grid(960 * S, step_s * S, 300 // step_s)
    found = fold(pieces(read, counter, S), over).means()
    assert found == [pytest.approx(mean, abs=1e-5) for mean in model(read, counter, over)]


@given(readings_of_any_kind, st.booleans())
def test_no_rate_is_negative_and_no_mean_above_its_peak(
    moves: list[tuple[int, int, bool]], counter: bool
) -> None:
    found = fold(pieces(as_run(moves, counter), counter, S), Grid(900 * S, 7 * S, 100))
    for mean, peak in zip(found.means(), found.peaks, strict=True):
        assert mean is None or 0 <= mean <= peak + 1e-6


@given(readings_of_any_kind, st.booleans())
def test_the_quick_way_says_the_same(moves: list[tuple[int, int, bool]], counter: bool) -> None:
    read = as_run(moves, counter)
    quick = whole(read, counter, S)
    if quick is None:
        return
    parts = pieces(read, counter, S)
    assert quick[0] == parts[0][0]
    assert quick[1] == parts[-1][1]
    slow = fold(parts, Grid(quick[0], quick[1] - quick[0], 1))
    assert slow.means() == [pytest.approx(quick[3], abs=1e-5)]
    assert slow.peaks == [pytest.approx(quick[4])]
