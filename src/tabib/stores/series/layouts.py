"""Which metric stands in which column of what was written: kept beside it, so that metrics may be
added, removed and put in another order."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import apsw

from tabib.model.metrics import COUNTER, METRICS, Metric
from tabib.stores.rows import every

_COUNT_SCALE = 1000
"""Means of counts are stored in thousandths: two processes and a half. Bytes and microseconds need
no fractions."""


@dataclass(frozen=True, slots=True)
class Column:
    """``scale``: means and peaks are stored times this."""

    name: str
    counter: bool
    scale: int


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns of one kind of subject, as something was written."""

    id: int
    kind: str
    columns: tuple[Column, ...]
    places: dict[str, int] = field(default_factory=dict)
    """Name of a metric → its column."""


@dataclass(slots=True)
class Layouts:
    """All that were ever written, and of each kind the one that is written now."""

    by_id: dict[int, Layout]
    current: dict[str, Layout]

    def of(self, kind: str) -> list[Layout]:
        return [layout for layout in self.by_id.values() if layout.kind == kind]


def load(base: apsw.Connection) -> Layouts:
    """What the file holds, with today's layouts among it (written where they are new)."""
    for kind, metrics in METRICS.items():
        base.execute(
            "INSERT OR IGNORE INTO layout (kind, columns) VALUES (?, ?)", (kind, _text(metrics))
        )
    rows = every(base, "SELECT id, kind, columns FROM layout")
    by_id = {int(number): _layout(number, kind, text) for number, kind, text in rows}
    today = {(kind, _text(metrics)) for kind, metrics in METRICS.items()}
    current = {kind: by_id[number] for number, kind, text in rows if (kind, text) in today}
    return Layouts(by_id, current)


def unwritten() -> Layouts:
    """Today's layouts, where there is no file."""
    current = {
        kind: _layout(number, kind, _text(metrics))
        for number, (kind, metrics) in enumerate(METRICS.items(), 1)
    }
    return Layouts({layout.id: layout for layout in current.values()}, current)


def _text(metrics: tuple[Metric, ...]) -> str:
    return json.dumps([[one.name, one.kind == COUNTER, _scale(one)] for one in metrics])


def _scale(metric: Metric) -> int:
    return 1 if metric.unit else _COUNT_SCALE


def _layout(number: int, kind: str, text: str) -> Layout:
    columns = tuple(Column(name, counter, scale) for name, counter, scale in json.loads(text))
    places = {column.name: place for place, column in enumerate(columns)}
    return Layout(number, kind, columns, places)
