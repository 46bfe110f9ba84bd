"""Reads a folder of cases. A case is a folder with

``data.csv``         a column ``time`` (seconds) and columns ``SERVICE_METRIC``; empty: no value
``inject_time.txt``  when the trouble began, on the same clock
``graph.csv``        optional: ``caller,callee`` lines
``target.txt``       optional: ``SERVICE`` or ``SERVICE METRIC``; else the name of the folder, or of
                     the one above it, is ``SERVICE_FAULT``

This is how RCAEval lays its collections out (``…/SERVICE_FAULT/1/data.csv``); its other names of
the table (``simple_data.csv``, ``simple_metrics.csv``, ``metrics.csv``) are read too.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from pathlib import Path

from benchmarks.causes.case import Labelled
from tabib.decide.causes import Line, Question

_TABLES = ("data.csv", "simple_data.csv", "simple_metrics.csv", "metrics.csv")


def cases(folder: Path) -> Iterator[Labelled]:
    """Every case below ``folder``, by path."""
    for moment in sorted(folder.rglob("inject_time.txt")):
        table = next(
            (moment.parent / name for name in _TABLES if (moment.parent / name).exists()), None
        )
        if table is not None:
            yield case(table, moment)


def case(table: Path, moment: Path) -> Labelled:
    """
    :raises SystemExit: a file is not of the layout; the message names it.
    """
    folder = table.parent
    try:
        at = float(moment.read_text(encoding="utf-8").split()[0])
        calls = _graph(folder / "graph.csv")
        lines = _lines(table, set(calls or ()))
    except (ValueError, IndexError, OSError) as error:
        raise SystemExit(f"{folder}: it cannot be read as a case: {error}") from None
    service, metrics, fault = _target(folder)
    return Labelled(
        name=str(folder),
        question=Question(at=at, series=lines, calls=calls),
        service=service,
        metrics=metrics,
        fault=fault,
        split=at,
    )


def _graph(file: Path) -> dict[str, set[str]] | None:
    if not file.exists():
        return None
    calls: dict[str, set[str]] = {}
    with file.open(encoding="utf-8", newline="") as text:
        for row in csv.reader(text):
            if len(row) >= 2 and row[0].strip() not in ("caller", "source", ""):
                calls.setdefault(row[0].strip(), set()).add(row[1].strip())
                calls.setdefault(row[1].strip(), set())
    return calls


def _lines(table: Path, services: set[str]) -> list[Line]:
    with table.open(encoding="utf-8", newline="") as text:
        reader = csv.reader(text)
        head = next(reader)
        if "time" not in head:
            raise ValueError(f"{table.name} has no column `time`")
        rows = [row for row in reader if len(row) == len(head)]
    place = head.index("time")
    times = [float(row[place]) for row in rows]
    found = []
    for index, name in enumerate(head):
        service, metric = _split(name, services)
        if index == place or not metric:
            continue
        found.append(
            Line(
                service=service,
                metric=metric,
                times=times,
                values=[_number(row[index]) for row in rows],
            )
        )
    return found


def _split(column: str, services: set[str]) -> tuple[str, str]:
    """The service is up to the first ``_``, or the longest that the graph knows."""
    known = [one for one in services if column.startswith(f"{one}_")]
    if known:
        service = max(known, key=len)
        return service, column[len(service) + 1 :]
    service, _, metric = column.partition("_")
    return service, metric


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _target(folder: Path) -> tuple[str, frozenset[str], str]:
    file = folder / "target.txt"
    if file.exists():
        service, *metrics = file.read_text(encoding="utf-8").split()
        return service, frozenset(metrics), ""
    name = folder.name if "_" in folder.name else folder.parent.name
    service, _, fault = name.rpartition("_")
    return service, frozenset(), fault
