"""How often is read: closely while it matters, and never more seldom than asked for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabib.decide.rhythm import AFTER_RELEASE_S, AFTER_TROUBLE_S, Moment, Rhythm, rhythm


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (Moment(), Rhythm(5.0, "usual")),
        (Moment(watchers=1), Rhythm(1.0, "watched")),
        (Moment(trouble_age_s=0.0), Rhythm(1.0, "incident")),
        (Moment(trouble_age_s=AFTER_TROUBLE_S), Rhythm(5.0, "usual")),
        (Moment(operation_age_s=AFTER_RELEASE_S - 1), Rhythm(1.0, "release")),
        (Moment(operation_age_s=AFTER_RELEASE_S), Rhythm(5.0, "usual")),
        (Moment(watchers=2, trouble_age_s=0.0, operation_age_s=0.0), Rhythm(1.0, "watched")),
    ],
)
def test_table(moment: Moment, expected: Rhythm) -> None:
    assert rhythm(moment) == expected


ages = st.none() | st.floats(0, 1000)


@given(st.integers(0, 3), ages, ages, st.floats(0.2, 60))
def test_never_slower_than_usual(
    watchers: int, trouble: float | None, acted: float | None, usual_s: float
) -> None:
    moment = Moment(watchers=watchers, trouble_age_s=trouble, operation_age_s=acted)
    assert 0 < rhythm(moment, usual_s).interval_s <= usual_s
