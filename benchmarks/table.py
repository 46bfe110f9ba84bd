"""The tables: printed, and kept under ``results/`` as Markdown and JSON."""

from __future__ import annotations

import json
import os
import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.bench import Row

RESULTS = Path(__file__).resolve().parent / "results"
_HEAD = """# What was measured last

Written by `make bench`, a section for each scenario: one that is measured again replaces its own
section. The daemon is warm but where a line says otherwise.
"""
_SECTION = re.compile(r"^## (\S+)\n", re.MULTILINE)


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


def write(
    found: Mapping[str, Sequence[Row]], runs: int, order: Sequence[str], folder: Path = RESULTS
) -> Path:
    """Put the scenarios' sections into ``latest.md``, and all figures of this run into a file of
    their own; the former's path.

    :param order: names of all scenarios: the order of the sections. A section of a scenario that
        is not among them any more is left out.
    """
    folder.mkdir(exist_ok=True)
    now = datetime.now(UTC)
    latest = folder / "latest.md"
    sections = _sections(latest.read_text(encoding="utf-8")) if latest.exists() else {}
    how = (
        f"{now:%Y-%m-%d %H:%M} UTC · medians of {runs} interleaved runs · Python "
        f"{platform.python_version()} · {os.cpu_count()} CPUs · Linux {platform.release()}"
    )
    sections |= {name: f"{how}\n\n{render(rows)}" for name, rows in found.items()}
    told = [f"## {name}\n{sections[name]}\n" for name in order if name in sections]
    latest.write_text("\n".join([_HEAD, *told]), encoding="utf-8")
    record = {
        "at": now.isoformat(),
        "runs": runs,
        "rows": {name: [asdict(row) for row in rows] for name, rows in found.items()},
    }
    (folder / f"{now:%Y%m%d-%H%M%S}.json").write_text(
        json.dumps(record, indent=1) + "\n", encoding="utf-8"
    )
    return latest


def _sections(text: str) -> dict[str, str]:
    _, *parts = _SECTION.split(text)
    return {name: body.strip() for name, body in zip(parts[::2], parts[1::2], strict=True)}
