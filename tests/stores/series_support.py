"""What the tests of the series share: subjects, readings by name, a series in a folder."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tabib.model.metrics import METRICS
from tabib.model.sample import Batch, Reading, Subject, Values
from tabib.stores.series.store import SqliteSeries

NOON = datetime(2026, 5, 4, 12, 0, 0, tzinfo=UTC)
ENGINE = "engine"


def subject(number: int = 0, kind: str = "container", name: str = "") -> Subject:
    return Subject(
        kind=kind,
        id=f"{kind}-{number}",
        engine_id=ENGINE,
        name=name or f"shop-web-{number}",
        project="shop",
        service="web",
        slot=number,
    )


def values(kind: str = "container", **known: int | None) -> Values:
    """A reading in which only what is named is there."""
    assert known.keys() <= {metric.name for metric in METRICS[kind]}
    return tuple(known.get(metric.name) for metric in METRICS[kind])


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def batch(seconds: float, *readings: tuple[Subject, Values]) -> Batch:
    return Batch(
        at=after(seconds),
        readings=tuple(Reading(subject=one, values=read) for one, read in readings),
    )


async def opened(folder: Path) -> SqliteSeries:
    """On a disk that never counts as tight."""
    return await SqliteSeries.open(folder, floor_bytes=0, reserve_bytes=0)


async def recorded(series: SqliteSeries, batches: Iterable[Batch]) -> None:
    """As the recorder does: each tick written, and what is complete sealed."""
    for one in batches:
        await series.append(one)
        await series.maintain()


def steady(count: int = 1, ticks: int = 200, every_s: float = 10.0) -> Iterable[Batch]:
    """A CPU each, and memory that says which tick it was."""
    for tick in range(ticks):
        read = values(cpu_us=int(tick * every_s * 1_000_000), memory_bytes=1_000_000 + tick)
        yield batch(tick * every_s, *((subject(number), read) for number in range(count)))
