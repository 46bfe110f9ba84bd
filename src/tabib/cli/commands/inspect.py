"""``tabib inspect``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import click

from tabib.cli.console import Console
from tabib.cli.moments import parse_moment
from tabib.cli.options import command, json_option, target_argument
from tabib.cli.recorded import query_of
from tabib.cli.session import connect
from tabib.cli.settings import Settings


@command(
    "inspect",
    examples=(
        "tabib inspect shop-api-1            how it is set up, and how it is",
        "tabib inspect --at 14:05            what ran here then, with its figures",
        "tabib inspect shop/api --at 2h      a service two hours ago, gone containers included",
        "tabib inspect shop-api-1 --json     as `docker inspect`",
    ),
)
@target_argument
@click.option("--at", metavar="TIME", help="At that time: 14:05, 2h or 2026-01-31T08:00:00Z.")
@json_option
@click.pass_obj
def inspect(settings: Settings, target: str, at: str | None, as_json: bool) -> None:
    """Show what runs, or ran at a time: state, health, figures, processes, set-up.

    TARGET is a project, a service, a container, an id, or `node`.
    """
    from tabib.cli.render.inspect import inspect_lines

    now = datetime.now(UTC)
    query = query_of(settings, target, at=parse_moment(at, now))
    console = Console(settings.ansi)
    with connect(settings) as client:
        answer: dict[str, Any] = client.get("/v1/inspect", query)
        if as_json and at is None and answer["target"]["kind"] == "container":
            existing = [row for row in answer["containers"] if row.get("exists")]
            if existing:
                paths = [f"/v1/containers/{quote(str(row['id']), safe='')}" for row in existing]
                console.json([client.get(path) for path in paths])
                return
    if as_json:
        console.json(answer)
        return
    for line in inspect_lines(answer, console, now):
        console.line(line)
