"""The table. Results of scenarios that were not run this time stay as they were."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_HEAD = """# Damaged data

Written by `make damage`. Each database was under write load; nobody gave a command between the
damage and health (in *advise*: one). *RPO*: of which time data may be lost, as the incident states
it, beside the time between the first and the last acknowledged row that was really gone. *RTO*: as
the incident states it, beside the time to the engine's own `healthy`. *noticed*: from the damage to
the beginning of the incident. Seconds. *run*: a row was judged by the code of that time.

| database | damage | outcome | cause | RPO | lost | RTO | measured | noticed | as must be | run |
|---|---|---|---|---:|---:|---:|---:|---:|---|---|
"""


def write(folder: Path, rows: Sequence[dict[str, Any]], order: Sequence[str]) -> None:
    """``results.json`` and, from it, ``results.md``."""
    kept = folder / "results.json"
    before = {one["name"]: one for one in json.loads(kept.read_text())} if kept.exists() else {}
    now = f"{datetime.now(UTC):%Y-%m-%d %H:%M}"
    merged = {**before, **{one["name"]: {**one, "at": now} for one in rows}}
    ordered = [merged[name] for name in order if name in merged]
    kept.write_text(json.dumps(ordered, indent=1) + "\n")
    (folder / "results.md").write_text(markdown(ordered))


def markdown(rows: Sequence[dict[str, Any]]) -> str:
    lines = [
        f"| {row['database']} | {row['damage']} | {_outcome(row)} | {row['cause']} "
        f"| {_s(row['rpo_stated'])} | {_s(row['lost'])} | {_s(row['rto_stated'])} "
        f"| {_s(row['rto_measured'])} | {_s(row['noticed'])} | {'yes' if row['right'] else 'no'} "
        f"| {row['at']} |"
        for row in rows
    ]
    wrong = [f"- {row['name']}: {_line('; '.join(row['wrong']))}" for row in rows if row["wrong"]]
    count = f"{sum(bool(row['right']) for row in rows)} of {len(rows)} went as they must."
    return _HEAD + "\n".join([*lines, "", count, *([""] if wrong else []), *wrong]) + "\n"


def _line(text: str) -> str:
    return " ".join(text.split())[:300]


def _outcome(row: dict[str, Any]) -> str:
    return f"{row['outcome'] or 'no incident'} ({row['treated'] or 'no treatment'})"


def _s(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.1f}"
