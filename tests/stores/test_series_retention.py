"""What is let go of: by age, and by size the oldest detail first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from stores.series_support import ENGINE, NOON, after, batch, opened, recorded, subject, values
from stores.test_series_records import event, process
from tabib.model.sample import Batch, Retention
from tabib.stores.series.store import SqliteSeries

DAY_S = 86_400
EVERY_S = 60.0
ALL = Retention()


def days(count: float, subjects: int = 1) -> Iterator[Batch]:
    for tick in range(int(count * DAY_S / EVERY_S)):
        read = values(cpu_us=tick * 60_000_000, memory_bytes=(tick * 7919) % 1_000_003)
        yield batch(tick * EVERY_S, *((subject(number), read) for number in range(subjects)))


async def shown(series: SqliteSeries, step_s: int, until_s: float) -> timedelta | None:
    """How far back, from ``until_s``, a chart with such steps tells something."""
    (chart,) = await series.charts(
        [subject()], ["cpu_us"], NOON, after(until_s), int(until_s / step_s) + 2
    )
    told = [point.at for point in chart.points if point.mean is not None]
    return after(until_s) - told[0] if told else None


async def test_each_detail_has_its_age(tmp_path: Path) -> None:
    series = await opened(tmp_path)
    await recorded(series, days(2))
    now = after(2 * DAY_S)
    keep = Retention(raw_days=0.5, minute_days=1, quarter_days=1.5)
    assert await series.prune(now, keep) > 0
    assert await series.prune(now, keep) == 0
    raw = await series.samples(subject(), NOON, now)
    assert timedelta(hours=12) <= now - raw[0][0] < timedelta(hours=12.5)
    status = series.status()
    assert status.oldest_raw == raw[0][0]
    assert status.oldest is not None
    assert timedelta(days=1.5) <= now - status.oldest < timedelta(days=1.52)
    # Coarser detail stands in where the finer is gone.
    assert await shown(series, 60, 2 * DAY_S) == now - status.oldest
    (chart,) = await series.charts([subject()], ["cpu_us"], status.oldest, now, 3000)
    assert {point.mean for point in chart.points[:-1]} == {1_000_000.0}
    await series.close()


async def test_subjects_go_with_the_last_of_their_readings(tmp_path: Path) -> None:
    series = await opened(tmp_path)
    await recorded(series, [batch(0, (subject(1), values(cpu_us=1)))])
    await recorded(series, days(1))
    keep = Retention(quarter_days=0.5, event_days=0.5)
    await series.prune(after(DAY_S), keep)
    assert [known.subject for known in await series.known()] == [subject()]
    await recorded(series, [batch(DAY_S, (subject(1), values(cpu_us=5)))])
    assert len(await series.known()) == 2
    assert len(await series.samples(subject(1), NOON, after(2 * DAY_S))) == 1
    await series.close()
    series = await opened(tmp_path)
    assert len(await series.known()) == 2
    await series.close()


async def test_records_have_their_age(tmp_path: Path) -> None:
    series = await opened(tmp_path)
    await series.put_processes([process(1, 0, 5), process(2, 0, None), process(3, 0, DAY_S)])
    await series.put_events(ENGINE, [event(0), event(DAY_S)])
    await series.put_inspection(ENGINE, "c", after(0), {"a": 1})
    keep = replace(ALL, process_days=0.5, event_days=0.5)
    await series.prune(after(DAY_S), keep)
    assert [one.pid for one in await series.processes(ENGINE)] == [2, 3]
    assert await series.events(ENGINE) == [event(DAY_S)]
    assert await series.inspection(ENGINE, "c") is None
    await series.close()


async def test_an_inspection_lives_as_long_as_its_container(tmp_path: Path) -> None:
    series = await opened(tmp_path)
    container = replace(subject(), id="c")
    await series.put_inspection(ENGINE, "c", after(0), {"a": 1})
    await recorded(series, [batch(tick * 900, (container, values(cpu_us=1))) for tick in range(97)])
    await series.prune(after(DAY_S), replace(ALL, event_days=0.5))
    assert await series.inspection(ENGINE, "c") == {"a": 1}
    await series.close()


@pytest.mark.parametrize("process_count", [0, 3000])
async def test_by_size_the_oldest_detail_goes_first(tmp_path: Path, process_count: int) -> None:
    series = await opened(tmp_path)
    until = 1 * DAY_S
    await recorded(series, days(1, subjects=20))
    await series.put_processes([process(pid, pid, pid + 1) for pid in range(1, process_count + 1)])
    seen: list[tuple[int, int, int, timedelta | None]] = []
    limit = 12_000_000
    while limit > 40_000:
        limit = int(limit * 0.8)
        await series.prune(after(until), replace(ALL, max_bytes=limit))
        raw = len(await series.samples(subject(), NOON, after(until)))
        minutes = await shown(series, 120, until)
        seen.append((limit, raw, len(await series.processes(ENGINE)), minutes))
    raws = [raw for _, raw, _, _ in seen]
    assert raws == sorted(raws, reverse=True)
    assert raws[0] == DAY_S / EVERY_S
    # The newest, not sealed yet, is never let go of.
    assert 0 < raws[-1] <= 15
    for _, raw, processes, _ in seen:
        if processes < process_count:
            assert raw <= 15, "raw detail goes before process records"
    assert seen[-1][2] == 0
    quarters = await shown(series, 900, until)
    assert quarters is not None
    await recorded(series, [batch(until, (subject(), values(cpu_us=1)))])
    await series.close()


async def test_space_is_handed_back(tmp_path: Path) -> None:
    series = await opened(tmp_path)
    await recorded(series, days(0.1))
    for start in range(0, 200_000, 4000):
        await series.put_processes(
            [
                replace(process(pid, pid / 10, pid / 10 + 1), command="x" * 200)
                for pid in range(start, start + 4000)
            ]
        )
    before = series.status().bytes
    await series.prune(after(30 * DAY_S), replace(ALL, process_days=1))
    await series.close()
    series = await opened(tmp_path)
    assert series.status().bytes < before / 3
    await series.close()
