"""``tabib events``."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime

import click

from tabib.cli.console import Console
from tabib.cli.moments import parse_moment, since_option, until_option
from tabib.cli.options import command, json_option, target_argument
from tabib.cli.recorded import checked, query_of
from tabib.cli.session import connect
from tabib.cli.settings import Settings


@command(
    "events",
    taken=("-f",),
    examples=(
        "tabib events                  what happened in the project here in the last day",
        "tabib events -f               and what happens, as it comes",
        "tabib events shop/api --since 2d --json",
    ),
)
@target_argument
@since_option("1d")
@until_option
@click.option("--follow", "-f", is_flag=True, help="Go on as events come.")
@click.option("show_all", "--all", "-a", is_flag=True, help="What repeats and mounts too.")
@click.option("--limit", type=click.IntRange(min=1), default=1000, help="The newest so many.")
@json_option
@click.pass_obj
def events(
    settings: Settings,
    target: str,
    since: str,
    until: str | None,
    follow: bool,
    show_all: bool,
    limit: int,
    as_json: bool,
) -> None:
    """Show what the engine reported: starts, deaths, health, networks, volumes.

    TARGET is a project, a service, a container or an id, also of what is gone.
    """
    from tabib.cli.render.events import EventPrinter

    now = datetime.now(UTC)
    query = query_of(
        settings, target, since=parse_moment(since, now), until=parse_moment(until, now),
        limit=limit, follow=follow,
    )  # fmt: skip
    printer = EventPrinter(Console(settings.ansi), everything=show_all)
    with connect(settings) as client:
        for row in checked(client.stream("GET", "/v1/events", query=query)):
            text = json.dumps(row, ensure_ascii=False) if as_json else printer.format(row)
            if text:
                sys.stdout.write(text + "\n")
            if follow:
                sys.stdout.flush()
