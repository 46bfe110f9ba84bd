"""The series: what was recorded is read back, whatever was sealed, restarted or renamed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from stores.series_support import (
    ENGINE,
    NOON,
    after,
    batch,
    opened,
    recorded,
    steady,
    subject,
    values,
)
from tabib.model.errors import Bug
from tabib.model.metrics import METRICS, index
from tabib.stores.series.store import SqliteSeries

QUARTER_S = 900


@pytest.fixture
async def series(tmp_path: Path) -> AsyncIterator[SqliteSeries]:
    found = await opened(tmp_path)
    yield found
    await found.close()


async def means(
    series: SqliteSeries, metric: str, since_s: float, until_s: float, points: int
) -> list[float | None]:
    (chart,) = await series.charts([subject()], [metric], after(since_s), after(until_s), points)
    return [point.mean for point in chart.points]


async def test_latest_is_what_was_read_within_the_last_minute(series: SqliteSeries) -> None:
    await recorded(series, [batch(0, (subject(1), values(cpu_us=1)))])
    await recorded(series, [batch(50, (subject(2), values(cpu_us=2)))])
    found = await series.latest(ENGINE, "container")
    assert [(known.subject.id, read[0]) for known, read in found] == [
        ("container-1", 1),
        ("container-2", 2),
    ]
    await recorded(series, [batch(70, (subject(2), values(cpu_us=3)))])
    (only,) = await series.latest(ENGINE, "container")
    assert (only[0].subject.id, only[0].first_seen, only[0].last_seen) == (
        "container-2", after(50), after(70),
    )  # fmt: skip
    assert await series.latest(ENGINE, "node") == []
    assert await series.latest("another", "container") == []


async def test_samples_are_exact_across_quarters_and_restarts(tmp_path: Path) -> None:
    ticks = list(steady(count=3, ticks=300))
    for stop in (1, 89, 90, 91, 182, 299):
        folder = tmp_path / str(stop)
        folder.mkdir()
        series = await opened(folder)
        await recorded(series, ticks[:stop])
        await series.close()
        series = await opened(folder)
        await recorded(series, ticks[stop:])
        found = await series.samples(subject(1), NOON, after(3000))
        assert found == [(one.at, one.readings[1].values) for one in ticks]
        assert await means(series, "cpu_us", 0, 2990, 50) == [
            pytest.approx(1_000_000) for _ in range(50)
        ]
        await series.close()


async def test_unsealed_and_sealed_read_the_same(tmp_path: Path) -> None:
    """Charts of every detail are the same before sealing, after it, and after a restart."""
    ticks = list(steady(ticks=300))
    questions = [(0, 2990, 100), (890, 2500, 40), (0, 3000, 3), (1000, 1060, 12)]

    async def answers(series: SqliteSeries) -> list[list[float | None]]:
        return [await means(series, "memory_bytes", *question) for question in questions]

    series = await opened(tmp_path)
    for one in ticks:
        await series.append(one)
    unsealed = await answers(series)
    await series.maintain()
    sealed = await answers(series)
    assert sealed == [[pytest.approx(mean, abs=2) for mean in chart] for chart in unsealed]
    await series.close()
    series = await opened(tmp_path)
    assert await answers(series) == sealed
    await series.close()


async def test_a_gap_is_none_and_never_zero(series: SqliteSeries) -> None:
    ticks = [one for one in steady(ticks=400) if not 600 < (one.at - NOON).total_seconds() < 1500]
    await recorded(series, ticks)
    for points, step_s in ((400, 10), (60, 120)):
        found = await means(series, "cpu_us", 0, 3990, points)
        gap = found[600 // step_s + 1 : 1500 // step_s - 1]
        assert gap == [None] * len(gap)
        assert all(mean is not None for mean in found[: 600 // step_s])
    # What is left of a quarter is the mean of what was seen.
    assert (await means(series, "cpu_us", 0, 3600, 4))[:3] == [1_000_000.0] * 3


async def test_a_reset_is_no_negative_rate(series: SqliteSeries) -> None:
    reads = [1000, 2000, 3000, 100, 1100]
    await recorded(
        series,
        [batch(tick * 10, (subject(), values(block_writes=one))) for tick, one in enumerate(reads)],
    )
    assert await means(series, "block_writes", 0, 40, 4) == [100, 100, 10, 100]


async def test_a_clock_that_was_set_harms_nothing(tmp_path: Path) -> None:
    """Back over a quarter that is sealed, forth by a day: all is kept, in order of arrival."""
    series = await opened(tmp_path)
    seconds = [*range(0, 2000, 10), *range(500, 1500, 10), *range(90_000, 92_000, 10)]
    ticks = [
        batch(second, (subject(), values(cpu_us=count * 10_000_000, memory_bytes=count)))
        for count, second in enumerate(seconds)
    ]
    await recorded(series, ticks)
    for _ in range(2):
        found = await series.samples(subject(), NOON, after(100_000))
        assert [read[index("container", "memory_bytes")] for _, read in found] == list(
            range(len(seconds))
        )
        for points in (9000, 500, 50):
            rates = await means(series, "cpu_us", 0, 92_000, points)
            assert all(rate is None or 0 <= rate < 1_000_001 for rate in rates)
            assert rates[0] == pytest.approx(1_000_000)
        await series.close()
        series = await opened(tmp_path)
    await series.close()


async def test_at_is_the_last_reading_within_the_minute_before(series: SqliteSeries) -> None:
    ticks = list(steady(count=2, ticks=300))
    await recorded(series, ticks)
    for second in (0, 5, 899, 900, 1795, 2990, 3040):
        found = await series.at(ENGINE, "container", after(second))
        expected = [one for one in ticks if one.at <= after(second)][-1]
        assert [(known.subject, read) for known, read in found] == [
            (one.subject, one.values) for one in expected.readings
        ]
    assert await series.at(ENGINE, "container", after(3100)) == []
    assert await series.at(ENGINE, "container", after(-1)) == []


async def test_top_ranks_by_the_mean_of_just_that_time(series: SqliteSeries) -> None:
    """Container 1 is busy in the first hour, container 2 a little always."""
    ticks = []
    for tick in range(800):
        first = min(tick, 360) * 10_000_000
        ticks.append(
            batch(
                tick * 10,
                (subject(1), values(cpu_us=first, memory_bytes=5)),
                (subject(2), values(cpu_us=tick * 2_000_000, memory_bytes=9)),
                (subject(0, "node", "host"), values("node", cpu_us=tick)),
            )
        )
    await recorded(series, ticks)

    async def top(
        metric: str, since: float, until: float, limit: int = 9
    ) -> list[tuple[str, float]]:
        found = await series.top(ENGINE, "container", metric, after(since), after(until), limit)
        return [(one.subject.id[-1], round(one.mean / 1e6, 3)) for one in found]

    assert await top("cpu_us", 0, 3600) == [("1", 1.0), ("2", 0.2)]
    assert await top("cpu_us", 0, 7200) == [("1", 0.5), ("2", 0.2)]
    assert await top("cpu_us", 3600, 7990) == [("2", 0.2), ("1", 0.0)]
    assert await top("cpu_us", 3000, 4200) == [("1", 0.5), ("2", 0.2)]
    assert await top("cpu_us", 7300, 7900, 1) == [("2", 0.2)]
    assert await top("cpu_us", 100_000, 200_000) == []
    found = await series.top(ENGINE, "container", "memory_bytes", NOON, after(8000), 1)
    assert [(one.subject.id, one.mean, one.peak) for one in found] == [("container-2", 9, 9)]


async def test_a_renamed_subject_is_the_same(tmp_path: Path) -> None:
    series = await opened(tmp_path)
    renamed = replace(subject(), name="shop-web-9", slot=9)
    await recorded(series, [batch(0, (subject(), values(cpu_us=1)))])
    await recorded(series, [batch(10, (renamed, values(cpu_us=2)))])
    for _ in range(2):
        (known,) = await series.known(ENGINE)
        assert known.subject == renamed
        assert (known.first_seen, known.last_seen) == (NOON, after(10))
        assert len(await series.samples(subject(), NOON, after(20))) == 2
        (chart,) = await series.charts([subject()], ["cpu_us"], NOON, after(10), 5)
        assert chart.subject == renamed
        await series.close()
        series = await opened(tmp_path)
    await series.close()


async def test_metrics_that_came_and_went_are_read_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An older tabib wrote fewer columns in another order: sealed, and half a quarter unsealed."""
    kept = METRICS["container"]
    older = tuple(reversed([one for one in kept if one.name != "memory_bytes"]))
    with monkeypatch.context() as patch:
        patch.setitem(METRICS, "container", older)
        series = await opened(tmp_path)
        await recorded(
            series,
            [
                batch(tick * 10, (subject(), values(cpu_us=tick * 5_000_000, processes=4)))
                for tick in range(130)
            ],
        )
        await series.close()
    series = await opened(tmp_path)
    await recorded(
        series,
        [
            batch(
                tick * 10,
                (subject(), values(cpu_us=tick * 5_000_000, processes=4, memory_bytes=8)),
            )
            for tick in range(130, 260)
        ],
    )
    found = await series.samples(subject(), NOON, after(3000))
    assert [read for _, read in found] == [
        values(cpu_us=tick * 5_000_000, processes=4, memory_bytes=8 if tick >= 130 else None)
        for tick in range(260)
    ]
    for points in (250, 30, 3):
        assert set(await means(series, "cpu_us", 0, 2580, points)) <= {500_000.0}
        assert set(await means(series, "processes", 0, 2580, points)) == {4.0}
        assert await means(series, "memory_bytes", 0, 2580, points) != []
    ranked = await series.top(ENGINE, "container", "processes", NOON, after(2700), 5)
    assert [one.mean for one in ranked] == [4.0]
    await series.close()


async def test_what_is_read_once_an_hour_is_a_line(series: SqliteSeries) -> None:
    volume = subject(0, "volume", "data")
    await recorded(
        series,
        [batch(hour * 3600 + 7, (volume, values("volume", size_bytes=hour))) for hour in range(30)],
    )
    (chart,) = await series.charts([volume], ["size_bytes"], after(3700), after(29 * 3600), 60)
    assert None not in [point.mean for point in chart.points[:-1]]


async def test_several_kinds_and_metrics_at_once(series: SqliteSeries) -> None:
    host = subject(0, "node", "host")
    await recorded(
        series,
        [
            batch(
                tick * 10,
                (subject(), values(cpu_us=tick, memory_bytes=5)),
                (host, values("node", cpu_us=tick, memory_available_bytes=6)),
            )
            for tick in range(100)
        ],
    )
    found = await series.charts(
        [subject(), host, subject(77)],
        ["cpu_us", "memory_bytes", "memory_available_bytes"],
        NOON,
        after(990),
        10,
    )
    assert [(one.subject.kind, one.metric, one.unit) for one in found] == [
        ("container", "cpu_us", "us"),
        ("container", "memory_bytes", "bytes"),
        ("node", "cpu_us", "us"),
        ("node", "memory_available_bytes", "bytes"),
    ]
    assert all(len(one.points) <= 10 for one in found)


async def test_values_beyond_63_bits_are_the_nearest(series: SqliteSeries) -> None:
    await recorded(series, [batch(0, (subject(), values(memory_limit_bytes=2**64 - 1)))])
    ((_, read),) = await series.samples(subject(), NOON, after(1))
    assert read[index("container", "memory_limit_bytes")] == 2**63 - 1


async def test_a_reading_of_another_length_is_a_bug(series: SqliteSeries) -> None:
    with pytest.raises(Bug, match="2 values"):
        await series.append(batch(0, (subject(), (1, 2))))


async def test_appends_and_questions_go_on_beside_sealing(series: SqliteSeries) -> None:
    """Sealing is many small transactions: ticks are written and charts drawn in between."""
    for one in steady(count=200, ticks=91):
        await series.append(one)
    sealing = asyncio.ensure_future(series.maintain())
    between = 0
    for tick in range(91, 300):
        if sealing.done():
            break
        moment = NOON + timedelta(seconds=tick * 10)
        await series.append(batch(tick * 10, (subject(), values(cpu_us=tick * 10_000_000))))
        (known, _), *_rest = await series.latest(ENGINE, "container")
        assert known.last_seen == moment
        assert set(await means(series, "cpu_us", 0, 890, 20)) == {1_000_000.0}
        between += 1
    await sealing
    assert between >= 3
    assert set(await means(series, "cpu_us", 0, 890, 20)) == {1_000_000.0}


async def test_status_tells_how_far_it_goes_back(series: SqliteSeries) -> None:
    await recorded(series, steady(ticks=100))
    status = series.status()
    assert (status.oldest_raw, status.oldest) == (NOON, NOON)
    assert (status.trouble, status.unwritten, status.dropped) == ("", 0, 0)
    assert status.bytes > 0
