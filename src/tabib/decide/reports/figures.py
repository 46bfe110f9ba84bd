"""The charts of a report, and how the node was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from tabib.decide.charts.plots import Mark, Plot, Window
from tabib.decide.charts.recorded import last, plot
from tabib.decide.charts.svg import Axis, figure, told
from tabib.decide.reports.dossier import Dossier
from tabib.decide.reports.window import marks, window
from tabib.model.incident import Readings
from tabib.model.units import size

CONTAINER = (
    "cpu_us",
    "cpu_throttled_us",
    "memory_working_set_bytes",
    "network_received_bytes",
    "network_sent_bytes",
    "processes",
    "block_read_bytes",
    "block_written_bytes",
)
NODE = ("cpu_us", "memory_available_bytes")
_LEAST = 2
"""Fewer readings are told, not drawn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    title: str
    told: str
    svg: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Charts:
    container: tuple[Figure, ...] = ()
    node: tuple[Figure, ...] = ()
    flat: tuple[str, ...] = ()
    """What was zero throughout, by title."""


def charts(dossier: Dossier) -> Charts:
    """The minutes around the trouble; none where nothing was read."""
    there, happened = window(dossier), marks(dossier.incident)
    recorded = [case.recorded for case in dossier.cases if case.recorded]
    mine = [*(one.container for one in recorded), dossier.container_after]
    node = [*(one.node for one in recorded), dossier.node_after]
    container, flat = _figures("container", CONTAINER, mine, there, happened)
    around, _ = _figures("node", NODE, node, there, happened)
    return Charts(container=container, node=around, flat=flat)


def _figures(
    kind: str,
    metrics: Sequence[str],
    readings: Sequence[Readings],
    there: Window,
    happened: Sequence[Mark],
) -> tuple[tuple[Figure, ...], tuple[str, ...]]:
    axis = Axis(since=_clock(there.since), until=f"{_clock(there.until)} UTC")
    found: list[Figure] = []
    flat: list[str] = []
    for metric in metrics:
        one = plot(kind, metric, readings, there)
        if sum(mean is not None for mean in one.means) < _LEAST:
            continue
        if not one.highest:
            flat.append(one.title)
            continue
        one = _limited(one, readings)
        id = f"{kind}-{metric.replace('_', '-')}"
        svg = figure(one, there, happened, axis, id)
        found.append(Figure(title=one.title, told=told(one), svg=svg))
    return tuple(found), tuple(flat)


def _limited(one: Plot, readings: Sequence[Readings]) -> Plot:
    if one.kind != "container" or one.metric != "memory_working_set_bytes":
        return one
    limit = last("memory_limit_bytes", readings)
    return replace(one, limit=float(limit)) if limit else one


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")


def node_facts(dossier: Dossier) -> list[tuple[str, str]]:
    """How the node was when the newest case was sealed: name and value."""
    case = dossier.cases[-1] if dossier.cases else None
    if case is None or case.recorded is None:
        return []
    tables = [case.recorded.node]

    def value(metric: str) -> int | None:
        return last(metric, tables)

    facts: list[tuple[str, str]] = []
    total, available = value("memory_total_bytes"), value("memory_available_bytes")
    if total and available is not None:
        facts.append(("Memory available", f"{size(available)} of {size(total)}"))
    load, cpus = value("load_1m_hundredths"), value("cpus")
    if load is not None:
        facts.append(("Load, 1 minute", f"{load / 100:.2f}" + (f" on {cpus} CPUs" if cpus else "")))
    swap, used = value("swap_total_bytes"), value("swap_used_bytes")
    if swap and used is not None:
        facts.append(("Swap in use", f"{size(used)} of {size(swap)}"))
    for metric, name in (("processes", "Processes"), ("open_files", "Open files"),
                         ("oom_kills", "Out-of-memory kills since its start")):  # fmt: skip
        if (count := value(metric)) is not None:
            facts.append((name, str(count)))
    return facts
