"""The figures of a run, as a table for people and as JSON."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Row = Mapping[str, Any]


def figures(rows: Sequence[Row]) -> dict[str, Any]:
    sick = [row for row in rows if not row["healthy"]]
    odd = [row for row in rows if row["healthy"]]
    return {
        "scenarios": len(rows),
        "sick": len(sick),
        "across_services": sum(row["across"] for row in rows),
        "healthy": len(odd),
        "right_cause_first": _share(row["cause_right"] for row in sick),
        "right_treatment": _share(row["treatment_right"] and not row["harm"] for row in rows),
        "right_outcome": _share(row["outcome_right"] for row in rows),
        "harmful_actions": sum(len(row["harm"]) for row in rows),
        "false_incidents": sum(row["incidents"] for row in odd),
        "not_run": sum(bool(row["trouble"]) for row in rows),
        "median_seconds_to_case": _median(row["sealed_s"] for row in sick),
        "median_seconds_to_diagnosis": _median(row["diagnosed_s"] for row in sick),
    }


WANTED = {
    "right_cause_first": "≥ 0.95", "right_treatment": "≥ 0.95", "harmful_actions": "0",
    "false_incidents": "0", "median_seconds_to_case": "≤ 1", "median_seconds_to_diagnosis": "≤ 2",
}  # fmt: skip


def markdown(rows: Sequence[Row]) -> str:
    """The whole report."""
    lines = ["# The ward", ""]
    lines += ["| figure | measured | wanted |", "|---|---|---|"]
    for name, value in figures(rows).items():
        lines.append(f"| {name.replace('_', ' ')} | {value} | {WANTED.get(name, '')} |")
    lines += ["", "## Confusion: expected × found", "", "| expected | found | how often |"]
    lines += ["|---|---|---|", *_confusion(rows)]
    lines += ["", "## Scenarios", ""]
    lines += ["| | scenario | expected | found | done | outcome | to case, s |"]
    lines += ["|---|---|---|---|---|---|---|"]
    for row in sorted(rows, key=lambda one: (one["family"], one["name"])):
        lines.append(
            f"| {'✔' if row['right'] else '✘'} | {row['family']}/{row['name']} | {row['expected']} "
            f"| {row['found']} | {row['treatment']} | {row['outcome']} | {row['sealed_s'] or ''} |"
        )
    wrong = [row for row in rows if not row["right"]]
    if wrong:
        lines += ["", "## What was wrong", ""]
    for row in wrong:
        lines.append(f"- **{row['family']}/{row['name']}**: {_why(row)}")
        lines += [f"  - {told}" for told in row["told"]]
    return "\n".join(lines) + "\n"


def write(folder: Path, rows: Sequence[Row], names: Sequence[str]) -> list[Row]:
    """Merge ``rows`` into the results of the scenarios ``names`` and write both files."""
    folder.mkdir(exist_ok=True)
    file = folder / "ward.json"
    known: dict[str, Row] = {}
    if file.exists():
        known = {row["name"]: row for row in json.loads(file.read_text())["scenarios"]}
    known |= {row["name"]: row for row in rows}
    kept = [known[name] for name in names if name in known]
    document = {"figures": figures(kept), "scenarios": kept}
    file.write_text(json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
    (folder / "ward.md").write_text(markdown(kept))
    return kept


def _why(row: Row) -> str:
    parts = []
    if row["trouble"]:
        parts.append(f"could not be run: {row['trouble'][:400]}")
    if not row["cause_right"]:
        parts.append(f"cause {row['found']} instead of {row['expected']}")
    if not row["treatment_right"]:
        parts.append(f"treatment {row['treatment']}")
    if not row["outcome_right"]:
        parts.append(f"outcome {row['outcome']}")
    if row["harm"]:
        parts.append(f"harm {', '.join(row['harm'])}")
    return "; ".join(parts)


def _confusion(rows: Sequence[Row]) -> list[str]:
    counts: dict[tuple[str, str], int] = {}
    for row in rows:
        found = row["expected"] if row["cause_right"] else f"**{row['found']}**"
        counts[row["expected"], found] = counts.get((row["expected"], found), 0) + 1
    return [f"| {a} | {b} | {n} |" for (a, b), n in sorted(counts.items())]


def _share(values: Any) -> float:
    told = [bool(value) for value in values]
    return round(sum(told) / len(told), 3) if told else 0.0


def _median(values: Any) -> float | None:
    known = [value for value in values if value is not None]
    return round(statistics.median(known), 3) if known else None
