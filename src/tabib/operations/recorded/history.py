"""Charts and single readings of what was recorded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tabib.decide import targets
from tabib.decide.figures import named
from tabib.decide.metric_names import chosen
from tabib.model.codec import builtins
from tabib.operations.recorded.scope import Asked, Span, monitor_of, scope
from tabib.operations.site import Site

POINTS = 200
MOST_POINTS = 5000


async def history(
    site: Site, asked: Asked, span: Span, metrics: Sequence[str], points: int = POINTS
) -> dict[str, Any]:
    """A chart of each metric (default: the most important) of each container, or of the node.

    :raises UsageError: there is no such metric.
    """
    there = await scope(site, asked)
    subjects = there.subjects(span)
    kind = "node" if there.found.kind == targets.NODE else "container"
    charts = await monitor_of(site).series.charts(
        subjects, chosen(kind, metrics), span.since, span.until, min(max(points, 1), MOST_POINTS)
    )
    return {
        "target": {**there.target, "subjects": [builtins(one) for one in subjects]},
        "since": builtins(span.since),
        "until": builtins(span.until),
        "charts": [builtins(one) for one in charts],
    }


async def readings(site: Site, asked: Asked, span: Span, metrics: Sequence[str]) -> dict[str, Any]:
    """Single readings as they were made; of all metrics, or of those named."""
    there = await scope(site, asked)
    subjects = there.subjects(span)
    kind = "node" if there.found.kind == targets.NODE else "container"
    wanted = set(chosen(kind, metrics)) if metrics else None
    found = []
    for subject in subjects:
        samples = await monitor_of(site).series.samples(subject, span.since, span.until)
        rows = []
        for at, values in samples:
            figures = named(subject.kind, values)
            kept = {k: v for k, v in figures.items() if wanted is None or k in wanted}
            rows.append({"at": builtins(at), "values": kept})
        found.append({"subject": builtins(subject), "readings": rows})
    return {
        "target": {**there.target, "subjects": [builtins(one) for one in subjects]},
        "since": builtins(span.since),
        "until": builtins(span.until),
        "readings": found,
    }
