"""``tabib top``."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from typing import Any

import click

from tabib.cli.console import Console, is_terminal
from tabib.cli.options import command, json_option, target_argument
from tabib.cli.recorded import Row, checked, query_of
from tabib.cli.session import connect
from tabib.cli.settings import Settings
from tabib.model.errors import UsageError


@command(
    "top",
    examples=(
        "tabib top                          what runs here, live; q ends it",
        "tabib top --sort memory -n 10      the ten that use most memory",
        "tabib top shop/api --no-stream     one look, as a table",
    ),
)
@target_argument
@click.option("--sort", default="cpu", metavar="COLUMN", help="name, cpu, memory, in, out, …")
@click.option("--no-stream", is_flag=True, help="One look, then end.")
@click.option("limit", "--rows", "-n", type=click.IntRange(min=1), help="The first so many.")
@json_option
@click.pass_obj
def top(
    settings: Settings,
    target: str,
    sort: str,
    no_stream: bool,
    limit: int | None,
    as_json: bool,
) -> None:
    """Show what runs with its CPU, memory, traffic and processes, live.

    TARGET is a project, a service, a container, an id, or `node` (everything).
    """
    from tabib.cli.render.top.columns import CONTAINERS, by_name
    from tabib.cli.render.top.state import View

    column = by_name(CONTAINERS, sort)
    if column is None:
        raise UsageError(
            "there is no such column",
            attempted="sort by",
            target=sort,
            advice=f"There are: {', '.join(one.name for one in CONTAINERS)}.",
        )
    view = View(sort=column.name)
    query = query_of(settings, target)
    with connect(settings) as client:
        if not (as_json or no_stream) and is_terminal(sys.stdin) and is_terminal(sys.stdout):
            from tabib.cli.top_screen import Screen

            screen = Screen(client, settings, query)
            screen.view, screen.limit = view, limit
            screen.run()
            return
        tick = next(checked(client.stream("GET", "/v1/top", query=query)))
    _print(tick, view, limit, as_json, Console(settings.ansi))


def _print(tick: Row, view: Any, limit: int | None, as_json: bool, console: Console) -> None:
    from tabib.cli.render.top.state import arranged, prepared

    containers: list[Mapping[str, Any]] = list(tick.get("containers") or ())
    rows = arranged([prepared(row) for row in containers], view)[:limit]
    if as_json:
        by_id = {row["id"]: row for row in containers}
        console.json({**tick, "containers": [by_id[row["id"]] for row in rows]})
        return
    from tabib.cli.render.top.screen import header, table

    width = shutil.get_terminal_size((200, 24)).columns if not is_terminal(sys.stdout) else 0
    width = width or shutil.get_terminal_size().columns
    plain = [*header(tick, view, width), [], *table(rows, view, width, len(rows))]
    for line in plain:
        console.line("".join(text for text, _ in line).rstrip())
