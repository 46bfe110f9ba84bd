"""What of the recorder's minutes goes into a case file: enough to judge by, not all of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from tabib.model.incident import Readings
from tabib.model.metrics import METRICS
from tabib.model.process import ProcessRecord
from tabib.model.sample import Values

BEFORE = timedelta(minutes=15)
CLOSE = timedelta(minutes=1)
"""Every reading of the last minute is kept; of what came before, one in ten seconds."""
STEP = timedelta(seconds=10)
PROCESSES = 200


def readings(kind: str, samples: Sequence[tuple[datetime, Values]], until: datetime) -> Readings:
    """``samples`` (oldest first) as a table of those metrics that any of them has."""
    kept = _thinned(samples, until)
    names = [metric.name for metric in METRICS[kind]]
    there = [place for place in range(len(names)) if any(row[place] is not None for _, row in kept)]
    return Readings(
        metrics=tuple(names[place] for place in there),
        times=tuple(at for at, _ in kept),
        rows=tuple(tuple(row[place] for place in there) for _, row in kept),
    )


def _thinned(
    samples: Sequence[tuple[datetime, Values]], until: datetime
) -> list[tuple[datetime, Values]]:
    kept: list[tuple[datetime, Values]] = []
    for at, values in samples:
        if until - at > CLOSE and kept and timedelta() <= at - kept[-1][0] < STEP:
            continue
        kept.append((at, values))
    return kept


def chosen(records: Sequence[ProcessRecord]) -> tuple[list[ProcessRecord], int]:
    """The records worth most, oldest first, and how many were left out: what still runs or ended
    badly goes first, then the newest."""
    if len(records) <= PROCESSES:
        return sorted(records, key=_start), 0
    ranked = sorted(records, key=lambda one: (not _matters(one), -one.started_ns))
    return sorted(ranked[:PROCESSES], key=_start), len(records) - PROCESSES


def _matters(record: ProcessRecord) -> bool:
    return record.ended_at is None or bool(record.signal) or bool(record.exit_code)


def _start(record: ProcessRecord) -> int:
    return record.started_ns
