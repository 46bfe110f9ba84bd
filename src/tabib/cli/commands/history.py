"""``tabib history``."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from tabib.cli.console import Console
from tabib.cli.moments import parse_moment, since_option, until_option
from tabib.cli.options import command, json_option, target_argument
from tabib.cli.recorded import Row, checked, query_of
from tabib.cli.session import connect
from tabib.cli.settings import Settings
from tabib.model.errors import UsageError

if TYPE_CHECKING:
    from tabib.client.api import Client

_TWO_COLUMNS = 140
_POINTS = 400


@command(
    "history",
    examples=(
        "tabib history                        the project here, over the last hour",
        "tabib history shop/api --since 2d    a service, its replaced containers included",
        "tabib history node --metric cpu --metric load",
        "tabib history shop-db-1 --since 14:05 --svg db.svg",
    ),
)
@target_argument
@since_option("1h")
@until_option
@click.option("metrics", "--metric", "-m", multiple=True, metavar="NAME",
              help="cpu, memory, network, disk, … or a metric's full name.")  # fmt: skip
@click.option("--width", type=click.IntRange(min=30), metavar="COLUMNS", help="Of the picture.")
@click.option("as_csv", "--csv", is_flag=True, help="Print CSV.")
@click.option("svg_file", "--svg", metavar="FILE", help="Write a picture to FILE (- prints it).")
@json_option
@click.pass_obj
def history(
    settings: Settings,
    target: str,
    since: str,
    until: str | None,
    metrics: tuple[str, ...],
    width: int | None,
    as_csv: bool,
    svg_file: str | None,
    as_json: bool,
) -> None:
    """Show figures over time, also of containers that are gone. Gaps: nothing was recorded.

    TARGET is a project, a service, a container, an id, or `node`.
    """
    if as_csv + as_json + bool(svg_file) > 1:
        raise UsageError("--csv, --svg and --json exclude each other")
    now = datetime.now(UTC)
    query = query_of(
        settings, target, since=parse_moment(since, now), until=parse_moment(until, now)
    )
    console = Console(settings.ansi)
    with connect(settings) as client:
        answer = client.get("/v1/history", query | {"metric": list(metrics) or None,
                                                    "points": _POINTS})  # fmt: skip
        if as_json:
            console.json(answer)
        elif as_csv:
            from tabib.cli.render.history.csv import csv_text

            console.write(csv_text(answer))
        elif svg_file:
            _write_svg(svg_file, answer, _events(client, query), console)
        else:
            columns = width or shutil.get_terminal_size().columns
            for line in _lines(answer, _events(client, query), columns, bool(metrics), console):
                console.line(line)


def _events(client: Client, query: Mapping[str, Any]) -> list[Row]:
    return list(checked(client.stream("GET", "/v1/events", query=query)))


def _lines(answer: Row, events: list[Row], width: int, asked: bool, console: Console) -> list[str]:
    from tabib.cli.render.history import chart
    from tabib.decide.charts import plots

    two = width >= _TWO_COLUMNS
    look = chart.Look(width=(width - 2) // 2 if two else width, unicode=has_unicode())
    window = plots.window_of(answer, look.steps)
    found = plots.plots(answer, window, drawn_totals=asked)
    if not found:
        return [f"{_name(answer)}: nothing was recorded in that time"]
    blocks = [chart.chart_lines(one, look, console) for one in found]
    marks = plots.mark_row(plots.marks(events), plots.window_of(answer, look.columns))
    foot = [chart.time_axis(window, look, console), *chart.mark_lines(marks, look, console)]
    foot += _totals(plots.totals(answer))
    body = chart.side_by_side(blocks, look.width) if two else [
        line for block in blocks for line in (*block, "")
    ]  # fmt: skip
    return [console.paint(_name(answer), "bold"), "", *body[:-1], *foot]


def _totals(found: Mapping[str, int]) -> list[str]:
    words = {"restarts": "restarts by the engine", "oom_kills": "processes killed for memory"}
    told = [f"{count} {words[name]}" for name, count in found.items() if count]
    return [", ".join(told)] if told else []


def _name(answer: Row) -> str:
    target = answer.get("target") or {}
    return str(target.get("name") or "everything on this engine")


def _write_svg(file: str, answer: Row, events: list[Row], console: Console) -> None:
    from tabib.cli.output import write_out
    from tabib.decide.charts import plots
    from tabib.decide.charts.svg import Axis, svg

    window = plots.window_of(answer, _POINTS)
    axis = Axis(since=_local(window.since), until=_local(window.until))
    text = svg(_name(answer), plots.plots(answer, window), window, plots.marks(events), axis)
    write_out(file, text, console)


def _local(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S %z")


def has_unicode() -> bool:
    """Whether the terminal's character set has dots: what the locale says, and Python's stream."""
    names = (os.environ.get(name) for name in ("LC_ALL", "LC_CTYPE", "LANG"))
    told = next((name for name in names if name), "utf-8")
    encoding = getattr(sys.stdout, "encoding", "") or ""
    return "utf" in told.lower() and "utf" in encoding.lower()
