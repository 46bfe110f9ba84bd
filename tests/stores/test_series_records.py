"""Processes, events and inspections in the series."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stores.series_support import ENGINE, after, opened
from tabib.model.event import Event
from tabib.model.process import ProcessRecord
from tabib.stores.series.store import SqliteSeries


@pytest.fixture
async def series(tmp_path: Path) -> AsyncIterator[SqliteSeries]:
    found = await opened(tmp_path)
    yield found
    await found.close()


def process(pid: int, start_s: float, end_s: float | None, container: str = "c") -> ProcessRecord:
    return ProcessRecord(
        engine_id=ENGINE,
        container_id=container,
        pid=pid,
        ppid=1,
        started_ns=int((100 + start_s) * 1e9),
        started_at=after(start_s),
        name="sh",
        command="sh -c true",
        ended_at=None if end_s is None else after(end_s),
    )


async def test_a_record_comes_back_as_it_was(series: SqliteSeries) -> None:
    whole = replace(
        process(7, 0, 1),
        command_complete=False,
        user=33,
        exit_code=137,
        signal=9,
        killed_by="oom",
        cpu_seconds=0.25,
        peak_memory_bytes=2**40,
        read_bytes=0,
        written_bytes=12,
        assumed=True,
    )
    await series.put_processes([whole, process(8, 2, None)])
    assert await series.processes(ENGINE) == [whole, process(8, 2, None)]


async def test_the_end_replaces_the_beginning(tmp_path: Path) -> None:
    series = await opened(tmp_path)
    await series.put_processes([process(7, 0, None)])
    await series.put_processes([process(7, 0, 5), process(7, 9, None)])
    await series.close()
    series = await opened(tmp_path)
    assert await series.processes(ENGINE) == [process(7, 0, 5), process(7, 9, None)]
    await series.close()


times = st.integers(0, 30)
spans = st.tuples(times, st.one_of(st.none(), times), st.sampled_from(["a", "b", "c"]))


@settings(max_examples=40, deadline=None)
@given(
    st.lists(spans, max_size=25),
    st.one_of(st.none(), times),
    st.one_of(st.none(), times),
    st.one_of(st.none(), st.sets(st.sampled_from(["a", "b", "zz"]))),
    st.integers(1, 30),
)
async def test_those_that_ran_in_between(
    tmp_path_factory: pytest.TempPathFactory,
    ran: list[tuple[int, int | None, str]],
    since: int | None,
    until: int | None,
    containers: set[str] | None,
    limit: int,
) -> None:
    records = [
        process(pid, start, None if length is None else start + length, container)
        for pid, (start, length, container) in enumerate(ran, 1)
    ]
    series = await opened(tmp_path_factory.mktemp("series"))
    await series.put_processes(records)
    found = await series.processes(
        ENGINE,
        containers=None if containers is None else sorted(containers),
        since=None if since is None else after(since),
        until=None if until is None else after(until),
        limit=limit,
    )
    await series.close()
    expected = [
        one
        for one in sorted(records, key=lambda one: (one.started_at, one.pid))
        if (containers is None or one.container_id in containers)
        and (since is None or one.ended_at is None or one.ended_at >= after(since))
        and (until is None or one.started_at <= after(until))
    ]
    assert found == expected[-limit:]


def event(second: int, id_: str = "c", project: str = "shop", action: str = "die") -> Event:
    return Event(
        at=after(second),
        time_ns=second * 10**9,
        kind="container",
        action=action,
        id=id_,
        name="web",
        attributes={"com.docker.compose.project": project, "exitCode": "1"},
    )


async def test_events_by_what_is_asked(series: SqliteSeries) -> None:
    told = [event(1), event(2, "d", "other"), event(3, action="start"), event(4, "e", "")]
    await series.put_events(ENGINE, told)
    await series.put_events(ENGINE, told[1:])
    assert await series.events(ENGINE) == told
    assert await series.events("another") == []
    assert await series.events(ENGINE, ids=["d", "e"]) == [told[1], told[3]]
    assert await series.events(ENGINE, project="shop") == [told[0], told[2]]
    assert await series.events(ENGINE, project="") == [told[3]]
    assert await series.events(ENGINE, since=after(2), until=after(3)) == told[1:3]
    assert await series.events(ENGINE, limit=2) == told[2:]
    assert await series.events(ENGINE, ids=[]) == []


async def test_an_inspection_as_it_stood_then(series: SqliteSeries) -> None:
    for second in (10, 20, 30):
        await series.put_inspection(ENGINE, "c", after(second), {"Name": f"at {second}", "é": [1]})

    async def name(second: float | None) -> str:
        at = None if second is None else after(second)
        found = await series.inspection(ENGINE, "c", at)
        assert found is not None
        assert found["é"] == [1]
        return str(found["Name"])

    assert [await name(second) for second in (5, 10, 25, 99, None)] == [
        "at 10", "at 10", "at 20", "at 30", "at 30",
    ]  # fmt: skip
    assert await series.inspection(ENGINE, "another") is None


async def test_of_inspections_the_newest_few_that_differ_are_kept(series: SqliteSeries) -> None:
    for second in range(0, 100, 10):
        await series.put_inspection(ENGINE, "c", after(second), {"State": second // 20})
    oldest = await series.inspection(ENGINE, "c", after(-1))
    assert oldest == {"State": 0}
    for second in range(100, 200, 10):
        await series.put_inspection(ENGINE, "c", after(second), {"State": second})
    assert await series.inspection(ENGINE, "c", after(-1)) == {"State": 150}
