"""Whatever is recorded, whenever it is sealed or opened anew: the same is read."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from stores.series_support import NOON, batch, opened, subject, values
from tabib.decide.rollup import ABSENT, USUAL_US, Grid, Run, fold, grid, pieces
from tabib.model.metrics import index
from tabib.stores.rows import to_us

moves = st.lists(
    st.tuples(
        # Mostly a tick, now and then a gap, a repeated time, a clock that was set.
        st.sampled_from([10.0] * 8 + [10.5, 30, 400, 1000, 0, -20, -1500]),
        st.one_of(st.integers(0, 2**40), st.none()),
        # Now and then a reset, sealing, a restart.
        st.sampled_from([""] * 12 + ["reset", "maintain", "maintain", "restart"]),
    ),
    min_size=1,
    max_size=60,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(moves)
# One reading of memory, and that the subject is read every 10.5 s was learned when it was sealed.
@example([(10.0, 0, ""), (10.5, None, ""), (-1500, None, "")])
async def test_all_that_was_appended_is_there(
    tmp_path_factory: pytest.TempPathFactory, recorded: list[tuple[float, int | None, str]]
) -> None:
    folder = tmp_path_factory.mktemp("series")
    series = await opened(folder)
    now, counter = 0.0, 0
    expected = []
    for step_s, value, what in recorded:
        now += step_s
        counter = (0 if what == "reset" else counter) + (value or 0) % 1000
        one = batch(now, (subject(), values(block_writes=counter, memory_bytes=value)))
        await series.append(one)
        expected.append((one.at, one.readings[0].values))
        if what == "maintain":
            await series.maintain()
        if what == "restart":
            await series.close()
            series = await opened(folder)
    # The last few segments are read from memory; of more, the oldest must be sealed.
    await series.maintain()
    since, until = min(at for at, _ in expected), max(at for at, _ in expected)
    assert await series.samples(subject(), since, until) == expected

    span = until - since + timedelta(seconds=1)
    points = int(span.total_seconds() / 10) + 2
    names = ["block_writes", "memory_bytes"]
    for chart in await series.charts([subject()], names, since, since + span, points):
        place = index("container", chart.metric)
        run = Run(
            [to_us(at) for at, _ in expected],
            [ABSENT if read[place] is None else read[place] for _, read in expected],
        )
        over = grid(to_us(since), to_us(since + span), points)
        counts = chart.metric == "block_writes"
        # How often a subject is read is learned from all that is sealed of it, which matters where
        # a metric was there too seldom to tell: then it is any interval that there was.
        steps = {to_us(after) - to_us(before) for (before, _), (after, _) in pairwise(expected)}
        usual = [USUAL_US, *(step for step in steps if step > 0)]
        assert [point.mean for point in chart.points] in [
            _means(run, counts, usual_us, over) for usual_us in usual
        ]
    for few in (1, 2, 7):
        for chart in await series.charts([subject()], names, NOON, since + span, few):
            for point in chart.points:
                assert point.mean is None or point.peak is not None
                assert point.mean is None or 0 <= point.mean <= (point.peak or 0) * 1.000001 + 1
    await series.close()


def _means(run: Run, counts: bool, usual_us: int, over: Grid) -> list[object]:
    return [
        None if mean is None else pytest.approx(mean, rel=1e-6, abs=1e-6)
        for mean in fold(pieces(run, counts, usual_us), over).means()
    ]
