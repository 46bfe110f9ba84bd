"""Process records: inserted in bulk, replaced by identity, found by time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import apsw

from tabib.model.process import ProcessRecord
from tabib.stores.rows import every, from_us, one, to_us

_RUNNING = 2**63 - 1
"""Stands for the end of what has none yet: it sorts after all."""
_COMPLETE, _ASSUMED = 1, 2
_COLUMNS = (
    "container, started_ns, pid, started_us, ended_us, ppid, name, command, flags, "
    "user, exit_code, signal, killed_by, cpu_seconds, peak_memory_bytes, read_bytes, written_bytes"
)
_INSERT = (
    f"INSERT OR REPLACE INTO process ({_COLUMNS}) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessFilter:
    """``containers`` None: all. Instants in microseconds, None: no bound."""

    engine_id: str
    containers: Sequence[str] | None
    since_us: int | None
    until_us: int | None


def to_row(record: ProcessRecord) -> Row:
    """Engine and container, then the columns after the container's number."""
    return (
        record.engine_id,
        record.container_id,
        record.started_ns,
        record.pid,
        to_us(record.started_at),
        _RUNNING if record.ended_at is None else to_us(record.ended_at),
        record.ppid,
        record.name,
        record.command,
        record.command_complete * _COMPLETE | record.assumed * _ASSUMED,
        record.user,
        record.exit_code,
        record.signal,
        record.killed_by,
        record.cpu_seconds,
        record.peak_memory_bytes,
        record.read_bytes,
        record.written_bytes,
    )


def insert(base: apsw.Connection, rows: Sequence[Row]) -> None:
    """Insert, or replace those of the same identity."""
    numbers = {pair: _number(base, pair) for pair in {row[:2] for row in rows}}
    base.executemany(_INSERT, [(numbers[row[:2]], *row[2:]) for row in rows])


def _number(base: apsw.Connection, pair: Row) -> int:
    """The container's short name in this file."""
    base.execute("INSERT OR IGNORE INTO container (engine_id, container_id) VALUES (?, ?)", pair)
    query = "SELECT number FROM container WHERE engine_id = ? AND container_id = ?"
    return int(one(base, query, pair)[0])


def select(base: apsw.Connection, wanted: ProcessFilter, limit: int) -> list[ProcessRecord]:
    """The newest ``limit`` that ran at some time in between, oldest first."""
    containers = _containers(base, wanted)
    terms: list[str] = []
    values: list[Any] = []
    if wanted.containers is not None:
        terms.append(f"container IN ({', '.join('?' * len(containers))})")
        values.extend(containers)
    else:
        # The plus keeps SQLite from going by container: by time is what is wanted.
        terms.append("+container IN (SELECT number FROM container WHERE engine_id = ?)")
        values.append(wanted.engine_id)
    if wanted.since_us is not None:
        terms.append("ended_us >= ?")
        values.append(wanted.since_us)
    if wanted.until_us is not None:
        terms.append("started_us <= ?")
        values.append(wanted.until_us)
    rows = every(
        base,
        f"SELECT {_COLUMNS} FROM process WHERE {' AND '.join(terms)} "
        "ORDER BY started_us DESC, started_ns DESC, pid DESC LIMIT ?",
        (*values, limit),
    )
    return [_record((wanted.engine_id, containers[row[0]], *row[1:])) for row in reversed(rows)]


def _containers(base: apsw.Connection, wanted: ProcessFilter) -> dict[int, str]:
    """Number → id of those that are asked for."""
    rows = every(
        base,
        "SELECT number, container_id FROM container WHERE engine_id = ?",
        (wanted.engine_id,),
    )
    asked = None if wanted.containers is None else set(wanted.containers)
    return {number: id_ for number, id_ in rows if asked is None or id_ in asked}


def _record(row: Row) -> ProcessRecord:
    return ProcessRecord(
        engine_id=row[0],
        container_id=row[1],
        started_ns=row[2],
        pid=row[3],
        started_at=from_us(row[4]),
        ended_at=None if row[5] == _RUNNING else from_us(row[5]),
        ppid=row[6],
        name=row[7],
        command=row[8],
        command_complete=bool(row[9] & _COMPLETE),
        assumed=bool(row[9] & _ASSUMED),
        user=row[10],
        exit_code=row[11],
        signal=row[12],
        killed_by=row[13],
        cpu_seconds=row[14],
        peak_memory_bytes=row[15],
        read_bytes=row[16],
        written_bytes=row[17],
    )
