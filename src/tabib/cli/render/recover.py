"""What a recovery would do, and did, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tabib.cli.console import Console
from tabib.cli.render.table import printable, table
from tabib.cli.render.units import duration, local_time, size

Row = Mapping[str, Any]
_COLORS = {"recovered": "green", "ready": "green", "failed": "red", "refused": "red"}


def plan_lines(plan: Row, console: Console) -> list[str]:
    """What is in the repository, and what stands against bringing it back."""
    lines = [f"repository {printable(plan['repository'])}"]
    lines += [
        f"  written by {printable(one['hostname'] or 'a host')}, last on {local_time(one['at'])}"
        for one in plan["hosts"]
    ]
    rows = [
        (
            printable(row["project"]),
            _state(row, console),
            str(row["snapshot"]),
            local_time(row["taken_at"]),
            local_time(row["verified_at"]) if row["verified_at"] else "never",
            size(row["size_bytes"]),
            duration(float(row["rpo_seconds"])),
        )
        for row in plan["projects"]
    ]
    headings = ("PROJECT", "STATE", "SNAPSHOT", "TAKEN", "VERIFIED", "SIZE", "OLDEST DATA")
    lines += table(headings, rows)
    for row in plan["projects"]:
        lines += _about(row, console)
    return lines


def result_lines(result: Row, console: Console) -> list[str]:
    """What came back, how old it is, how long it took."""
    rows = [
        (
            printable(row["project"]),
            _state(row, console),
            duration(float(row["rpo_seconds"])),
            duration(float(row["rto_seconds"])) if row["rto_seconds"] is not None else "",
        )
        for row in result["projects"]
    ]
    lines = table(("PROJECT", "STATE", "RPO", "RTO"), rows)
    for row in result["projects"]:
        name = printable(row["project"])
        if row["error"]:
            lines += [f"{name}: {line.strip()}" for line in str(row["error"]).splitlines()]
        lines += [f"{name}: lost: {printable(line)}" for line in row["lost"]]
        lines += [f"{name}: {printable(line)}" for line in row["notes"]]
        lines += [
            f"{name}: missing: {printable(path)} ({printable(why)})"
            for path, why in row["missing"].items()
        ]
    if result["failed"]:
        lines.append("Put right what failed, then run the same again: it goes on from there.")
    return lines


def _about(row: Row, console: Console) -> list[str]:
    name = printable(row["project"])
    lines = []
    if row["error"]:
        lines.append(f"{name}: {printable(row['error'])}")
    lines += [
        f"{name}: image {printable(one['reference'])}: {printable(one['from'])}"
        for one in row["images"]
        if one["from"] != "here"
    ]
    lines += [f"{name}: port {printable(one)}" for one in row["ports"]]
    lines += [
        f"{name}: missing: {printable(path)} ({printable(why)})"
        for path, why in row["missing"].items()
    ]
    lines += [f"{name}: {printable(one)}" for one in row["notes"]]
    return lines


def _state(row: Row, console: Console) -> str:
    color = _COLORS.get(row["state"])
    return console.paint(row["state"], color) if color else str(row["state"])
