"""Who is told about incidents, for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tabib.cli.console import Console
from tabib.cli.render.table import printable, table
from tabib.cli.render.units import duration, local_time

Row = Mapping[str, Any]
_COLORS = {"works": "green", "failing": "red", "wrong": "red"}


def destination_lines(rows: Sequence[Row], console: Console) -> list[str]:
    """The table of ``GET /v1/notify``, and below it what is wrong."""
    cells = [
        (
            str(row.get("id") or ""),
            str(row.get("destination") or ""),
            str(row.get("project") or "all"),
            ", ".join(row.get("on") or ()),
            str(row.get("min_severity") or ""),
            _quiet(row),
            _state(row, console),
            str(row.get("waiting") or ""),
            local_time(row.get("delivered_at")),
        )
        for row in rows
    ]
    headings = (
        "ID", "DESTINATION", "PROJECT", "TELLS", "FROM", "QUIET", "STATE", "WAITING", "DELIVERED",
    )  # fmt: skip
    return [*table(headings, cells), *trouble_lines(rows, console)]


def trouble_lines(rows: Sequence[Row], console: Console) -> list[str]:
    """What is wrong with destinations, one line each; nothing where all is well."""
    lines: dict[str, str] = {}
    for row in rows:
        head = f"{row.get('destination')} ({row.get('id')})"
        if row.get("error"):
            tries = f" after {row['failures']} attempts" if row.get("failures") else ""
            again = f"; again {local_time(row['retry_at'])}" if row.get("retry_at") else ""
            why = printable(str(row["error"]))
            lines[head] = f"{console.paint(str(row['state']), 'red')} {head}{tries}: {why}{again}"
        elif row.get("given_up"):
            lost = f"{row['given_up']} notices could not be delivered within a day"
            lines[head] = f"{console.paint('lost', 'yellow')} {head}: {lost}"
    return list(lines.values())


def test_lines(rows: Sequence[Row], console: Console) -> list[str]:
    """What ``POST /v1/notify/test`` says: one line for each."""
    lines = []
    for row in rows:
        scope = f" ({row['project']})" if row.get("project") else ""
        head = f"{row.get('destination')}{scope}"
        if row.get("delivered"):
            took = duration(float(row.get("seconds") or 0))
            lines.append(f"{console.paint('delivered', 'green')}  {head}  in {took}")
        else:
            why = printable(str(row.get("why") or "unknown"))
            lines.append(f"{console.paint('failed', 'red')}     {head}  {why}")
    return lines


def _quiet(row: Row) -> str:
    hours = str(row.get("quiet_hours") or "")
    zone = row.get("timezone")
    return "" if hours in ("", "none") else f"{hours} {zone}" if zone else hours


def _state(row: Row, console: Console) -> str:
    state = str(row.get("state") or "")
    color = _COLORS.get(state, "")
    return console.paint(state, color) if color else state
