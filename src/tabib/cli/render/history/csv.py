"""Charts as CSV (RFC 4180), one line a point."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Any

COLUMNS = ("at", "project", "service", "name", "id", "metric", "unit", "mean", "peak")


def csv_text(answer: Mapping[str, Any]) -> str:
    """All points; of gaps the values are empty. Counters are per second."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for chart in answer.get("charts") or ():
        subject = chart.get("subject") or {}
        names = [subject.get(key, "") for key in ("project", "service", "name", "id")]
        for point in chart.get("points") or ():
            values = [point.get("mean"), point.get("peak")]
            writer.writerow(
                [point.get("at"), *names, chart["metric"], chart["unit"]]
                + ["" if value is None else value for value in values]
            )
    return out.getvalue()
