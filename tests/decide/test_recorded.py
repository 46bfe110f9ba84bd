"""What of the recorder goes into a case: the last minute whole, the rest thinned, the dead kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tabib.decide.recorded import CLOSE, PROCESSES, STEP, chosen, readings
from tabib.model.metrics import CONTAINER, index
from tabib.model.process import ProcessRecord

END = datetime(2026, 1, 1, 12, tzinfo=UTC)
CPU, MEMORY = index("container", "cpu_us"), index("container", "memory_bytes")


def values(cpu: int | None, memory: int | None) -> tuple[int | None, ...]:
    found: list[int | None] = [None] * len(CONTAINER)
    found[CPU], found[MEMORY] = cpu, memory
    return tuple(found)


def process(number: int, **fields: object) -> ProcessRecord:
    base = {
        "engine_id": "e",
        "container_id": "c",
        "pid": number,
        "ppid": 1,
        "started_ns": number,
        "started_at": END,
        "name": "p",
        "command": "p",
        "ended_at": END,
        "exit_code": 0,
    }
    return ProcessRecord(**{**base, **fields})  # type: ignore[arg-type]


def test_only_metrics_that_somebody_has() -> None:
    found = readings("container", [(END, values(1, None)), (END, values(None, None))], END)
    assert found.metrics == ("cpu_us",)
    assert found.rows == ((1,), (None,))


def test_a_quarter_of_an_hour_of_seconds() -> None:
    samples = [(END - timedelta(seconds=900 - at), values(at, 5)) for at in range(901)]
    found = readings("container", samples, END)
    late = [at for at in found.times if END - at <= CLOSE]
    early = [at for at in found.times if END - at > CLOSE]
    assert len(late) == 61
    assert len(early) == 84
    assert all(b - a == STEP for a, b in pairwise(early))


@given(st.lists(st.integers(-2000, 0), max_size=60))
def test_any_times_even_such_as_go_back(seconds: list[int]) -> None:
    samples = [(END + timedelta(seconds=at), values(1, 2)) for at in seconds]
    found = readings("container", samples, END)
    assert len(found.times) == len(found.rows)
    assert {at for at, _ in samples if END - at <= CLOSE} <= set(found.times)


def test_few_processes_all_stay() -> None:
    assert chosen([process(2), process(1)]) == ([process(1), process(2)], 0)


def test_of_many_those_that_matter_stay() -> None:
    many = [process(number) for number in range(10, 1000)]
    bad = [process(1, signal=9, exit_code=None), process(2, exit_code=3), process(3, ended_at=None)]
    kept, left_out = chosen([*many, *bad])
    assert len(kept) == PROCESSES
    assert left_out == len(many) + len(bad) - PROCESSES
    assert kept[:3] == bad
    assert kept[-1] == many[-1]
