"""The table: printed, and kept under ``results/`` as Markdown and JSON."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.bench import Row

RESULTS = Path(__file__).resolve().parent / "results"


def render(rows: Sequence[Row]) -> str:
    """A Markdown table."""
    lines = [
        "| what | tabib | beside | its figure | ratio | target |",
        "|---|---:|---|---:|---:|---|",
    ]
    for row in rows:
        reference = "" if row.reference_s is None else f"{row.reference_s:.3f} {row.unit}"
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}×"
        lines.append(
            f"| {row.what} | {row.tabib_s:.3f} {row.unit} | {row.reference} | {reference} "
            f"| {ratio} | {row.target} |"
        )
    return "\n".join(lines)


def write(rows: Sequence[Row], runs: int) -> str:
    """Keep the newest table (``latest.md``) and every run's figures; the Markdown file's name."""
    RESULTS.mkdir(exist_ok=True)
    now = datetime.now(UTC)
    head = (
        f"{now:%Y-%m-%d %H:%M} UTC · medians of {runs} interleaved runs · Python "
        f"{platform.python_version()} · {os.cpu_count()} CPUs · Linux {platform.release()}\n"
        "Written by `make bench`; the daemon is warm but where the line says otherwise.\n\n"
    )
    latest = RESULTS / "latest.md"
    latest.write_text(head + render(rows) + "\n", encoding="utf-8")
    record = {"at": now.isoformat(), "runs": runs, "rows": [asdict(row) for row in rows]}
    (RESULTS / f"{now:%Y%m%d-%H%M%S}.json").write_text(
        json.dumps(record, indent=1) + "\n", encoding="utf-8"
    )
    return str(latest.relative_to(RESULTS.parent.parent))
