"""The tables of a summary as texts, for every format."""

from __future__ import annotations

from dataclasses import dataclass

from tabib.decide.charts.values import shown
from tabib.decide.charts.values import title as metric_title
from tabib.decide.reports.summary import Summary
from tabib.decide.reports.words import moment, place
from tabib.model.metrics import CONTAINER
from tabib.model.units import duration

_NAMES = {
    "notice": "noticed",
    "seal": "evidence sealed",
    "diagnose": "diagnosed",
    "recover": "recovered",
}
_UNITS = {one.name: one.unit for one in CONTAINER}


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """``numbers``: the columns that hold figures; ``none``: what is said where there is no row."""

    id: str
    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    none: str
    note: str = ""
    numbers: tuple[int, ...] = ()


def headline(summary: Summary) -> str:
    """``3 incidents, 2 recovered, 1 not over yet``."""
    if not summary.incidents:
        return "no incidents"
    many = "s" if summary.incidents > 1 else ""
    text = f"{summary.incidents} incident{many}, {summary.recovered} recovered"
    text += f", {summary.open} not over yet" if summary.open else ""
    waiting = len(summary.needs_a_person)
    return text + (f", {waiting} for a person" if waiting else "")


def tables(summary: Summary) -> list[Table]:
    """In the order in which they are shown."""
    return [
        Table(
            id="causes",
            title="Incidents by cause",
            headings=("Cause", "Incidents", "In trouble", "Services", "Such as"),
            numbers=(1, 2),
            rows=tuple(
                (one.code, str(one.count), duration(one.trouble_seconds), ", ".join(one.services),
                 one.summary)
                for one in summary.causes
            ),
            none="None.",
        ),
        Table(
            id="availability",
            title="Availability",
            note="The part of the time in which no incident of severity error or worse was open.",
            headings=("Service", "Available", "In trouble", "Incidents"),
            numbers=(1, 2, 3),
            rows=tuple(
                (one.service, share(one.available), duration(one.trouble_seconds),
                 str(one.incidents))
                for one in summary.availability
            ),
            none="No service is known.",
        ),
        Table(
            id="times",
            title="How fast",
            note="From the trouble until it was …; of 95 in 100 no longer than the last column.",
            headings=("Until", "Incidents", "Median", "95 of 100"),
            numbers=(1, 2, 3),
            rows=tuple(
                (_NAMES[one.name], str(one.count), _took(one.median_seconds),
                 _took(one.p95_seconds))
                for one in summary.timings
                if one.count
            ),
            none="Nothing to measure.",
        ),
        Table(
            id="treatments",
            title="Treatments",
            headings=("Treatment", "Tried", "Helped", "Did not", "Offered"),
            numbers=(1, 2, 3, 4),
            rows=tuple(
                (one.action, str(one.tried), str(one.helped), str(one.failed), str(one.offered))
                for one in summary.treatments
            ),
            none="None.",
        ),
        Table(
            id="releases",
            title="Releases",
            headings=("Release", "At", "By", "Verdict", "Why"),
            rows=tuple(
                (f"{place('' if summary.project else one.project, '')} {one.number}".strip(),
                 moment(one.created_at), one.by, one.verdict, one.reason)
                for one in summary.releases
            ),
            none="None in this time.",
        ),
        Table(
            id="consumers",
            title="What took the most",
            headings=("Container", "Of", "Mean", "Peak"),
            numbers=(2, 3),
            rows=tuple(
                (one.name, metric_title(one.metric), _figure(one.metric, one.mean),
                 _figure(one.metric, one.peak))
                for one in summary.consumers
            ),
            none="No figures were recorded.",
        ),
    ]  # fmt: skip


def share(available: float) -> str:
    """``99.95 %``; never rounded up to 100."""
    percent = available * 100
    return "100 %" if percent >= 100 else f"{min(percent, 99.999):.3f} %"


def _took(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return f"{seconds:.2f} s" if seconds < 1 else duration(seconds)


def _figure(metric: str, value: float) -> str:
    return shown("container", metric, _UNITS.get(metric, ""), value)
